from collections.abc import Iterator

from nanlint.api import LIKELY, Confidence, Report, Site, Value, first_arg, is_told_nothing, rule, strip_views

LARGE = 100.0
"""The roots of numbers below it differ by enough."""
WIDE = ("float64", "complex128")


@rule("NAN707", at="sub", kind="precision", mentions="sqrt .5")
def difference_of_roots(site: Site) -> Iterator[Report]:
    """
    Difference of two square roots that are nearly equal, which cancels.

    ## Why is this bad?

    `sqrt(x + 1) - sqrt(x)` is `0.5 / sqrt(x)` for large `x`, which float32 takes from the last digits of two rounded
    numbers: at 1e7 half of the result is wrong, and from 2 ** 24 on it is 0. `sqrt(1 + u) - 1` of a small `u` is 0
    below 6e-8, so a loss of that form does not see errors below 2e-4. Multiplied by the sum of the two roots, the
    difference is one of what stands below them.

    ## Bad

    ```python
    def charbonnier(difference):
        return torch.sqrt(difference * difference + 1) - 1  # flagged


    # run: charbonnier(torch.tensor([1e-4, 1.0]))
    # effect: result[0] == 0
    ```

    ## Good

    ```python
    def charbonnier(difference):
        squared = difference * difference
        return squared / (torch.sqrt(squared + 1) + 1)


    # run: charbonnier(torch.tensor([1e-4, 1.0]))
    ```

    ## Known limits

    The difference of a number and a root that is nearly equal to it, as in the solution of a quadratic equation, is
    found for Python numbers alone. float64 is left alone. The gradient is exact.
    """
    left, right = site.operand("input"), site.operand("other")
    if left is None or right is None or site.result.dtype in WIDE or site.is_repaired:
        return
    first, second = _under_root(left.value), _under_root(right.value)
    shown = site.show(site.node)
    if first is not None and second is not None:
        confidence = _large(site, first, second)
        if confidence is not None:
            message = f"`{shown}` is a difference of roots that are nearly equal where they are large"
            yield site.report(confidence, f"{message}: divide the difference of their squares by their sum")
        return
    root, number = (first, right.value) if first is not None else (second, left.value)
    added = _added(root, number.number) if root is not None else None
    confidence = site.nears_zero(added) if added is not None else None
    if confidence is not None:
        message = f"`{shown}` cancels where what is added to {_square(number):g} below the root is small"
        yield site.report(confidence, f"{message}: divide that by the sum of the root and the number")


def _under_root(value: Value) -> Value | None:
    made = strip_views(value)
    power = made.arg("exponent")
    rooted = made.op == "sqrt" or (made.op == "pow" and power is not None and power.number == 0.5)
    return first_arg(made) if rooted else None


def _large(site: Site, first: Value, second: Value) -> Confidence | None:
    """How sure it is that both are large, and one is the other and a number."""
    for whole, part in ((first, second), (second, first)):
        left, right = whole.arg("input"), whole.arg("other")
        if whole.op not in ("add", "sub") or left is None or right is None:
            continue
        for same_, number in ((left, right), (right, left)):
            if same_.ident == part.ident and number.number is not None:
                known = part.range is not None and not is_told_nothing(part)
                if known and part.range is not None and part.range.hi <= LARGE:
                    return None
                return min(LIKELY, part.reach) if site.is_tensor(part) else Confidence.POSSIBLE
    return None


def _added(value: Value, number: float | None) -> Value | None:
    """`u`, when the value is `number ** 2 + u`."""
    left, right = value.arg("input"), value.arg("other")
    if number is None or number <= 0 or value.op != "add" or left is None or right is None:
        return None
    for square, other in ((left, right), (right, left)):
        if square.number is not None and abs(square.number - number * number) <= 1e-6 * number:
            return other
    return None


def _square(number: Value) -> float:
    return (number.number or 0.0) ** 2
