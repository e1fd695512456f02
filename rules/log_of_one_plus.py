from collections.abc import Iterator

from nanlint.api import LIKELY, POSITIVE, POSSIBLE, Operand, Report, Site, Value, is_one, picked, rule


@rule("NAN703", at="log log2 log10", kind="precision")
def log_of_one_plus(site: Site) -> Iterator[Report]:
    """
    Logarithm of one plus a small number, which rounds to the logarithm of one.

    ## Why is this bad?

    `1 + x` rounds to a multiple of 1.2e-7 in float32, so of an `x` of 1e-6 one digit is left, and of 1e-8 none: the
    logarithm is 0, and what divides by it or takes its logarithm again is infinite. `torch.log1p` is exact.

    ## Bad

    ```python
    def excess(ratio):
        return torch.log(1 + ratio * ratio)  # flagged


    # run: excess(torch.tensor([1e-4, 1.0]))
    # effect: result[0] == 0
    ```

    ## Good

    ```python
    def excess(ratio):
        return torch.log1p(ratio * ratio)


    # run: excess(torch.tensor([1e-4, 1.0]))
    ```

    ## Known limits

    `log(1 - x)` of a small `x`, `log(1 + exp(x))`, whose tail alone is lost, sums of many elements, and a `1 + x` that
    has a name of its own give a `possible` finding. float64, whole numbers, evenly spaced ones and values that are
    known to stay away from 0 are left alone. The gradient, `1 / (1 + x)`, is exact.
    """
    x = site.input
    inner = _added_to_one(x.value)
    if inner is None:
        return
    confidence = site.nears_zero(inner)
    negative = site.doubt(x.value, POSITIVE)
    if confidence is None or (negative is not None and negative >= LIKELY):
        # log-of-nonpositive speaks
        return
    made = x.value.made_by
    named = made is None or not site.is_written(made)
    if named or not site.is_data(inner) or x.value.op != "add" or picked(inner).op in ("exp", "softplus"):
        confidence = min(confidence, POSSIBLE)
    yield site.report(confidence, _message(site, x))


def _added_to_one(value: Value) -> Value | None:
    """`x`, when the value is `1 + x`, `x + 1` or `1 - x`."""
    left, right = value.arg("input"), value.arg("other")
    if left is None or right is None:
        return None
    if value.op == "add" and is_one(left) != is_one(right):
        return right if is_one(left) else left
    if value.op == "sub" and is_one(left) and not is_one(right):
        return right
    return None


def _message(site: Site, x: Operand) -> str:
    scale = {"log2": " / math.log(2)", "log10": " / math.log(10)"}.get(site.op, "")
    return (
        f"`{site.op}` of `{site.show(x)}` is 0 where what is added to 1 is below 6e-8, and has lost digits up to "
        f"1e-3: use torch.log1p{scale}"
    )
