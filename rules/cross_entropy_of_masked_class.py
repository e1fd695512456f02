from collections.abc import Iterator

from nanlint.api import CERTAIN, INF, LIKELY, Confidence, Report, Site, Value, fills, rule, softmax_of, strip_views


@rule(
    "NAN505", at="cross_entropy", kind="loss", over="softmax-of-all-masked",
    mentions="inf Inf label_smoothing",
)  # fmt: skip
def cross_entropy_of_masked_class(site: Site) -> Iterator[Report]:
    """
    Cross entropy of logits masked with -inf, with a target that gives each class a part.

    ## Why is this bad?

    The log-probability of a class that is masked with -inf is -inf. A target that is one class never asks for it, but
    label smoothing gives a part to every class: the loss is `inf` wherever anything is masked. A target of
    probabilities gives a masked class a part of 0 at best, and `0 * -inf` is `nan`.

    ## Bad

    ```python
    def loss(logits, target):
        logits = logits.masked_fill(logits < -10, float("-inf"))
        return F.cross_entropy(logits, target, label_smoothing=0.1)  # flagged


    # run: loss(torch.tensor([[0.0, 1.0, -20.0]]), torch.tensor([0]))
    ```

    ## Good

    ```python
    def loss(logits, target):
        logits = logits.masked_fill(logits < -10, float("-inf"))
        return F.cross_entropy(logits, target)


    # run: loss(torch.tensor([[0.0, 1.0, -20.0]]), torch.tensor([0]))
    ```

    ## Known limits

    Whether the class of a target is itself masked is not seen. A mask of -1e9 leaves the loss finite, at a tenth of
    that number, which is no better but is not told.
    """
    logits, target = site.input, site.value("target")
    if site.is_repaired or not _holds_minus_infinity(logits.value):
        return
    confidence = _smooths(site.value("label_smoothing"))
    if confidence is not None:
        why = "is inf, because label smoothing gives a part to each class and"
        cure = "leave it out, or average the log-probabilities of the classes that are left"
    elif target is not None and _is_soft(target):
        confidence, why = CERTAIN, "is inf or nan, because its target has a part for each class, 0 at best, and"
        cure = "sum target * log_softmax over the classes that are left"
    else:
        return
    yield site.report(
        confidence, f"`cross_entropy` {why} `{site.show(logits)}` has classes at -inf: {cure}", at=site.place
    )


def _holds_minus_infinity(value: Value) -> bool:
    if next(fills(value), None) is not None:
        return True
    return strip_views(value).op == "tensor" and value.range is not None and -INF in value.range


def _smooths(smoothing: Value | None) -> Confidence | None:
    """How sure it is that the labels are smoothed: a number that is chosen elsewhere is seldom 0."""
    if smoothing is None or smoothing.kind not in ("number", "unknown") or smoothing.number == 0:
        return None
    return LIKELY if smoothing.number is None else CERTAIN


def _is_soft(target: Value) -> bool:
    made = strip_views(target)
    return made.op == "one_hot" or bool(softmax_of(made))
