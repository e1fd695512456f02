"""Activation functions, as functions and as modules."""

from __future__ import annotations

import math
from collections.abc import Callable

from nanlint.interval import (
    FINITE,
    INF,
    NONNEGATIVE,
    SYMMETRIC_UNIT,
    UNIT,
    ZERO,
    Interval,
    at_least,
    at_most,
    exactly,
)
from nanlint.ops import functions as f
from nanlint.ops.define import CERTAIN, op
from nanlint.ops.op import Call, Op, Shape
from nanlint.ops.pointwise import softplus
from nanlint.ops.shapes import (
    argument,
    clamp_between,
    finite,
    half_open,
    larger,
    number,
    rising,
    smaller,
    spread,
    squashed,
)
from nanlint.slotted import replace

NONPOSITIVE = at_most(0.0)
NEAR_ZERO = Interval(-0.5, 0.5)


def relu(call: Call) -> Interval | None:
    return larger(call.range("input") or FINITE, ZERO)


def two_sided(x: Interval, below: Callable[[Interval], Interval], above: Callable[[Interval], Interval]) -> Interval:
    """One function of the members below zero, another of those above."""
    low, high = x.meet(NONPOSITIVE), x.meet(NONNEGATIVE)
    result = below(low) if high.empty else above(high) if low.empty else below(low).join(above(high))
    return replace(result, nan=x.nan or result.nan)


def leaky_relu(call: Call) -> Interval | None:
    """The negative side is scaled by a slope of 0.01 unless given."""
    x, slope = call.range("input"), argument(call, "negative_slope") or exactly(0.01)
    if x is None or x.empty:
        return x
    if call.given("negative_slope") and argument(call, "negative_slope") is None:
        return spread(x)
    return two_sided(x, lambda part: part * slope, lambda part: part)


def exponential_unit(default: float, scale: float = 1.0, *, inner: bool = False) -> Shape:
    """`scale * alpha * (exp(x) - 1)` below zero, `scale * x` above; CELU takes `exp(x / alpha)`."""

    def shape(call: Call) -> Interval | None:
        alpha = number(call, "alpha", default)
        x = call.range("input") or FINITE
        if alpha is None or alpha < 0 or x.empty:
            return spread(x)

        def below(value: float) -> float:
            return scale * alpha * math.expm1(value / alpha if inner else value)

        return two_sided(x, lambda part: part.map_rising(below), lambda part: part * exactly(scale))

    return shape


def dipping(low: float) -> Shape:
    """Gated units (SiLU, GELU, Mish): a shallow minimum of `low` below zero, nearly the identity above."""

    def shape(call: Call) -> Interval | None:
        x = call.range("input") or FINITE
        nan = x.nan or -INF in x or INF in x
        bottom = 0.0 if x.lo >= 0 else low
        return Interval(bottom, max(x.hi, 0.0), False, x.hi_open and x.hi > 0, False, nan)

    return shape


def shrunk(call: Call) -> Interval | None:
    """The input pulled towards zero."""
    x = call.range("input")
    return None if x is None else x.join(ZERO)


def threshold(call: Call) -> Interval | None:
    x, value, limit = call.range("input"), argument(call, "value"), argument(call, "threshold")
    if value is None:
        return None
    above = x or FINITE
    if limit is not None and limit.lo > above.lo:
        above = replace(above, lo=limit.lo, lo_open=True)
    return value if above.empty else above.join(value)


def hard_sigmoid(x: float) -> float:
    return min(max(x / 6 + 0.5, 0.0), 1.0)


def soft_sign(call: Call) -> Interval | None:
    """`x / (1 + |x|)`, which is NaN for infinite x."""
    x = call.range("input")
    if x is None:
        return SYMMETRIC_UNIT
    return replace(x.map_rising(_soft_sign), nan=x.nan or INF in x or -INF in x)


def _soft_sign(x: float) -> float:
    return x / (1 + abs(x)) if math.isfinite(x) else math.copysign(1.0, x)


def gated(call: Call) -> Interval | None:
    """glu: one half of the input times the sigmoid of the other."""
    return shrunk(call)


def hard_tanh(call: Call) -> Interval | None:
    low, high = number(call, "min_val", -1.0), number(call, "max_val", 1.0)
    x = call.range("input") or FINITE
    if low is None or high is None:
        return x
    return smaller(larger(x, Interval(low, low)), Interval(high, high))


OPS: tuple[Op, ...] = (
    op("relu", "TMIJFG", relu, nn="ReLU", attains=CERTAIN, shield=at_most(0.0), complex="raises"),
    op("relu6", "F", clamp_between(0.0, 6.0), nn="ReLU6", attains=CERTAIN, shield=(at_most(0.0), at_least(6.0)),
       complex="raises"),
    op("leaky_relu", "FG", leaky_relu, "input negative_slope", nn="LeakyReLU", constructor="negative_slope",
       complex="raises"),
    op("prelu", "TMF", finite, "input weight", nn="PReLU", complex="raises"),
    op("rrelu", "TFGJ", finite, "input lower upper", nn="RReLU", constructor="lower upper", complex="raises",
       random=True),
    op("elu", "FG", exponential_unit(1.0), "input alpha", nn="ELU", constructor="alpha", complex="raises"),
    op("celu", "TFGJ", exponential_unit(1.0, inner=True), "input alpha", nn="CELU", constructor="alpha",
       complex="raises"),
    op("selu", "TFGJ", exponential_unit(1.6732632423543772, 1.0507009873554805), nn="SELU", complex="raises"),
    op("gelu", "F", dipping(-0.17004077), "input approximate", nn="GELU", constructor="approximate", complex="raises"),
    op("silu", "F", dipping(-0.27846456), nn="SiLU"),
    op("mish", "F", dipping(-0.30884343), nn="Mish", complex="raises"),
    op("hardswish", "F", dipping(-0.375), nn="Hardswish", shield=at_most(-3.0), complex="raises"),
    op("softplus", "F", softplus, "input beta threshold", nn="Softplus", constructor="beta threshold", attains=CERTAIN,
       complex="raises"),
    op("softsign", "F", soft_sign, nn="Softsign", attains=CERTAIN),
    op("softshrink", "F", shrunk, "input lambd", nn="Softshrink", constructor="lambd", shield=NEAR_ZERO,
       complex="raises"),
    op("hardshrink", "TMF", shrunk, "input lambd", nn="Hardshrink", constructor="lambd", shield=NEAR_ZERO,
       complex="raises"),
    op("tanhshrink", "F", shrunk, nn="Tanhshrink"),
    op("hardtanh", "FG", hard_tanh, "input min_val max_val", nn="Hardtanh", constructor="min_val max_val",
       attains=CERTAIN,
       shield=(at_most(-1.0), at_least(1.0)), complex="raises"),
    op("hardsigmoid", "F", squashed(hard_sigmoid, UNIT), nn="Hardsigmoid", attains=CERTAIN, shield=(at_most(-3.0),
       at_least(3.0)),
       complex="raises"),
    op("logsigmoid", "F", half_open(rising(f.log_sigmoid, unknown=Interval(-INF, 0.0, lo_open=True)), up=False),
       nn="LogSigmoid", complex="raises"),
    op("threshold", "TFJG", threshold, "input threshold value", nn="Threshold", constructor="threshold value",
       complex="raises"),
    op("glu", "F", gated, "input dim", nn="GLU", constructor="dim", complex="raises"),
)  # fmt: skip
