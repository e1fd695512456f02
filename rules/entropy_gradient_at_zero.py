from collections.abc import Iterator

from nanlint.api import (
    ABOVE_MINUS_ONE,
    CERTAIN,
    LIKELY,
    POSITIVE,
    POSSIBLE,
    Report,
    Site,
    have_common_origin,
    is_filled,
    is_shielded_at_zero,
    rule,
)

INNER = {"entr": "input", "xlogy": "other", "xlog1py": "other", "kl_div": "target"}
CURES = {
    "entr": "clamp it to a positive minimum first, or multiply by log_softmax",
    "xlogy": "clamp it to a positive minimum first, or multiply by log_softmax",
    "xlog1py": "clamp it to above -1 first",
    "kl_div": "detach it, clamp it to a positive minimum, or pass its logarithm with `log_target=True`",
}


@rule("NAN404", at="entr xlogy xlog1py kl_div", kind="gradient")
def entropy_gradient_at_zero(site: Site) -> Iterator[Report]:
    """
    `x log x` of a value that can be exactly zero, where a gradient flows back.

    ## Why is this bad?

    `xlogy(x, x)`, `special.entr` and `kl_div` give 0 at 0, as they should, but the slope of `x log x` there is
    infinite: entr has the gradient `inf`, xlogy and the target of kl_div have `nan`. A softmax that underflows turns
    even the `inf` into `nan`, for all logits of its row, while the loss looks fine.

    ## Bad

    ```python
    def consistency(logits, other):
        return F.kl_div((0.5 * logits + 0.5 * other).log_softmax(-1), logits.softmax(-1), reduction="sum")  # flagged


    # run: consistency(torch.tensor([0.0, 200.0], requires_grad=True), torch.tensor([0.0, 1.0]))
    ```

    ## Good

    ```python
    def consistency(logits, other):
        mixture = (0.5 * logits + 0.5 * other).log_softmax(-1)
        return F.kl_div(mixture, logits.log_softmax(-1), reduction="sum", log_target=True)


    # run: consistency(torch.tensor([0.0, 200.0], requires_grad=True), torch.tensor([0.0, 1.0]))
    ```

    ## Fix safety

    Unsafe: the clamp changes numbers below the smallest normal one of the dtype.

    ## Known limits

    Silent where no gradient flows, and behind relu, which lets none through at 0. The target of a kl_div that a caller
    or another network gives mostly needs no gradient: it is `possible`, unless it is made of what the input is made of.
    """
    x = site.operands.get(INNER[site.op])
    if x is None or site.no_grad or x.value.grad is False or not site.flows or is_shielded_at_zero(x.value):
        return
    if site.op == "kl_div" and _is_logarithm(site):
        return
    confidence = site.doubt(x.value, ABOVE_MINUS_ONE if site.op == "xlog1py" else POSITIVE)
    if confidence is None:
        return
    if confidence is CERTAIN and not x.value.grad:
        confidence = LIKELY
    if is_filled(x.value) or not site.is_trained(x.value) or not _wants_gradient(site):
        confidence = POSSIBLE
    slope = "an infinite" if site.op == "entr" else "a nan"
    where = "-1" if site.op == "xlog1py" else "0"
    yield site.report(
        confidence,
        f"`{site.op}` has {slope} gradient where `{site.show(x)}` is {where}, which it can be"
        f"{site.because(x.value)}: {CURES[site.op]}",
        at=x,
        fixes=site.fix("Clamp it to the smallest positive number", x, "x.clamp_min(tiny(x))", x=x)
        if site.op != "xlog1py"
        else (),
    )


def _is_logarithm(site: Site) -> bool:
    given = site.value("log_target")
    return given is not None and given.const is not False


def _wants_gradient(site: Site) -> bool:
    """A target is mostly data, or the work of a teacher."""
    source, target = site.value("input"), site.value("target")
    if site.op != "kl_div" or source is None or target is None or target.grad:
        return True
    return have_common_origin(source, target)
