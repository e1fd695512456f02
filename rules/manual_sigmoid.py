from collections.abc import Iterator

from nanlint.api import LIKELY, POSSIBLE, Report, Site, Value, exp_limit, first_arg, picked, rule, sigmoid_of


@rule(
    "NAN307", at="div reciprocal log log1p", kind="overflow", over="exp-overflow log-of-nonpositive", mentions="exp",
)  # fmt: skip
def manual_sigmoid(site: Site) -> Iterator[Report]:
    """
    A hand-written sigmoid, softplus or tanh, whose exponential overflows.

    ## Why is this bad?

    `1 / (1 + exp(-x))` is 0 for x below -88.72, as it should be, and its gradient is `inf * 0 = nan`: the value gives
    no sign. `exp(x) / (1 + exp(x))` and `(exp(x) - exp(-x)) / (exp(x) + exp(-x))` are `inf / inf`, `log(1 + exp(x))` is
    `inf` where it should be x. `torch.sigmoid`, `torch.tanh` and `F.softplus` are finite for all x, with their
    gradient.

    ## Bad

    ```python
    def gate(x: torch.Tensor):
        return 1 / (1 + torch.exp(-x))  # flagged


    # run: gate(torch.tensor([-90.0], requires_grad=True))
    ```

    ## Good

    ```python
    def gate(x: torch.Tensor):
        return torch.sigmoid(x)


    # run: gate(torch.tensor([-90.0], requires_grad=True))
    ```

    ## Fix safety

    `sigmoid`, `tanh` and `softplus` of the same x are safe.

    ## Known limits

    Of a softplus with two branches, `where(x > 20, x, log1p(exp(x)))`, where-gradient-trap speaks: the value is right,
    and the gradient is `nan`.
    """
    found = _quotient(site) if site.op in ("div", "reciprocal") else _softplus(site)
    if found is None:
        return
    exponentials, cure = found
    made, x = exponentials[0].made_by, first_arg(exponentials[0])
    if made is None or x is None or x.kind not in ("tensor", "unknown") or site.is_masked(exponentials[0]):
        return
    confidence = site.runs_past(x, exp_limit(x.dtype))
    if confidence is None:
        return
    harmless = _is_right(site) and (site.no_grad or site.result.grad is False)
    yield site.report(
        # what such formulas are written for has no bound
        POSSIBLE if harmless else max(confidence, LIKELY),
        f"`{site.show(made.place.node)}` overflows to inf above {exp_limit(x.dtype):g}{site.because(x)}: {cure}",
        at=made.place,
        covers=tuple(v.made_by for v in exponentials if v.made_by is not None) + sigmoid_of(site.result),
        defect=("exp", x.ident),
    )


def _is_right(site: Site) -> bool:
    """The value is 0, as it should be, where the divisor is inf; the gradient is not."""
    above = site.value("input") if site.op == "div" else None
    if site.op not in ("div", "reciprocal") or (above is not None and picked(above).op == "exp"):
        return False
    return above is None or not _exponentials(above)


Found = tuple[list[Value], str]


def _quotient(site: Site) -> Found | None:
    """`1 / (1 + exp(-x))`, `exp(x) / (1 + exp(x))`, and tanh of exponentials of both signs."""
    if len(sigmoid_of(site.result)) > 1:
        below = site.value("other") if site.op == "div" else site.input.value
        return (_exponentials(below), "use torch.sigmoid, whose gradient is finite") if below is not None else None
    above, below = site.value("input"), site.value("other")
    if above is None or below is None or below.op != "add":
        return None
    tops, bottoms = _exponentials(above), _exponentials(below)
    if len(bottoms) == 1 and any(v is not None and v.number == 1 for v in (below.arg("input"), below.arg("other"))):
        return bottoms, "multiply by a torch.sigmoid instead of dividing"
    if above.op == "sub" and len(tops) == 2 and {v.ident for v in tops} == {v.ident for v in bottoms}:
        return [*tops, *bottoms], "use torch.tanh"
    return None


def _softplus(site: Site) -> Found | None:
    """`log(1 + exp(x))`, `log1p(exp(x))`."""
    inner = picked(site.input.value)
    if site.op == "log1p":
        return ([inner], "use F.softplus") if inner.op == "exp" else None
    left, right = inner.arg("input"), inner.arg("other")
    exponentials = _exponentials(inner)
    if inner.op != "add" or len(exponentials) != 1 or left is None or right is None:
        return None
    return (exponentials, "use F.softplus") if 1 in (left.number, right.number) else None


def _exponentials(value: Value) -> list[Value]:
    """The exponentials among the two sides of a sum or a difference."""
    sides = [v for v in (value.arg("input"), value.arg("other")) if v is not None]
    return [picked(v) for v in sides if picked(v).op == "exp"]
