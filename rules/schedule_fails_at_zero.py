from collections.abc import Iterator

from nanlint.api import CERTAIN, POSSIBLE, Confidence, Report, Site, rule


@rule("NAN610", at="schedule", kind="training", mentions="LambdaLR")
def schedule_fails_at_zero(site: Site) -> Iterator[Report]:
    """
    A learning rate schedule that divides by the step, or by the warm-up steps, which can be 0.

    ## Why is this bad?

    `LambdaLR` calls its function with 0 as soon as it is made. `1 / step` and `step ** -0.5`, the schedule of the first
    transformers, raise there, and so does `step / warmup` for whoever wants no warm-up. Computed with numpy or tensors
    they are `inf`, and so are the weights after one step. Count from `step + 1`, and divide by `max(1, warmup)`.

    ## Bad

    ```python
    def schedule(optimizer):
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step**-0.5)  # flagged


    # run: schedule(torch.optim.SGD([torch.zeros(1)], lr=0.1))
    # raises: ZeroDivisionError
    ```

    ## Good

    ```python
    def schedule(optimizer):
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) ** -0.5)


    # run: schedule(torch.optim.SGD([torch.zeros(1)], lr=0.1))
    ```

    ## Known limits

    Only `LambdaLR`, whose function is in view. A number of warm-up steps that is not known gives a `possible` finding.
    """
    for inner in site.payload:
        fault = _fault(inner)
        if fault is None:
            continue
        confidence, what, cure = fault
        yield site.report(
            confidence,
            f"LambdaLR on line {site.row(site.place)} calls this with step 0 at once, and "
            f"`{site.show(inner.place.node)}` {what}: {cure}",
            at=inner.place,
        )


def _fault(inner: Site) -> tuple[Confidence, str, str] | None:
    """What fails in the function when it gets 0: how surely, how, and the cure."""
    first, exponent, divisor = inner.value("input"), inner.value("exponent"), inner.value("other")
    if inner.op == "pow" and first is not None and exponent is not None:
        negative = exponent.number is not None and exponent.number < 0
        return (CERTAIN, "is a negative power of 0", "count from step + 1") if first.number == 0 and negative else None
    if inner.op != "div" or divisor is None:
        return None
    if divisor.number == 0:
        return CERTAIN, "divides by it", "count from step + 1"
    if divisor.kind == "unknown" and divisor.range is None and divisor.made_by is None:
        return POSSIBLE, "fails where there is no warm-up", "divide by max(1, ...)"
    return None
