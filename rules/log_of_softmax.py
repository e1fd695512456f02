from collections.abc import Iterator

from nanlint.api import (
    CERTAIN,
    LIKELY,
    POSITIVE,
    Report,
    Site,
    first_arg,
    is_stand_in,
    picked,
    rule,
    softmax_of,
    unguarded,
)

GAPS = {"float16": 18, "bfloat16": 93, "float64": 746}
OVER = "log-of-nonpositive exp-overflow manual-softmax manual-sigmoid division-by-zero-tensor normalised-by-own-scale"


@rule("NAN310", at="log log2 log10", kind="overflow", over=OVER, mentions="log")
def log_of_softmax(site: Site) -> Iterator[Report]:
    """
    Logarithm of a softmax, which underflows to zero.

    ## Why is this bad?

    In float32 softmax is exactly 0 for a logit 104 below the largest. Its log is `-inf`, a target of 0 times `-inf` is
    `nan`, and the gradient is `nan` in any case. `log_softmax` subtracts in log space and is finite for finite logits.

    ## Bad

    ```python
    def cross_entropy(logits, onehot):
        p = torch.softmax(logits, dim=-1)
        return -(onehot * torch.log(p)).sum(-1).mean()  # flagged


    # run: cross_entropy(torch.tensor([[0.0, 200.0]], requires_grad=True), torch.tensor([[0.0, 1.0]]))
    ```

    ## Good

    ```python
    def cross_entropy(logits, onehot):
        return -(onehot * torch.log_softmax(logits, dim=-1)).sum(-1).mean()


    # run: cross_entropy(torch.tensor([[0.0, 200.0]], requires_grad=True), torch.tensor([[0.0, 1.0]]))
    ```

    ## Fix safety

    Safe: value and gradient are the same where the softmax does not underflow.

    ## Known limits

    Logits that are random numbers or trained from zero stand for others: what is known of them here is not believed.
    A softmax that is averaged or multiplied before the log is left to log-of-nonpositive, which names the same danger.
    """
    x = site.input
    made = softmax_of(unguarded(x.value))
    if not made or site.is_repaired or x.value.range is None:
        return
    confidence = CERTAIN
    if x.value.range.without_nan().within(POSITIVE):
        logits = first_arg(picked(x.value))
        if unguarded(x.value).ident != x.value.ident or logits is None or not is_stand_in(logits):
            return
        confidence = LIKELY
    gap = GAPS.get(x.value.dtype or "", 104)
    yield site.report(
        confidence,
        f"`{site.op}` of a softmax: `{site.show(x)}` underflows to 0 where a logit is {gap} below the largest"
        f"{site.because(x.value)}, which gives -inf and a nan gradient: use log_softmax",
        at=x,
        covers=made,
    )
