import math
from collections.abc import Iterator

from nanlint.api import (
    LIKELY,
    Application,
    Proposal,
    Report,
    Site,
    Value,
    exp_limit,
    first_arg,
    picked,
    rule,
    softmax_of,
)

BITS = {"float16": 16.0, "float64": 1024.0}
TWO_SIDED = frozenset({"sinh", "cosh", "i0", "soft_margin_loss"})
WHOLES = frozenset({"div", "log", "log1p"})
OVER = "division-by-zero-tensor normalised-by-own-scale log-of-nonpositive"


@rule(
    "NAN301", at="exp expm1 exp2 sinh cosh i0 soft_margin_loss div log log1p", kind="overflow", over=OVER,
    mentions="exp sinh cosh i0 soft_margin_loss SoftMarginLoss",
)  # fmt: skip
def exp_overflow(site: Site) -> Iterator[Report]:
    """
    Exponential of a value without an upper bound.

    ## Why is this bad?

    In float32 `exp(x)` is `inf` from 88.73 on, in float16 from 11.1 on. `inf / inf` and `inf * 0` are `nan`, and so is
    the gradient. The output of a layer has no bound: one step with a large gradient is enough to get there.

    ## Bad

    ```python
    class Gaussian(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(1, 1, bias=False)
            nn.init.constant_(self.head.weight, 100.0)

        def forward(self, x):
            log_var = self.head(x)
            return torch.exp(log_var)  # flagged


    # run: Gaussian()(torch.ones(1, 1))
    ```

    ## Good

    ```python
    class Gaussian(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(1, 1, bias=False)
            nn.init.constant_(self.head.weight, 100.0)

        def forward(self, x):
            log_var = self.head(x).clamp(-10, 10)
            return torch.exp(log_var)


    # run: Gaussian()(torch.ones(1, 1))
    ```

    ## Fix safety

    A stable form (softmax, softplus, logsumexp) is safe. Otherwise unsafe: a clamp at nine tenths of the exponent that
    the dtype holds changes what is beyond.

    ## Known limits

    What a function of the file passes speaks for itself: an argument is taken to grow only where no call in view leads
    there, and that of a helper whose name starts with an underscore gives a `possible` finding at most.
    """
    exponential, cure = _written_out(site)
    covers: tuple[Application, ...] = ()
    if exponential is not None:
        # the whole is one defect, with its exponentials and its division or log
        application, x = exponential.made_by, first_arg(exponential)
        if application is None or x is None:
            return
        covers = (application, *softmax_of(site.result))
        place, op, shown = application.place, application.op, site.show(application.place.node)
    elif site.op in WHOLES:
        return
    else:
        x, place, op, shown = site.input.value, site.place, site.op, site.show(site.input)
    confidence = site.runs_past(x, _limit(x.dtype, op), (1, -1) if op in TWO_SIDED else (1,))
    if confidence is None or x.kind not in ("tensor", "unknown") or (site.op not in WHOLES and site.is_repaired):
        return
    if exponential is not None:
        message = f"`{shown}` overflows to inf above {_limit(x.dtype, op):g}{site.because(x)}: {cure}"
    else:
        lies = f"lies in {x.range}{site.because(x)}" if x.range is not None else "has no known upper bound"
        message = f"`{op}` overflows to inf above {_limit(x.dtype, op):g}, and `{shown}` {lies}: {cure}"
    yield site.report(
        # logits and scores are what such formulas are written for
        max(confidence, LIKELY) if exponential is not None else confidence,
        message,
        at=place,
        covers=covers,
        fixes=_limited(site) if exponential is None and site.op == "exp" else (),
        defect=("exp", x.ident),
    )


def _limited(site: Site) -> tuple[Proposal, ...]:
    """Below the limit by so much that a sum of some such exponentials is finite as well."""
    x = site.input
    return site.fix("Clamp it from above", x, f"x.clamp(max={math.floor(0.9 * exp_limit(x.value.dtype))})", x=x)


def _written_out(site: Site) -> tuple[Value | None, str]:
    """The exponential in a softmax, softplus or logsumexp that is written out, and the function to use instead."""
    if site.op == "div":
        return (
            (picked(site.operands["input"].value), "use torch.softmax")
            if len(softmax_of(site.result)) > 1
            else (None, "")
        )
    if site.op == "soft_margin_loss":
        return None, "use F.softplus(-target * input).mean()"
    if site.op not in WHOLES:
        return None, "clamp it (max=), subtract its maximum, or stay in log space"
    inner = picked(site.input.value)
    if site.op == "log1p":
        return (inner, "use F.softplus") if inner.op == "exp" else (None, "")
    if inner.op == "sum":
        summed = picked(first_arg(inner) or inner)
        return (summed, "use torch.logsumexp") if summed.op == "exp" else (None, "")
    left, right = inner.arg("input"), inner.arg("other")
    if inner.op == "add" and left is not None and right is not None:
        for one, other in ((left, right), (right, left)):
            if one.number == 1 and picked(other).op == "exp":
                return picked(other), "use F.softplus"
    return None, ""


def _limit(dtype: str | None, op: str) -> float:
    return BITS.get(dtype or "", 128.0) if op == "exp2" else exp_limit(dtype)
