from collections.abc import Iterator

from nanlint.api import (
    CERTAIN,
    LIKELY,
    Application,
    Report,
    Site,
    Value,
    rule,
    sigmoid_of,
    softmax_of,
    strip_views,
    unguarded,
)

CLASSES = frozenset(
    {"Categorical", "OneHotCategorical", "OneHotCategoricalStraightThrough", "RelaxedOneHotCategorical", "Multinomial"}
)
SQUASHING = frozenset(
    {"binary_cross_entropy_with_logits", "multilabel_soft_margin_loss", "Bernoulli", "RelaxedBernoulli"}
)
SOFTENING = frozenset({"softmax", "log_softmax"})
LOGARITHMIC = frozenset({"nll_loss", "kl_div"})
OPS = CLASSES | SQUASHING | SOFTENING | LOGARITHMIC | {"cross_entropy"}
PATTERNS = {"softmax": "softmax(x, dim=D)", "sigmoid": "sigmoid(x)"}
LOGS = {"softmax": "log_softmax", "sigmoid": "logsigmoid"}


@rule(
    "NAN503", at=" ".join(sorted(OPS)), kind="loss",
    mentions="softmax softmin Softmax Softmin sigmoid Sigmoid expit exp(",
)  # fmt: skip
def probabilities_as_logits(site: Site) -> Iterator[Report]:
    """
    Probabilities where logits are wanted: a softmax of a softmax, a sigmoid of a sigmoid.

    ## Why is this bad?

    `cross_entropy` applies `log_softmax` itself. Given probabilities, which lie between 0 and 1, it cannot tell a sure
    prediction from an unsure one: with C classes the loss never falls below `log(1 + (C - 1) / e)`, which is 0.31 for 2
    and 1.46 for 10, and where the inner softmax saturates the gradient is exactly 0, for the wrong class as well. So it
    is with a sigmoid before `binary_cross_entropy_with_logits`, whose loss never falls below 0.31 for a positive and
    0.69 for a negative. `nll_loss` and `kl_div` take log-probabilities: what they make of probabilities is no
    likelihood.

    ## Bad

    ```python
    def loss(logits, target):
        return F.cross_entropy(torch.softmax(logits, dim=-1), target)  # flagged


    # effect: result > 0.3
    # run: loss(torch.tensor([[0.0, 200.0]]), torch.tensor([1]))
    ```

    ## Good

    ```python
    def loss(logits, target):
        return F.cross_entropy(logits, target)


    # effect: result > 0.3
    # run: loss(torch.tensor([[0.0, 200.0]]), torch.tensor([1]))
    ```

    ## Known limits

    `cross_entropy` of a `log_softmax` is wasted work and nothing else, as `log_softmax` of its own result changes
    nothing. Probabilities that are scaled first, as by a temperature, are left alone, and so is what is a softmax on
    one branch only.
    """
    p = site.operand("input" if "input" in site.operands else "logits")
    found = _probabilities(site, p.value) if p is not None else None
    if p is None or found is None or not _on_all_branches(site):
        return
    what, made = found
    is_ = f"`{site.show(p)}` is a {what} (line {site.row(made.place)})"
    if site.op in LOGARITHMIC:
        yield site.report(LIKELY, f"`{site.op}` wants log-probabilities, and {is_}: take its {LOGS[what]}", at=p)
        return
    own = "sigmoid" if site.op in SQUASHING else "softmax"
    yield site.report(
        CERTAIN if own == what else LIKELY,
        f"`{site.op}` takes logits and applies a {own} itself, but {is_}: sure predictions look like unsure ones, with "
        "a gradient of 0; pass the logits",
        at=p,
        fixes=site.fix_made("Pass the logits", p, PATTERNS[what], "x"),
    )


def _probabilities(site: Site, value: Value) -> tuple[str, Application] | None:
    """Softmax or sigmoid, and what made it, of a value that the op takes for something else."""
    if site.op in SOFTENING:
        made = softmax_of(strip_views(value))
        return ("softmax", made[0]) if made and _is_along_same(site, made[0]) else None
    value = unguarded(value)
    if made := softmax_of(value):
        return "softmax", made[0]
    made = sigmoid_of(value) if site.op not in CLASSES else ()
    return ("sigmoid", made[0]) if made else None


def _is_along_same(site: Site, inner: Application) -> bool:
    """Both are taken along one dimension; one that is not given, or is not known, may be any."""
    outer, dim = site.value("dim"), inner.args.get("dim")
    return outer is not None and dim is not None and outer.ident == dim.ident


def _on_all_branches(site: Site) -> bool:
    """No branch hands over anything else, as where a model gives probabilities when it is not trained."""
    same_call = (other for other in site.session.sites if other.node is site.node and other.calls == site.calls)
    given = (other.value("input") or other.value("logits") for other in same_call)
    return all(value is not None and _probabilities(site, value) is not None for value in given)
