from collections.abc import Iterator

from nanlint.api import LIKELY, POSSIBLE, Report, Site, moments_of, rule

WIDE = ("float64", "complex128")


@rule("NAN706", at="sub", kind="precision", mentions="mean pool conv sum")
def variance_by_difference(site: Site) -> Iterator[Report]:
    """
    Variance as the mean of the squares minus the square of the mean, which cancels.

    ## Why is this bad?

    Both terms are as large as the square of the mean, and rounding takes 6e-8 of that. In float32 nothing of the
    variance is left where the mean is some thousand times the spread: it comes out as 0, or negative, and its root as
    nan. `torch.var` subtracts the mean first.

    ## Bad

    ```python
    def spread(x):
        variance = (x**2).mean() - x.mean() ** 2  # flagged
        return variance.clamp_min(0.0)


    # run: spread(torch.tensor([10000.0, 10001.0, 10002.0]))
    # effect: result == 0
    ```

    ## Good

    ```python
    def spread(x):
        return torch.var(x, correction=0)


    # run: spread(torch.tensor([10000.0, 10001.0, 10002.0]))
    ```

    ## Known limits

    Means over a window (pooling, convolution), which of images in [0, 1] are exact enough, and values that are bounded
    by 1 give a `possible` finding. Sums that are kept from batch to batch are not recognised. Where the root is taken
    at once, `sqrt-of-negative` speaks.
    """
    moments = moments_of(site.result)
    if moments is None or site.result.dtype in WIDE:
        return
    parts = (moments.first, moments.second)
    bounded = any(p.range is not None and p.range.magnitude().hi <= 1 for p in parts)
    unsure = moments.windowed or bounded or not any(site.is_tensor(p) for p in parts)
    what, cure = "variance", "torch.var(x, correction=0)"
    if not moments.is_variance:
        what, cure = "covariance", "the mean of the product of the centred values"
    message = f"`{site.show(site.node)}` is a {what} as a difference, which cancels and can be negative"
    confidence = POSSIBLE if unsure else min(LIKELY, *(p.reach for p in parts))
    yield site.report(confidence, f"{message} where the mean is large: use {cure}")
