from collections.abc import Iterator

from nanlint.api import CERTAIN, LIKELY, Report, Site, rule, sigmoid_of, softmax_of, strip_views

LOGS = frozenset({"log_softmax", "logsigmoid"})


@rule("NAN506", at="kl_div", kind="loss", over="entropy-gradient-at-zero", mentions="kl_div KLDiv")
def kl_div_of_log_target(site: Site) -> Iterator[Report]:
    """
    The target of `kl_div` is not in the form that `log_target` says.

    ## Why is this bad?

    By default `kl_div` takes log-probabilities as its input and plain probabilities as its target, of which it takes
    the log itself: the log of a log-probability, which is negative, is `nan`. With `log_target=True` it exponentiates
    the target; given probabilities, it compares with numbers between 1 and 2.7, and the loss can be negative.

    ## Bad

    ```python
    def distill(student, teacher):
        log_p, log_q = F.log_softmax(student, dim=-1), F.log_softmax(teacher, dim=-1)
        return F.kl_div(log_p, log_q, reduction="batchmean")  # flagged


    # run: distill(torch.zeros(1, 3, requires_grad=True), torch.ones(1, 3))
    ```

    ## Good

    ```python
    def distill(student, teacher):
        log_p, log_q = F.log_softmax(student, dim=-1), F.log_softmax(teacher, dim=-1)
        return F.kl_div(log_p, log_q, reduction="batchmean", log_target=True)


    # run: distill(torch.zeros(1, 3, requires_grad=True), torch.ones(1, 3))
    ```

    ## Known limits

    Only where the target is seen to be a softmax or sigmoid, or the log of one. Of an input that is not logarithmic
    probabilities-as-logits speaks.
    """
    target, given = site.operands.get("target"), site.value("log_target")
    if target is None or (given is not None and not given.is_literal):
        return
    is_log = given is not None and bool(given.const)
    made = strip_views(target.value)
    range_ = target.value.range
    if not is_log and (made.op in LOGS or (made.op == "log" and range_ is not None and range_.hi <= 0)):
        yield site.report(
            CERTAIN,
            f"`kl_div` takes the log of its target, and `{site.show(target)}` is one already and negative, which gives "
            "nan: pass `log_target=True`, or the probabilities",
            at=target,
        )
    elif is_log and (softmax_of(made) or sigmoid_of(made)):
        yield site.report(
            LIKELY,
            f"with log_target=True `kl_div` wants log-probabilities, and `{site.show(target)}` lies in [0, 1]"
            f"{site.because(target.value)}: pass its log_softmax",
            at=target,
        )
