from collections.abc import Iterator

from nanlint.api import NONZERO, POSSIBLE, Report, Site, Value, ancestry, complement_of, first_arg, picked, rule

# functions that are 0 at 0, as what divides them is
VANISHING = frozenset("sin tan tanh sinh asin atan asinh atanh erf expm1 log1p".split())
SCALINGS = frozenset({"mul", "div", "neg", "pow", "square"})
DEPTH = 6


@rule(
    "NAN208", at="div", kind="division",
    over="division-by-zero-tensor normalised-by-own-scale one-minus-cosine exp-minus-one eps-on-signed-divisor",
    mentions="sin( sin() cos( cos() tan( tan() sinh tanh asin atan asinh atanh arcsin arctan erf expm1 log1p exp(",
)  # fmt: skip
def removable_singularity(site: Site) -> Iterator[Report]:
    """
    A quotient with a limit at zero, such as `sin(x) / x`, that is computed as 0 / 0 there.

    ## Why is this bad?

    `sin(x) / x`, `(1 - cos(x)) / x**2`, `expm1(x) / x` and their like are smooth, and `nan` at exactly 0: for a
    rotation by no angle, a time step of 0, equal directions. A mask behind the division keeps the `nan` in the
    gradient. Take a function that knows the limit, as `torch.sinc` does, or a series where x is small, chosen by
    `where` before the division and behind it. An eps in the divisor alone makes the value 0 where it should be 1.

    ## Bad

    ```python
    def rotation_coefficient(angle: torch.Tensor):
        return torch.sin(angle) / angle  # flagged


    # run: rotation_coefficient(torch.zeros(1, requires_grad=True))
    ```

    ## Good

    ```python
    def rotation_coefficient(angle: torch.Tensor):
        return torch.sinc(angle / math.pi)


    # run: rotation_coefficient(torch.zeros(1, requires_grad=True))
    ```

    ## Fix safety

    A function that has the limit is safe. Otherwise unsafe: a divisor of 0 becomes 1.

    ## Known limits

    What vanishes by cancellation of more than two terms, such as `(x - sin(x)) / x**3`, is found by its `sin`.
    """
    above, below = site.value("input"), site.value("other")
    if above is None or below is None or site.is_repaired:
        return
    root = _scaled(below)
    term, found = _vanishing(above, root) if root is not None else (None, None)
    confidence = site.doubt(below, NONZERO) if found is not None else None
    if term is None or found is None or confidence is None:
        return
    cancelling = (term.made_by,) if term.made_by is not None and confidence > POSSIBLE else ()
    cure = "torch.sinc(x / math.pi)" if found.op == "sin" and below.op not in SCALINGS else "its series for small x"
    yield site.report(
        confidence,
        f"`{site.show(site.place.node)}` is 0 / 0 = nan where `{site.show(site.operands['other'])}` is 0, though it "
        f"has a limit there: use {cure}, and `where` on the divisor",
        at=site.place,
        covers=cancelling,
        fixes=site.kept_from_zero(site.operands["other"]),
    )


def _scaled(value: Value) -> Value | None:
    """`x` of `x`, `c * x`, `x ** 2` or `sin(x)`: what is 0 where the value is."""
    for _ in range(DEPTH):
        value = picked(value)
        if value.op not in SCALINGS and value.op not in VANISHING:
            break
        left, right = value.arg("input"), value.arg("other")
        factor = right if left is not None and left.kind == "number" else left
        if factor is None:
            return None
        value = factor
    return None if value.kind == "number" else value


def _vanishing(value: Value, root: Value) -> tuple[Value, Value] | tuple[None, None]:
    """The term of the value that is 0 where the root is, and the function of the root in it."""
    for part in ancestry(value, DEPTH):
        inner = first_arg(part)
        if part.op in VANISHING and inner is not None and _is_scaled(inner, root):
            return part, part
        other = complement_of(part)
        other = picked(other) if other is not None else None
        inner = first_arg(other) if other is not None else None
        if other is not None and other.op == "cos" and inner is not None and _is_scaled(inner, root):
            return part, other
        left, right = part.arg("input"), part.arg("other")
        if part.op == "sub" and left is not None and right is not None and right.number == 1:
            inner = first_arg(picked(left)) if picked(left).op in ("exp", "cos") else None
            if inner is not None and _is_scaled(inner, root):
                return part, picked(left)
    return None, None


def _is_scaled(value: Value, root: Value) -> bool:
    found = _scaled(value)
    return found is not None and found.ident == picked(root).ident
