from collections.abc import Iterator

from nanlint.api import (
    LIKELY,
    NONNEGATIVE,
    NONZERO,
    POSSIBLE,
    Report,
    Site,
    Value,
    are_slices_of_one,
    first_arg,
    is_part_of_sum,
    is_reshaped,
    lost_eps,
    rule,
    strip_shapes,
    strip_views,
)

# nothing but an array has these, and an array does not raise at 0
SUMS = frozenset({"sum", "nansum", "count_nonzero"})
SPREADS = frozenset({"std", "var"})
PRODUCTS = frozenset({"matmul", "mm", "mv", "bmm", "einsum"})
LARGER = frozenset({"max", "maximum"})
NORMS = frozenset({"norm", "vector_norm", "linalg_norm", "cdist", "dist"})


@rule(
    "NAN201", at="div reciprocal rsqrt pow", kind="division",
    over="spread-of-one-sample sqrt-gradient-at-zero exp-overflow",
)  # fmt: skip
def division_by_zero_tensor(site: Site) -> Iterator[Report]:
    """
    Division by a tensor that can hold zero.

    ## Why is this bad?

    Tensors do not raise on division by zero: `1 / 0` is `inf`, `0 / 0` is `nan`, and so is the gradient. Sums of masks,
    counts, norms, standard deviations and differences are zero as soon as a batch is empty, constant or padded.

    ## Bad

    ```python
    def masked_mean(x, mask):
        return (x * mask).sum() / mask.sum()  # flagged


    # run: masked_mean(torch.ones(3, requires_grad=True), torch.zeros(3))
    ```

    ## Good

    ```python
    def masked_mean(x, mask):
        return (x * mask).sum() / mask.sum().clamp(min=1)


    # run: masked_mean(torch.ones(3, requires_grad=True), torch.zeros(3))
    ```

    ## Fix safety

    Unsafe: a divisor of 0 becomes 1.

    ## Known limits

    A divisor of which nothing is known gives a `possible` finding at most. Numbers of Python are left alone unless they
    are taken from a tensor by `item()`, and so are quotients of two of them, which raise. A divisor that only underflow
    brings to zero, such as a sum of exponentials, gives a `possible` finding.
    """
    x = site.operands.get("other") if site.op == "div" else site.input
    if x is None or site.is_repaired:
        return
    confidence = site.doubt(x.value, NONZERO)
    if confidence is None:
        return
    power = site.value("exponent")
    exponent = power.number if power is not None else None
    if site.op == "pow" and (exponent is None or exponent >= 0):
        return
    rooted = site.op == "rsqrt" or (exponent is not None and exponent != int(exponent))
    negative = site.doubt(x.value, NONNEGATIVE) if rooted else None
    if negative is not None and negative >= confidence:
        # sqrt-of-negative speaks
        return
    if _some_are_true(site, x.value):
        return
    if confidence is POSSIBLE and strip_views(x.value).op in SUMS:
        confidence = LIKELY
    numerator = site.value("input") if site.op == "div" else None
    foreign = site.is_foreign(x.value)
    if confidence is POSSIBLE and numerator is not None and not foreign and _is_share(numerator, x.value):
        # nothing but an array can be divided by an element of itself
        known = site.is_tensor(x.value) or strip_views(x.value).ident == numerator.ident
        confidence = LIKELY if known else POSSIBLE
    kernel = _kernel(x.value)
    if site.only_underflows(x.value):
        confidence = POSSIBLE
    if kernel is not None:
        confidence = LIKELY
    what = f"power {exponent:.4g} of" if exponent is not None else "`rsqrt` of" if rooted else "division by"
    made = strip_views(x.value)
    # an eps inside of a root cures its gradient as well
    told = made.op in SPREADS or made.op == "sqrt"
    inner = (made.made_by,) if made.made_by is not None and told and confidence > POSSIBLE else ()
    inner = (kernel.made_by,) if kernel is not None and kernel.made_by is not None else inner
    yield site.report(
        confidence,
        f"{what} `{site.show(x)}` gives inf or nan at 0: {_divisor(site, x.value)}",
        at=site.place,
        covers=inner,
        fixes=site.kept_from_zero(x),
    )


def _is_share(numerator: Value, divisor: Value) -> bool:
    """A part over its whole (precision, IoU), or over another part of the same data (perspective): all may be zero."""
    parts = list(_factors(numerator))
    if any(is_part_of_sum(part, divisor) or are_slices_of_one(part, divisor) for part in parts):
        return True
    return any(_is_relative(part, divisor) for part in parts)


