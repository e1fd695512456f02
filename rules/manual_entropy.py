from collections.abc import Iterator

from nanlint.api import POSITIVE, Report, Site, Value, first_arg, lost_eps, picked, rule, softmax_of, unguarded

LOGS = frozenset({"log", "log2", "log10"})


@rule("NAN509", at="mul", kind="loss", over="log-of-nonpositive", mentions="log( log2( log10( log() log2() log10()")
def manual_entropy(site: Site) -> Iterator[Report]:
    """
    A hand-written `p * log(p)` of a probability that can be zero.

    ## Why is this bad?

    Its limit at 0 is 0, and torch computes `0 * -inf = nan`. One class that never occurs is enough, and one empty bin
    of a histogram. `torch.special.entr(p)` is `-p * log(p)` with the limit, for values; where a gradient flows through
    p its slope at 0 is infinite in any form, so clamp p first, or take the logs from `log_softmax`.

    ## Bad

    ```python
    def entropy(p: torch.Tensor):
        return -(p * torch.log(p)).sum(dim=-1)  # flagged


    # run: entropy(torch.tensor([0.0, 1.0], requires_grad=True))
    ```

    ## Good

    ```python
    def entropy(p: torch.Tensor):
        return torch.special.entr(p.clamp_min(1e-12)).sum(dim=-1)


    # run: entropy(torch.tensor([0.0, 1.0], requires_grad=True))
    ```

    ## Known limits

    Of probabilities that a softmax makes in view, log-of-softmax speaks. With an eps under the log that holds, the rule
    is silent.
    """
    one, two = site.value("input"), site.value("other")
    if one is None or two is None or site.is_repaired:
        return
    for factor, log in ((one, two), (two, one)):
        p = first_arg(picked(factor)) if picked(factor).op == "neg" else factor
        if p is None:
            continue
        found = _is_log_of(picked(log), p)
        inner = first_arg(found) if found is not None else None
        if (
            found is None
            or found.made_by is None
            or inner is None
            or softmax_of(unguarded(p))
            or _is_finite_at_0(inner)
        ):
            continue
        confidence = site.doubt(inner, POSITIVE)
        if confidence is not None and not site.is_masked(found):
            yield site.report(
                confidence,
                f"`{site.show(site.place.node)}` is 0 * -inf = nan where p is 0{site.because(unguarded(p))}, though "
                "its limit is 0: use torch.special.entr(p), and clamp p where a gradient flows",
                at=found.made_by.place,
                covers=(found.made_by,),
            )
            return


def _is_finite_at_0(argument: Value) -> bool:
    """The log of the argument, where p is 0: an eps is added to it that its format holds."""
    added = [v.number for v in (argument.arg("input"), argument.arg("other")) if v is not None and v.number]
    return argument.op == "add" and any(number > 0 for number in added) and not lost_eps(argument)


def _is_log_of(value: Value, p: Value) -> Value | None:
    """The log, perhaps negated, when its argument is p, guards apart."""
    if value.op == "neg":
        value = picked(first_arg(value) or value)
    argument = first_arg(value)
    same = argument is not None and unguarded(argument).ident == unguarded(p).ident
    return value if value.op in LOGS and same else None
