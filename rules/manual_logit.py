from collections.abc import Iterator

from nanlint.api import (
    ABOVE_MINUS_ONE,
    NONZERO,
    POSITIVE,
    Application,
    Confidence,
    Report,
    Site,
    Value,
    complement_of,
    first_arg,
    picked,
    rule,
    unguarded,
)

Found = tuple[Value, tuple[Application, ...], list[Confidence | None]]


@rule(
    "NAN106", at="log sub", kind="domain", mentions="log( log()",
    over="log-of-nonpositive division-by-zero-tensor manual-bce-without-clamp log-of-sigmoid eps-on-signed-divisor",
)  # fmt: skip
def manual_logit(site: Site) -> Iterator[Report]:
    """
    A hand-written logit, `log(p / (1 - p))`, of a probability that can be 0 or 1.

    ## Why is this bad?

    It is `-inf` at 0 and `inf` at 1, and the gradient is `nan`. A sigmoid attains both ends: 1 from 16.64 on in
    float32, from 8.32 on in float16. `torch.logit(p, eps=1e-6)` clamps both ends; if the logits are at hand, keep them.

    ## Bad

    ```python
    def log_odds(p: torch.Tensor):
        return torch.log(p / (1 - p))  # flagged


    # run: log_odds(torch.tensor([0.5, 1.0], requires_grad=True))
    ```

    ## Good

    ```python
    def log_odds(p: torch.Tensor):
        return torch.logit(p, eps=1e-6)


    # run: log_odds(torch.tensor([0.5, 1.0], requires_grad=True))
    ```

    ## Known limits

    Odds that are written to a variable of a class between the division and the log are not followed.
    """
    found = _of_quotient(site) if site.op == "log" else _of_difference(site)
    if found is None or site.is_repaired:
        return
    p, covers, doubts = found
    known = [doubt for doubt in doubts if doubt is not None]
    if not known:
        return
    yield site.report(
        max(known),
        f"a hand-written logit is -inf where p is 0 and inf where it is 1{site.because(p)}: use "
        "torch.logit(p, eps=1e-6), or keep the logits",
        at=site.place,
        covers=covers,
        defect=("logit", p.ident),
    )


def _of_quotient(site: Site) -> Found | None:
    """`log(p / (1 - p))`."""
    odds = picked(site.input.value)
    above, below = odds.arg("input"), odds.arg("other")
    if odds.op != "div" or odds.made_by is None or above is None or below is None:
        return None
    other = complement_of(unguarded(below))
    if other is None or unguarded(other).ident != unguarded(above).ident:
        return None
    return unguarded(above), (odds.made_by,), [site.doubt(below, NONZERO), site.doubt(above, POSITIVE)]


def _of_difference(site: Site) -> Found | None:
    """`log(p) - log(1 - p)`, or the second half as `log1p(-p)`."""
    one, two = (picked(v) for v in (site.value("input"), site.value("other")) if v is not None)
    p, rest = first_arg(one), first_arg(two)
    if one.op != "log" or one.made_by is None or two.made_by is None or p is None or rest is None:
        return None
    if two.op == "log1p":
        other, doubt = first_arg(picked(rest)) if picked(rest).op == "neg" else None, site.doubt(rest, ABOVE_MINUS_ONE)
    elif two.op == "log":
        other, doubt = complement_of(unguarded(rest)), site.doubt(rest, POSITIVE)
    else:
        return None
    if other is None or unguarded(other).ident != unguarded(p).ident:
        return None
    return unguarded(p), (one.made_by, two.made_by), [site.doubt(p, POSITIVE), doubt]
