from collections.abc import Iterator

from nanlint.api import (
    ABOVE_MINUS_ONE,
    CERTAIN,
    LIKELY,
    POSITIVE,
    Report,
    Site,
    Value,
    complement_of,
    first_arg,
    is_stand_in,
    picked,
    rule,
    sigmoid_of,
    unguarded,
)

OVER = "log-of-nonpositive exp-overflow manual-softmax manual-sigmoid division-by-zero-tensor normalised-by-own-scale"


@rule("NAN311", at="log log2 log10 log1p", kind="overflow", over=OVER, mentions="log")
def log_of_sigmoid(site: Site) -> Iterator[Report]:
    """
    Logarithm of a sigmoid, or of one minus a sigmoid.

    ## Why is this bad?

    In float32 sigmoid is exactly 1 from a logit of 16.64 on, and exactly 0 below -88.7. The log of it, or of
    `1 - sigmoid`, is then `-inf` with a `nan` gradient. A logit of 17 is what any confident classifier gives.

    ## Bad

    ```python
    def nonsaturating_loss(logits):
        return -torch.log(1 - torch.sigmoid(logits)).mean()  # flagged


    # run: nonsaturating_loss(torch.tensor([17.0], requires_grad=True))
    ```

    ## Good

    ```python
    def nonsaturating_loss(logits):
        return -F.logsigmoid(-logits).mean()


    # run: nonsaturating_loss(torch.tensor([17.0], requires_grad=True))
    ```

    ## Fix safety

    Safe: value and gradient are the same where the sigmoid does not round to 0 or 1.

    ## Known limits

    Where both halves of a binary cross entropy are there, manual-bce-without-clamp speaks instead.
    """
    x = site.input
    inner, domain = x.value, POSITIVE
    if site.op == "log1p":
        domain = ABOVE_MINUS_ONE
        if picked(inner).op != "neg":
            return
    if site.is_repaired or inner.range is None:
        return
    p, negated = _probability(inner, site.op == "log1p")
    made = sigmoid_of(p)
    if not made:
        return
    confidence = CERTAIN
    if inner.range.without_nan().within(domain):
        logits = first_arg(picked(p))
        if unguarded(inner).ident != inner.ident or logits is None or not is_stand_in(logits):
            return
        confidence = LIKELY
    ends, cure = ("1", "logsigmoid(-x)") if negated else ("0", "logsigmoid(x)")
    yield site.report(
        confidence,
        f"`{site.op}` is -inf where the sigmoid is exactly {ends}, and `{site.show(x)}` gets there in "
        f"{inner.dtype or 'float32'}{site.because(p)}: use F.{cure} on the logits",
        at=x,
        covers=made,
    )


def _probability(value: Value, negated: bool) -> tuple[Value, bool]:
    """`p` of log(p), log(1 - p) and log1p(-p), and whether it was complemented."""
    inner = unguarded(value)
    if negated:
        return unguarded(first_arg(picked(value)) or value), True
    other = complement_of(inner)
    return (inner, False) if other is None else (unguarded(other), True)
