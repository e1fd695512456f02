from collections.abc import Iterator

from nanlint.api import (
    LIKELY,
    POSSIBLE,
    Report,
    Site,
    Value,
    exp_limit,
    first_arg,
    have_common_origin,
    is_one,
    rule,
    strip_views,
)


@rule("NAN704", at="sub div", kind="precision", mentions="exp")
def exp_minus_one(site: Site) -> Iterator[Report]:
    """
    Exponential of a small number minus one, which cancels.

    ## Why is this bad?

    `exp(x)` rounds to a multiple of 1.2e-7 near 1. With the 1 taken off, one digit is left for an `x` of 1e-6, and 0
    for 1e-8. In the estimate `exp(r) - 1 - r` of a KL divergence the error is as large as the result for an `r` of
    3e-4, and `(exp(x) - 1) / x` is 0 where it ought to be 1. `torch.expm1` is exact.

    ## Bad

    ```python
    def average_growth(rate):
        rate = rate.clamp(1e-9, 10.0)
        return (torch.exp(rate) - 1) / rate  # flagged


    # run: average_growth(torch.tensor([1e-8, 1.0]))
    # effect: result[0] == 0
    ```

    ## Good

    ```python
    def average_growth(rate):
        rate = rate.clamp(1e-9, 10.0)
        return torch.expm1(rate) / rate


    # run: average_growth(torch.tensor([1e-8, 1.0]))
    ```

    ## Known limits

    `1 - exp(-x)`, and an exponential that has a name of its own, such as a ratio of probabilities that is compared
    with 1, give a `possible` finding unless the difference is divided by what `x` was made from. Where the exponential
    can overflow, `exp-overflow` speaks first. float64 is left alone.
    """
    if site.op == "sub":
        yield from _difference(site, site.result, None)
        return
    top, below = site.value("input"), site.value("other")
    if top is not None and below is not None and below.kind != "number":
        yield from _difference(site, strip_views(top), below)


def _difference(site: Site, value: Value, divisor: Value | None) -> Iterator[Report]:
    left, right, made = value.arg("input"), value.arg("other"), value.made_by
    if value.op != "sub" or left is None or right is None or made is None or site.is_repaired:
        return
    for exponential, one in ((strip_views(left), right), (strip_views(right), left)):
        exponent, taken = first_arg(exponential), exponential.made_by
        if exponential.op == "exp" and is_one(one) and exponent is not None and taken is not None:
            break
    else:
        return
    confidence = site.nears_zero(exponent)
    if confidence is None:
        return
    overflow = site.runs_past(exponent, exp_limit(exponent.dtype))
    if overflow is not None and overflow >= LIKELY:
        return
    if divisor is not None:
        if not have_common_origin(exponent, divisor):
            return
    elif one is left or not site.is_written(taken):
        confidence = min(confidence, POSSIBLE)
    sign = "" if one is right else "-"
    yield site.report(
        confidence,
        f"`{site.show(made.place.node)}` cancels where the exponent is near 0, and is 0 below 6e-8: "
        f"use {sign}torch.expm1",
        at=made.place,
    )
