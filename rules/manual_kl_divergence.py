from collections.abc import Iterator

from nanlint.api import (
    LIKELY,
    NONZERO,
    POSITIVE,
    Application,
    Confidence,
    Report,
    Site,
    Value,
    first_arg,
    picked,
    rule,
    softmax_of,
    unguarded,
)

LOGS = frozenset({"log", "log2"})


@rule(
    "NAN508", at="mul", kind="loss", mentions="log( log2( log() log2()",
    over="log-of-nonpositive division-by-zero-tensor manual-entropy eps-on-signed-divisor",
)  # fmt: skip
def manual_kl_divergence(site: Site) -> Iterator[Report]:
    """
    A hand-written `p * log(p / q)` of probabilities that can be zero.

    ## Why is this bad?

    Where p is 0 it is `0 * -inf = nan`, though the term is 0; where both are, `0 / 0`. Where q alone is 0 it is `inf`,
    which is true and trains nothing. `F.kl_div(log_q, p)` knows the first; with `log_softmax` on both sides and
    `log_target=True` neither p nor q is ever 0.

    ## Bad

    ```python
    def divergence(p: torch.Tensor, q: torch.Tensor):
        return (p * (torch.log(p) - torch.log(q))).sum(dim=-1)  # flagged


    # run: divergence(torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.5]))
    ```

    ## Good

    ```python
    def divergence(p_logits, q_logits):
        log_p, log_q = p_logits.log_softmax(dim=-1), q_logits.log_softmax(dim=-1)
        return F.kl_div(log_q, log_p, reduction="sum", log_target=True)


    # run: divergence(torch.tensor([-200.0, 0.0]), torch.tensor([0.0, 0.0]))
    ```

    ## Known limits

    Of probabilities that a softmax makes in view, log-of-softmax speaks. A product that is distributed over the two
    logs is told of as an entropy and a log.
    """
    one, two = site.value("input"), site.value("other")
    if one is None or two is None or site.is_repaired:
        return
    for factor, logs in ((one, two), (two, one)):
        p = unguarded(factor)
        found = None if softmax_of(p) else _of_difference(site, p, picked(logs)) or _of_quotient(site, p, picked(logs))
        if found is None:
            continue
        doubts, place, covers = found
        known = [doubt for doubt in doubts if doubt is not None]
        if known:
            yield site.report(
                max(known),
                f"`{site.show(site.place.node)}` is 0 * -inf = nan where p is 0{site.because(p)}, and inf where q is: "
                "use F.kl_div(log_q, log_p, log_target=True) on log_softmax, or clamp both",
                at=place.place,
                covers=covers,
            )
            return


Found = tuple[list[Confidence | None], Application, tuple[Application, ...]]


def _of_difference(site: Site, p: Value, logs: Value) -> Found | None:
    """`log(p) - log(q)`, either way round."""
    left, right = logs.arg("input"), logs.arg("other")
    if logs.op != "sub" or logs.made_by is None or left is None or right is None:
        return None
    halves = [v for v in (picked(left), picked(right)) if v.op in LOGS]
    arguments = [first_arg(v) for v in halves]
    if not any(a is not None and unguarded(a).ident == p.ident for a in arguments):
        return None
    if any(a is not None and softmax_of(unguarded(a)) for a in arguments):
        return None
    doubts = [site.doubt(a, POSITIVE) for a in arguments if a is not None]
    if any(site.is_masked(half) for half in halves):
        return None
    return doubts, logs.made_by, tuple(v.made_by for v in halves if v.made_by is not None)


def _of_quotient(site: Site, p: Value, log: Value) -> Found | None:
    """`log(p / q)`, either way round."""
    quotient = picked(first_arg(log) or log)
    above, below = quotient.arg("input"), quotient.arg("other")
    if log.op not in LOGS or log.made_by is None or quotient.op != "div" or quotient.made_by is None:
        return None
    if above is None or below is None or p.ident not in (unguarded(above).ident, unguarded(below).ident):
        return None
    if softmax_of(unguarded(above)) or softmax_of(unguarded(below)) or site.is_masked(log):
        return None
    doubts = [site.doubt(below, NONZERO), site.doubt(above, POSITIVE)]
    if site.is_tensor(quotient) and above.kind == below.kind == "unknown":
        # one of the two is a tensor, and what is weighted by its own share is a distribution
        doubts = [max(doubt, LIKELY) if doubt is not None else None for doubt in doubts]
    return doubts, log.made_by, (log.made_by, quotient.made_by)
