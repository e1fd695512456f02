from collections.abc import Iterator

from nanlint.api import INF, LIKELY, Report, Site, Value, rule

MASKS = "where masked_fill nan_to_num clamp clamp_min masked_select index"
OPS = "log log2 log10 sqrt rsqrt reciprocal div pow acos asin acosh atanh log1p exp"


@rule("NAN402", at=OPS, kind="gradient", over="log-of-nonpositive division-by-zero-tensor sqrt-gradient-at-zero sqrt-of-negative")
def where_gradient_trap(site: Site) -> Iterator[Report]:
    """
    Bad elements are masked after the operation, which keeps their gradient.

    ## Why is this bad?

    `where`, `masked_fill`, `clamp` and `nan_to_num` pick the good value in the forward pass. In the backward pass the
    untaken branch gets a gradient of 0, and 0 times the infinite derivative behind it is `nan`.

    ## Bad

    ```python
    def safe_log(x):
        return torch.where(x > 0, torch.log(x), torch.zeros_like(x))  # flagged


    # run: safe_log(torch.tensor([0.0, 1.0], requires_grad=True))
    ```

    ## Good

    ```python
    def safe_log(x):
        positive = x > 0
        return torch.where(positive, torch.log(torch.where(positive, x, 1.0)), 0.0)


    # run: safe_log(torch.tensor([0.0, 1.0], requires_grad=True))
    ```

    ## Known limits

    Silent where no gradient can flow: under `no_grad`, on detached or integer tensors, in metrics.
    """
    if not site.is_repaired or site.no_grad or site.result.grad is False:
        return
    operand = site.operands.get("other") if site.op == "div" else site.input
    if operand is None:
        return
    confidence = _doubt(site, operand.value)
    if confidence is None:
        return
    mask = site.repaired[0]
    yield site.report(
        min(confidence, LIKELY),
        f"the mask on line {site.row(mask)} hides what `{site.op}` of `{site.show(operand)}` gives at its bad elements, "
        f"not their gradient, which becomes nan: mask the input before the `{site.op}` instead",
        at=site.place,
    )


def _doubt(site: Site, value: Value):  # type: ignore[no-untyped-def]
    if site.unmet:
        need = site.unmet[0]
        return site.doubt(value, need.domain)
    made = site.result.range
    return site.result.reach if made is not None and INF in made and site.is_tensor(value) else None
