from collections.abc import Iterator

from nanlint.api import LIKELY, NONZERO, POSSIBLE, Report, Site, Value, first_arg, is_square, picked, rule, strip_views

SUMS = frozenset({"sum", "nansum", "count_nonzero", "mean"})
BOTH = frozenset({"mul", "logical_and", "bitwise_and", "minimum"})
EITHER = frozenset({"logical_or", "bitwise_or", "maximum"})


@rule(
    "NAN209", at="div", kind="division", over="division-by-zero-tensor normalised-by-own-scale eps-on-signed-divisor",
)  # fmt: skip
def overlap_without_smoothing(site: Site) -> Iterator[Report]:
    """
    Dice or IoU of two masks that can both be empty.

    ## Why is this bad?

    Where neither the prediction nor the target holds anything, the overlap is `0 / 0 = nan`: an image without the
    object, a class that the batch lacks. Clamping the divisor alone makes it 0, which is the worst score for a perfect
    answer and pulls the loss there. Add the same number to both sides, as `(2 * both + 1) / (one + other + 1)`, and
    two empty masks overlap fully.

    ## Bad

    ```python
    def dice(p: torch.Tensor, target: torch.Tensor):
        return 2 * (p * target).sum() / (p.sum() + target.sum())  # flagged


    # run: dice(torch.zeros(4, requires_grad=True), torch.zeros(4))
    ```

    ## Good

    ```python
    def dice(p: torch.Tensor, target: torch.Tensor):
        return (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)


    # run: dice(torch.zeros(4, requires_grad=True), torch.zeros(4))
    ```

    ## Fix safety

    Unsafe: a divisor of 0 becomes 1, which makes the overlap of two empty masks 0.

    ## Known limits

    Precision, recall and F1 of counts are for division-by-zero-tensor. With an eps in the divisor alone the rule is
    silent, although the score is then 0.
    """
    above, below = site.value("input"), site.value("other")
    if above is None or below is None or site.is_repaired or below.kind == "number":
        return
    both = _unscaled(above)
    if not (_is_union(both, below) or _is_total(both, below)):
        return
    confidence = site.doubt(below, NONZERO)
    if confidence is None:
        return
    if confidence is POSSIBLE and (site.is_tensor(below) or site.is_tensor(both)) and not site.is_foreign(below):
        confidence = LIKELY
    yield site.report(
        confidence,
        f"the overlap `{site.show(site.place.node)}` is 0 / 0 = nan where both masks are empty: add the same small "
        "number to both sides of the division",
        at=site.place,
        fixes=site.kept_from_zero(site.operands["other"]),
    )


def _unscaled(value: Value) -> Value:
    """The value without a number that it is multiplied by, and without views."""
    value = strip_views(value)
    left, right = value.arg("input"), value.arg("other")
    if value.op == "mul" and left is not None and right is not None and "number" in (left.kind, right.kind):
        return strip_views(right if left.kind == "number" else left)
    return value


def _is_union(both: Value, below: Value) -> bool:
    """`one + other - both`, or the sum of `one | other`."""
    below = strip_views(below)
    left, right = below.arg("input"), below.arg("other")
    if below.op == "sub" and left is not None and right is not None:
        return left.op == "add" and strip_views(right).ident == both.ident
    one, other = _pair(both, BOTH), _pair(below, EITHER)
    return bool(one) and one == other


def _is_total(both: Value, below: Value) -> bool:
    """`one.sum() + other.sum()`, perhaps of squares, where `both` is the sum of their product."""
    below = strip_views(below)
    left, right = below.arg("input"), below.arg("other")
    if below.op != "add" or left is None or right is None:
        return False
    sides = [_summed(side) for side in (left, right)]
    pair = _pair(both, BOTH)
    return bool(pair) and {s.ident for s in sides if s is not None} == pair


def _pair(value: Value, ops: frozenset[str]) -> set[int]:
    """The two masks of which this is the summed intersection, or union."""
    value = strip_views(value)
    inner = picked(first_arg(value) or value) if value.op in SUMS else None
    left, right = (inner.arg("input"), inner.arg("other")) if inner is not None and inner.op in ops else (None, None)
    return {strip_views(left).ident, strip_views(right).ident} if left is not None and right is not None else set()


def _summed(value: Value) -> Value | None:
    """The mask that was summed, or squared and summed."""
    value = strip_views(value)
    inner = first_arg(value) if value.op in SUMS else None
    if inner is None:
        return None
    inner = strip_views(inner)
    return strip_views(first_arg(inner) or inner) if is_square(inner) else inner
