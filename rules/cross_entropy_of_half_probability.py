from collections.abc import Iterator

from nanlint.api import Interval, Report, Site, rule

INSIDE = Interval(0.0, 1.0, lo_open=True, hi_open=True)


@rule("NAN510", at="binary_cross_entropy", kind="loss", mentions=".half float16 HalfTensor")
def cross_entropy_of_half_probability(site: Site) -> Iterator[Report]:
    """
    Binary cross entropy of float16 probabilities that can be 0 or 1.

    ## Why is this bad?

    `F.binary_cross_entropy` and `nn.BCELoss` clamp their logarithms at -100, so the loss looks fine. Their gradient
    divides by `max(p * (1 - p), 1e-12)`, and 1e-12 is 0 in float16: where p is exactly 0 or 1 the gradient is infinite,
    and `nan` behind a sigmoid. A float16 sigmoid is 1 from a logit of 8.3 on. In float32 and bfloat16 it is finite.

    ## Bad

    ```python
    def loss(logits, y):
        p = torch.sigmoid(logits.half())
        return F.binary_cross_entropy(p, y.half())  # flagged


    # run: loss(torch.tensor([20.0], requires_grad=True), torch.tensor([0.0]))
    ```

    ## Good

    ```python
    def loss(logits, y):
        return F.binary_cross_entropy_with_logits(logits.half(), y.half())


    # run: loss(torch.tensor([20.0], requires_grad=True), torch.tensor([0.0]))
    ```

    ## Known limits

    Only probabilities that are known to be float16. Under autocast torch itself refuses the loss.
    """
    p = site.input
    if p.value.dtype != "float16" or site.no_grad or site.result.grad is False:
        return
    confidence = site.doubt(p.value, INSIDE)
    if confidence is None:
        return
    of = "a float16 sigmoid is 1 from 8.3 on" if p.value.op == "sigmoid" else "it can be 0 or 1"
    yield site.report(
        confidence,
        f"the gradient of `{site.op}` is infinite in float16 where `{site.show(p)}` is 0 or 1, and {of}: "
        "use F.binary_cross_entropy_with_logits, or compute it in float32",
        at=site.place,
    )
