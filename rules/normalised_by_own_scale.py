from collections.abc import Iterator

from nanlint.api import (
    LIKELY,
    NONZERO,
    POSSIBLE,
    Application,
    Report,
    Site,
    Value,
    first_arg,
    is_square,
    rule,
    same,
    strip_views,
)

SUMS = frozenset({"sum", "nansum"})
NORMS = frozenset({"norm", "vector_norm", "linalg_norm"})
LARGEST = frozenset({"max", "amax", "nanmax"})
SMALLEST = frozenset({"min", "amin"})
# of weights and vectors that are not in view, their author is taken at his word; data has what range it has
OWN = frozenset({"sum", "norm"})
MEANS = frozenset({"mean", "nanmean", "median"})


@rule(
    "NAN203", at="div weight_norm", kind="division",
    over="division-by-zero-tensor sqrt-gradient-at-zero spread-of-one-sample eps-on-signed-divisor",
)  # fmt: skip
def normalised_by_own_scale(site: Site) -> Iterator[Report]:
    """
    A tensor divided by its own sum, norm, spread or range without a guard.

    ## Why is this bad?

    What scales a tensor is zero exactly where the tensor has nothing to scale: a zero vector has norm 0, constant data
    has standard deviation 0 and range 0, an empty histogram has sum 0. Then `0 / 0` gives `nan` in every element, and
    one padded row or one dead feature is enough. The standard deviation of a single sample is `nan` by itself.

    ## Bad

    ```python
    def standardise(x):
        return (x - x.mean()) / x.std()  # flagged


    # run: standardise(torch.ones(4, requires_grad=True))
    ```

    ## Good

    ```python
    def standardise(x):
        return (x - x.mean()) / (x.std() + 1e-6)


    # run: standardise(torch.ones(4, requires_grad=True))
    ```

    ## Fix safety

    `F.normalize` is safe. Otherwise unsafe: a divisor of 0 becomes 1.

    ## Known limits

    With an eps the rule says no more, although `std` of one sample stays `nan`: of that `spread-of-one-sample` speaks.
    """
    if site.op == "weight_norm":
        yield from _reparametrised(site)
        return
    above, below = site.value("input"), site.value("other")
    if above is None or below is None or site.is_repaired or above.kind == "number":
        return
    found = _scale(below)
    if found is None:
        return
    of, what, when, cure = found
    if not any(same(of, part) for part in _parts(above)):
        return
    confidence = site.doubt(below, NONZERO)
    if confidence is None:
        return
    always = below.range is not None and below.range.point == 0
    if (site.only_underflows(of) and not always) or (what in OWN and site.is_foreign(of)):
        confidence = POSSIBLE
    elif confidence is POSSIBLE and what != "norm" and not _is_raised(of):
        confidence = LIKELY
    scaled, divisor = site.show(site.operands["input"]), site.show(site.operands["other"])
    yield site.report(
        confidence,
        f"`{scaled}` is divided by its own {what} `{divisor}`, which is 0 {when}: {cure}",
        at=site.place,
        # the infinite slope of a root at zero, or a single sample, is the same defect
        covers=_roots(below),
        fixes=site.kept_from_zero(site.operands["other"]),
    )


def _reparametrised(site: Site) -> Iterator[Report]:
    """`g * v / v.norm()`, in one function of torch."""
    confidence = site.doubt(site.input.value, NONZERO)
    if confidence is not None:
        shown = site.show(site.input)
        message = f"`{shown}` is divided by its own norm, which is 0 for a zero vector: use `g * F.normalize({shown})`"
        yield site.report(confidence, message, at=site.place)


def _roots(value: Value) -> tuple[Application, ...]:
    made = strip_views(value)
    if made.made_by is None or made.op not in ("sqrt", "pow", "std", "var"):
        return ()
    below = first_arg(made)
    return (made.made_by,) if below is None else (made.made_by, *_roots(below))


def _is_raised(value: Value) -> bool:
    """A positive number was added to each element, such as one to each of some counts, or a row of numbers stands in
    for those that are no good.
    """
    made = strip_views(value)
    if made.op == "where":
        return any(v is not None and _is_written_out(v) for v in (made.arg("input"), made.arg("other")))
    added = made.arg("other")
    return made.op == "add" and added is not None and added.number is not None and added.number > 0


def _is_written_out(value: Value) -> bool:
    row = strip_views(value)
    return row.op in ("tensor", "new_tensor") and row.range is not None and row.range.lo >= 0 and row.range.hi > 0


def _scale(value: Value) -> tuple[Value, str, str, str] | None:
    """What the value measures, in what way, when that is 0, and the cure."""
    made = strip_views(value)
    of = first_arg(made)
    if of is None:
        return None
    inner = strip_views(of)
    if made.op in SUMS:
        return _under(of, {"abs", "square"}), "sum", "when all of it is", "clamp the sum to a positive minimum"
    if made.op in NORMS:
        return of, "norm", "for a zero vector", "use `F.normalize`, or clamp the norm to a positive minimum"
    if made.op in ("std", "var"):
        return of, "spread", "for constant data (and nan for one sample)", "add an eps to it"
    if made.op in MEANS or made.op in LARGEST:
        word = "mean" if made.op in MEANS else "maximum"
        return _under(of, {"abs"}), word, "when all of it is", f"clamp the {word} to a positive minimum"
    if made.op in ("sqrt", "pow") and not is_square(made):
        if inner.op == "var":
            return (
                first_arg(inner),
                "spread",
                "for constant data (and nan for one sample)",
                "add an eps inside of the root",
            )  # type: ignore[return-value]
        if inner.op in SUMS | MEANS and (root := first_arg(inner)) is not None and is_square(strip_views(root)):
            return _under(root, {"mul", "pow", "square"}), "norm", "for a zero vector", "add an eps inside of the root"
    if made.op == "sub":
        other = made.arg("other")
        low = strip_views(other) if other is not None else None
        top = first_arg(inner) if inner.op in LARGEST else None
        bottom = first_arg(low) if low is not None and low.op in SMALLEST else None
        if top is not None and same(top, bottom):
            return top, "range", "for constant data", "add an eps to it"
    return None


def _under(value: Value, ops: set[str]) -> Value:
    """The operand below an absolute value or a square."""
    made = strip_views(value)
    if made.op in ops and (made.op in ("abs", "square") or is_square(made)):
        return first_arg(made) or value
    return value


def _parts(value: Value) -> Iterator[Value]:
    """The tensor that is scaled: itself, or less its mean or minimum, or times a number."""
    for _ in range(4):
        value = strip_views(value)
        yield value
        if value.op not in ("sub", "mul", "neg", "abs", "square", "pow", "exp"):
            return
        inner = first_arg(value)
        if inner is None:
            return
        if value.op == "mul" and inner.kind == "number":
            inner = value.arg("other") or inner
        value = inner