def _factors(value: Value, depth: int = 4) -> Iterator[Value]:
    """The value, and what is multiplied to make it; an absolute value counts as what it is of."""
    yield value
    made = strip_views(value)
    if made.op in ("mul", "abs", "neg") and depth:
        for part in (made.arg("input"), made.arg("other")):
            if part is not None:
                yield from _factors(part, depth - 1)


def _is_relative(difference: Value, divisor: Value) -> bool:
    """What two tensors differ by, over their sum, the larger one, or one of them: all may be zero."""
    made, whole = strip_shapes(difference), strip_shapes(divisor)
    sides = [v for v in (made.arg("input"), made.arg("other")) if v is not None and v.kind != "number"]
    if made.op != "sub" or len(sides) < 2:
        return False
    whole = first_arg(whole) or whole if whole.op == "abs" else whole
    one, other = whole.arg("input"), whole.arg("other")
    if whole.op in LARGER and one is not None and other is not None and other.kind != "number":
        return all(any(is_reshaped(part, side) for side in sides) for part in (one, other))
    return any((whole.op == "add" and is_part_of_sum(side, whole)) or is_reshaped(side, whole) for side in sides)


def _divisor(site: Site, value: Value) -> str:
    """What the divisor is, when it is zero, and what to do."""
    made = strip_views(value)
    of = first_arg(made)
    if site.is_item(value):
        return "it is the number of a tensor that can be 0, and a tensor that is divided by it does not raise; test it"
    if lost := lost_eps(value):
        return lost
    if _kernel(value) is not None:
        return (
            "a row of the `exp` in it underflows to 0 where all costs are large; iterate in log space, by `logsumexp`"
        )
    if made.op in SUMS:
        if made.op == "count_nonzero" or of is not None and strip_views(of).dtype == "bool":
            return "a count, 0 when the mask selects nothing; use `.clamp(min=1)`"
        return f"a sum, 0 when all of its elements are{site.because(value)}; clamp it to a positive minimum"
    if made.op == "mul" and all(strip_views(v).op in NORMS for v in (made.arg("input"), made.arg("other")) if v):
        return "a product of lengths, 0 for a zero vector; use `F.cosine_similarity`, or clamp the lengths"
    if made.op in SPREADS:
        return "a spread, 0 for constant data (and nan for one sample); add an eps to it"
    if made.op == "sqrt":
        return f"a root, 0 where what is under it is{site.because(value)}; add an eps inside of the root"
    if made.op in NORMS:
        return "a length, 0 for a zero vector; clamp it to a positive minimum or use `F.normalize`"
    if value.op == "add" and value.range is None:
        return "a sum of tensors, 0 where all of them are; add an eps to it or clamp it"
    if made.op == "sub":
        if value.range is not None and value.range.point == 0:
            return "a difference of equal values, which is always 0"
        why = site.because(value)
        return f"a difference, 0 where its two sides are equal{why}; replace zeros, such as by `where(d == 0, 1, d)`"
    if value.range is None:
        return "it has no known bound away from 0; clamp it, or replace its zeros first"
    if value.range.point is not None:
        return f"it is {value.range}{site.because(value)}; test it, or replace it"
    lies = f"it lies in {value.range}{site.because(value)}"
    return f"{lies}; add an eps to it or clamp it" if value.range.lo >= 0 else f"{lies}; replace its zeros first"


def _kernel(value: Value) -> Value | None:
    """`exp(-cost / eps)` in a product of matrices, by which Sinkhorn's iteration divides."""
    product = strip_views(value)
    factors = product.made_by.args.values() if product.made_by is not None and product.op in PRODUCTS else ()
    for factor in map(strip_views, factors):
        exponent = first_arg(factor) if factor.op == "exp" else None
        if exponent is not None and _is_scaled_cost(exponent):
            return factor
    return None


def _is_scaled_cost(exponent: Value) -> bool:
    """A tensor, negated and divided by a number, in either order."""
    ops: list[str] = []
    value = exponent
    while value.op in ("neg", "div", "mul") and len(ops) < 3:
        left, right = value.arg("input"), value.arg("other")
        ops.append(value.op)
        negative = right is not None and right.number is not None and right.number < 0
        if negative or (left is not None and left.number is not None and left.number < 0):
            ops.append("neg")
        number_first = left is not None and left.kind == "number" and right is not None
        value = right if number_first and right is not None else left or Value()
    return "neg" in ops and ("div" in ops or "mul" in ops)


def _some_are_true(site: Site, value: Value) -> bool:
    """The sum of a mask of which a guard has said that some of it is true."""
    made = strip_views(value)
    of = first_arg(made)
    whole = made.op in SUMS and made.arg("dim") is None and of is not None
    return whole and of is not None and (site.marked("some", of) or site.marked("some", strip_views(of)))
