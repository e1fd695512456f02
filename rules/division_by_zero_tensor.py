from collections.abc import Iterator

from nanlint.api import NONZERO, Report, Site, rule


@rule("NAN201", at="div true_divide reciprocal rsqrt", kind="division")
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

    ## Known limits

    A divisor of which nothing is known gives a `possible` finding at most. Python numbers raise and are left alone.
    """
    x = site.operands.get("other") or site.input
    if site.op == "div" and site.operands.get("other") is None:
        return
    confidence = site.doubt(x.value, NONZERO)
    if confidence is None or site.is_repaired:
        return
    lies = f"lies in {x.value.range}{site.because(x.value)}" if x.value.range is not None else "has no known bound away from 0"
    yield site.report(
        confidence,
        f"division by `{site.show(x)}` gives inf or nan at 0, and it {lies}: clamp it away from 0 or add an eps to it",
        at=site.place,
    )
