from collections.abc import Iterator

from nanlint.api import (
    LIKELY,
    Application,
    Report,
    Site,
    Value,
    exp_limit,
    first_arg,
    picked,
    reduction_of,
    rule,
    softmax_of,
    unguarded,
)

SUMS = frozenset({"sum", "nansum"})
AVERAGES = frozenset({"sum", "nansum", "mean", "nanmean"})
GUARD = 0.01
OVER = "exp-overflow division-by-zero-tensor normalised-by-own-scale log-of-nonpositive"


@rule("NAN306", at="div log log2 log10", kind="overflow", over=OVER, mentions="exp")
def manual_softmax(site: Site) -> Iterator[Report]:
    """
    A hand-written softmax, logsumexp or InfoNCE, whose exponentials overflow.

    ## Why is this bad?

    `exp(x) / exp(x).sum()` is `inf / inf = nan` as soon as one logit is above 88.72 in float32, or above 11.09 in
    float16; a temperature of 0.07 makes 90 out of 6.3. Where all logits are far below 0 it is `0 / 0`. The log of
    a sum of exponentials is `inf` and `-inf` there. `torch.softmax`, `log_softmax`, `logsumexp` and `F.cross_entropy`
    subtract the maximum first, and are finite for all finite logits.

    ## Bad

    ```python
    def attention(scores: torch.Tensor):
        weights = torch.exp(scores)  # flagged
        return weights / weights.sum(dim=-1, keepdim=True)


    # run: attention(torch.tensor([0.0, 100.0], requires_grad=True))
    ```

    ## Good

    ```python
    def attention(scores: torch.Tensor):
        return torch.softmax(scores, dim=-1)


    # run: attention(torch.tensor([0.0, 100.0], requires_grad=True))
    ```

    ## Fix safety

    `softmax`, `logsumexp` and `log_softmax` of the same logits are safe.

    ## Known limits

    Exponentials that are masked, weighted or moved to another variable of a class before they are summed are told of
    one by one, by exp-overflow.
    """
    found = _softmax(site) if site.op == "div" else _log(site)
    if found is None:
        return
    exponentials, whole, cure = found
    made = exponentials[0].made_by
    doubts = [
        site.runs_past(x, exp_limit(x.dtype))
        for v in exponentials
        if (x := first_arg(v)) is not None and x.kind in ("tensor", "unknown")
    ]
    known = [doubt for doubt in doubts if doubt is not None]
    x = first_arg(exponentials[0])
    if not known or made is None or x is None or site.is_masked(exponentials[0]):
        return
    yield site.report(
        # logits and scores are what such formulas are written for
        max(*known, LIKELY),
        f"`{site.show(made.place.node)}` overflows to inf above {exp_limit(x.dtype):g}{site.because(x)}: {cure}",
        at=made.place,
        covers=(*whole, *(v.made_by for v in exponentials if v.made_by is not None)),
        defect=("exp", x.ident),
    )


Found = tuple[list[Value], tuple[Application, ...], str]


def _softmax(site: Site) -> Found | None:
    """`exp(x) / exp(x).sum()`."""
    applications = softmax_of(site.result)
    if len(applications) < 2:
        return None
    return [picked(site.operands["input"].value)], applications, "use torch.softmax"


def _log(site: Site) -> Found | None:
    """`exp(x).sum().log()`, that of a mean, or `log(exp(y) / exp(x).sum())`."""
    outer, inner = picked(site.input.value), unguarded(site.input.value)
    if (
        outer.made_by is not None
        and outer.op == "add"
        and any(v.number is not None and v.number > GUARD for v in outer.made_by.args.values())
    ):
        # `log(1 + exp(x).sum())` is a loss of its own, whose scores may be bounded
        return None
    if inner.op == "div":
        above, below = inner.arg("input"), inner.arg("other")
        top = picked(above) if above is not None else None
        total = reduction_of(unguarded(below), SUMS) if below is not None else None
        terms = [top, picked(total)] if top is not None and total is not None else []
        exponentials = [v for v in terms if v.op == "exp"]
        if len(exponentials) < 2 or inner.made_by is None or softmax_of(inner):
            return None
        return exponentials, (inner.made_by,), "use F.cross_entropy, or log_softmax"
    summed = first_arg(inner) if inner.op in AVERAGES else None
    if summed is None or picked(summed).op != "exp":
        return None
    averaged = " less the log of the count" if inner.op.endswith("mean") else ""
    return [picked(summed)], (), f"use torch.logsumexp{averaged}"
