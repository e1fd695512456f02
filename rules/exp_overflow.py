import math
from collections.abc import Iterator

from nanlint.api import (
    Proposal,
    Report,
    Site,
    exp_limit,
    rule,
)

BITS = {"float16": 16.0, "float64": 1024.0}
TWO_SIDED = frozenset({"sinh", "cosh", "i0", "soft_margin_loss"})


@rule(
    "NAN301", at="exp expm1 exp2 sinh cosh i0 soft_margin_loss", kind="overflow",
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

    Unsafe: a clamp at nine tenths of the exponent that the dtype holds changes what is beyond.

    ## Known limits

    What a function of the file passes speaks for itself: an argument is taken to grow only where no call in view leads
    there, and that of a helper whose name starts with an underscore gives a `possible` finding at most.
    """
    x = site.input.value
    limit = _limit(x.dtype, site.op)
    confidence = site.runs_past(x, limit, (1, -1) if site.op in TWO_SIDED else (1,))
    if confidence is None or x.kind not in ("tensor", "unknown") or site.is_repaired:
        return
    lies = f"lies in {x.range}{site.because(x)}" if x.range is not None else "has no known upper bound"
    cure = "clamp it (max=), subtract its maximum, or stay in log space"
    if site.op == "soft_margin_loss":
        cure = "use F.softplus(-target * input).mean()"
    yield site.report(
        confidence,
        f"`{site.op}` overflows to inf above {limit:g}, and `{site.show(site.input)}` {lies}: {cure}",
        at=site.place,
        fixes=_limited(site) if site.op == "exp" else (),
        defect=("exp", x.ident),
    )


def _limited(site: Site) -> tuple[Proposal, ...]:
    """Below the limit by so much that a sum of some such exponentials is finite as well."""
    x = site.input
    return site.fix("Clamp it from above", x, f"x.clamp(max={math.floor(0.9 * exp_limit(x.value.dtype))})", x=x)


def _limit(dtype: str | None, op: str) -> float:
    return BITS.get(dtype or "", 128.0) if op == "exp2" else exp_limit(dtype)
