"""Reductions, cumulative and sorting ops."""

from __future__ import annotations

from collections.abc import Callable

from nanlint.interval import FINITE, FINITE_NONNEGATIVE, INF, Interval
from nanlint.ops.define import CERTAIN, POSSIBLE, op
from nanlint.ops.op import Call, Op, Shape
from nanlint.ops.reductions import (
    counted,
    layer,
    log_softmaxed,
    log_sum_exp,
    mean_like,
    norm_like,
    product,
    softmaxed,
    spread_like,
    sum_like,
)
from nanlint.ops.shapes import boolean, larger, same, smaller, total
from nanlint.slotted import replace

DIM = "input dim keepdim"


def without_nan_sum(call: Call) -> Interval | None:
    """NaN counts as 0."""
    x = call.range("input")
    if x is None:
        return None
    result = total(x.without_nan())
    return result.join(Interval(0.0, 0.0)) if x.nan else result


def running_sum(call: Call) -> Interval | None:
    x = call.range("input")
    return None if x is None else total(x).join(x)


def running_product(call: Call) -> Interval | None:
    x, result = call.range("input"), product(call)
    return None if x is None or result is None else result.join(x)


def extremum(limit: Callable[[Interval, Interval], Interval]) -> Shape:
    """`max(input)`, `max(input, dim)` and `max(input, other)`."""

    def shape(call: Call) -> Interval | None:
        x = call.range("input")
        # the second positional argument is another tensor or the number of a dimension
        if not call.given("other") or call.const("other") is not None:
            return x
        y = call.range("other")
        return None if x is None and y is None else limit(x or FINITE, y or FINITE)

    return shape


def quantile(call: Call) -> Interval | None:
    """Between two neighbours, one of which may be infinite."""
    x, result = call.range("input"), mean_like(call)
    return None if x is None or result is None else replace(result, nan=result.nan or INF in x or -INF in x)


def normalized(call: Call) -> Interval | None:
    """X / max(norm, eps): zero stays zero, and an infinite member becomes NaN."""
    x = call.range("input")
    strange = x is not None and (x.nan or INF in x or -INF in x)
    lo = 0.0 if x is not None and x.lo >= 0 else -1.0
    hi = 0.0 if x is not None and x.hi <= 0 else 1.0
    return Interval(lo, hi, nan=strange)


def cosine(call: Call) -> Interval | None:
    """[-1, 1] but for rounding: 1.0000002 was measured in float32."""
    known = [x for name in ("input", "other") if (x := call.range(name)) is not None]
    strange = any(x.nan or INF in x or -INF in x for x in known)
    return Interval(-1.0000003, 1.0000003, nan=strange)


def difference(call: Call) -> Interval | None:
    x = call.range("input")
    return None if x is None else replace(x - x, hole=False)


COUNT = Interval(0.0, INF, hi_open=True)

OPS: tuple[Op, ...] = (
    op("sum", "TMN", sum_like, DIM, reduces=True),
    op("nansum", "TMN", without_nan_sum, DIM, reduces=True, complex="raises"),
    op("mean", "TMN", mean_like, DIM, also="N.average", reduces=True),
    op("nanmean", "TMN", mean_like, DIM, reduces=True, complex="raises"),
    op("median", "TMN", same, DIM, reduces=True, complex="raises", rest=COUNT),
    op("nanmedian", "TMN", same, DIM, reduces=True, complex="raises", rest=COUNT),
    op("mode", "TM", same, DIM, reduces=True, returns="tuple", rest=COUNT, complex="raises"),
    op("prod", "TMN", product, DIM, reduces=True),
    op("std", "TMN", spread_like, "input dim unbiased keepdim", reduces=True, dtype="real"),
    op("var", "TMN", spread_like, "input dim unbiased keepdim", reduces=True, dtype="real"),
    op("std_mean", "T", spread_like, "input dim", reduces=True, returns="tuple", dtype="real", rest=FINITE),
    op("var_mean", "T", spread_like, "input dim", reduces=True, returns="tuple", dtype="real", rest=FINITE),
    op("norm", "TM", norm_like, "input p dim keepdim", reduces=True, dtype="real"),
    op("logsumexp", "TMS", log_sum_exp, DIM, reduces=True),
    op("amax", "TMN", same, DIM, reduces=True, complex="raises"),
    op("amin", "TMN", same, DIM, reduces=True, complex="raises"),
    op("max", "TMN", extremum(larger), PAIR := "input other keepdim", reduces=True, rest=COUNT, complex="raises"),
    op("min", "TMN", extremum(smaller), PAIR, reduces=True, rest=COUNT, complex="raises"),
    op("aminmax", "TM", same, "input", reduces=True, returns="tuple", complex="raises"),
    op("argmax", "TMN", counted, DIM, reduces=True, dtype="integer", differentiable=False, complex="raises"),
    op("argmin", "TMN", counted, DIM, reduces=True, dtype="integer", differentiable=False, complex="raises"),
    op("argsort", "TMN", counted, "input dim", dtype="integer", differentiable=False, complex="raises"),
    op("any", "TMN", boolean, DIM, reduces=True, dtype="bool", differentiable=False, attains=CERTAIN),
    op("all", "TMN", boolean, DIM, reduces=True, dtype="bool", differentiable=False, attains=CERTAIN),
    op("count_nonzero", "TMN", counted, "input dim", reduces=True, dtype="integer", differentiable=False),
    op("cumsum", "TMIN", running_sum, "input dim"),
    op("cumprod", "TMIN", running_product, "input dim"),
    op("logcumsumexp", "TM", log_sum_exp, "input dim"),
    op("cummax", "TM", same, "input dim", returns="tuple", rest=COUNT, complex="raises"),
    op("cummin", "TM", same, "input dim", returns="tuple", rest=COUNT, complex="raises"),
    op("sort", "TM", same, "input dim descending", returns="tuple", rest=COUNT, complex="raises"),
    op("msort", "TM", same, "input", complex="raises"),
    op("topk", "TM", same, "input k dim largest", returns="tuple", rest=COUNT, complex="raises"),
    op("kthvalue", "TM", same, "input k dim", returns="tuple", rest=COUNT, reduces=True, complex="raises"),
    op("quantile", "TMN", quantile, "input q dim", reduces=True, complex="raises"),
    op("nanquantile", "TMN", quantile, "input q dim", reduces=True, complex="raises"),
    op("diff", "TMN", difference, "input n dim"),
    op("softmax", "TMFS", softmaxed, "input dim", nn="Softmax Softmax2d", constructor="dim", attains=CERTAIN,
       dtype="float",
       complex="raises"),
    op("softmin", "F", softmaxed, "input dim", nn="Softmin", constructor="dim", attains=CERTAIN, dtype="float",
       complex="raises"),
    op("log_softmax", "TMFS", log_softmaxed, "input dim", nn="LogSoftmax", constructor="dim", attains=CERTAIN,
       dtype="float", complex="raises"),
    op("gumbel_softmax", "F", softmaxed, "logits tau hard", attains=CERTAIN, dtype="float", complex="raises",
       random=True),
    op("numel", "TM", lambda call: FINITE_NONNEGATIVE, "input", dtype="integer", returns="number", attains=POSSIBLE,
       differentiable=False),
    op("bincount", "TMN", counted, "input", dtype="integer", differentiable=False, complex="raises"),
    op("histc", "TM", counted, "input bins min max", differentiable=False, complex="raises"),
    op("normalize", "F", normalized, "input p dim eps"),
    op("cosine_similarity", "TF", cosine, "input other dim eps",
       nn="CosineSimilarity", constructor="dim eps", complex="raises", reduces=True),
    op("trapezoid", "T", layer("input"), "input x", aliases="trapz", reduces=True),
    op("cumulative_trapezoid", "T", layer("input"), "input x"),
    op("gradient", "T", layer("input"), returns="tuple", also="N.gradient"),
)  # fmt: skip
