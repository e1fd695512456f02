"""Shapes of single functions whose ranges follow no common pattern: powers, xlogy, logit, rounding and the like."""

from __future__ import annotations

import math

from nanlint.interval import (
    EMPTY,
    FINITE,
    FINITE_NONNEGATIVE,
    INF,
    NONNEGATIVE,
    ONE,
    REAL,
    SYMMETRIC_UNIT,
    UNIT,
    ZERO,
    Interval,
    exactly,
)
from nanlint.ops import functions
from nanlint.ops.dtypes import DTYPES, round_to
from nanlint.ops.op import Call, Shape
from nanlint.ops.shapes import argument, larger, number, rising, smaller, spread
from nanlint.slotted import replace


def power(call: Call) -> Interval | None:
    """`input ** exponent`, sharp for a literal exponent or a base of known sign."""
    x, p = argument(call, "input"), argument(call, "exponent")
    if p is not None and p.point is not None:
        return power_of(FINITE if x is None else x, p.point) if x is not None or p.point % 2 == 0 else None
    if x is None or x.lo < 0:
        return None if x is None or p is None else replace(REAL, nan=True)
    if p is None:
        return NONNEGATIVE
    if x.point is not None and x.point > 0 and not p.empty:
        base = x.point
        image = p.map_rising if base >= 1 else p.map_falling
        return image(lambda e: float(base**e))
    return replace(NONNEGATIVE, nan=x.nan or p.nan)


def power_of(x: Interval, p: float) -> Interval:
    """`x ** p` for a fixed `p`."""
    if p == 0:
        return ONE
    if p < 0:
        return power_of(x, -p).inverse()
    nan = x.nan
    if p == int(p) and int(p) % 2 == 0:
        x = x.magnitude()
    elif p != int(p):
        nan = nan or x.lo < 0
        if -INF in x:
            # IEEE: a fractional power of -inf is +inf
            x = x.join(exactly(INF))
        x = x.without_nan().meet(NONNEGATIVE)
        if x.empty:
            return replace(EMPTY, nan=nan)

    def end(value: float, is_open: bool) -> tuple[float, bool]:
        try:
            result = math.copysign(abs(value) ** p, value)
        except OverflowError:
            return math.copysign(INF, value), False
        # a power above 1 underflows to zero
        return result, is_open and (result != 0 or p <= 1) and (math.isinf(value) or not math.isinf(result))

    lo, lo_open = end(x.lo, x.lo_open)
    hi, hi_open = end(x.hi, x.hi_open)
    return Interval(lo, hi, lo_open, hi_open, x.hole and p <= 1 and lo < 0 < hi, nan)


def softplus(call: Call) -> Interval | None:
    """`log(1 + exp(beta x)) / beta`; the kernel returns x itself where `beta x > threshold`."""
    x, beta = call.range("input"), number(call, "beta", 1.0)
    if x is None or beta is None or beta <= 0:
        return FINITE_NONNEGATIVE if beta is None or beta > 0 else None

    def fn(value: float) -> float:
        scaled = value * beta
        return value if scaled > 20 else math.log1p(math.exp(scaled)) / beta

    def least(value: float) -> float:
        # at the threshold the kernel falls by 2e-9
        return value if value * beta > 15 else fn(value)

    result = replace(x.map_rising(fn), lo=x.map_rising(least).lo)
    return replace(result, hi=INF, hi_open=True) if x.hi == INF and x.hi_open else result


def reciprocal(call: Call) -> Interval | None:
    x = call.range("input")
    return None if x is None else x.inverse()


def nan_to_num(call: Call) -> Interval | None:
    """NaN and the infinities become the given numbers, or 0 and the largest numbers of the format (not stated here)."""
    x = call.range("input") or FINITE.with_nan()
    result = replace(x.meet(FINITE), nan=False)
    if x.nan:
        result = result.join(argument(call, "nan") or exactly(0.0))
    if INF in x:
        result = result.join(argument(call, "posinf") or replace(FINITE_NONNEGATIVE, hole=False))
    if -INF in x:
        result = result.join(argument(call, "neginf") or -FINITE_NONNEGATIVE)
    return result


def logit(call: Call) -> Interval | None:
    """`log(x / (1 - x))`, of x clamped to [eps, 1 - eps] if eps is given."""
    x = call.range("input")
    if x is None:
        return None
    if call.given("eps"):
        eps = number(call, "eps", 0.0)
        if eps is None:
            return replace(REAL, nan=x.nan)
        x = smaller(larger(x, exactly(eps)), exactly(1 - eps))
    nan = x.nan or not x.without_nan().within(UNIT)
    inside = x.without_nan().meet(UNIT)
    return replace(EMPTY if inside.empty else inside.map_rising(functions.logit), nan=nan)


def entropy(call: Call) -> Interval | None:
    """`-x log x`: at most 1/e, 0 at 0, -inf below 0."""
    x = call.range("input")
    top = 1 / math.e
    if x is None:
        return Interval(-INF, top)
    if x.lo >= 0 and x.hi <= 1:
        return Interval(0.0, top, nan=x.nan)
    lo = -INF if x.lo < 0 or INF in x else -x.hi * functions.log(x.hi)
    return Interval(lo, top, lo == -INF and x.lo >= 0 and INF not in x, False, False, x.nan)


def xlogy(call: Call) -> Interval | None:
    """`input * log(other)`, 0 where the input is 0."""
    x, y = argument(call, "input"), argument(call, "other")
    if x is None or y is None:
        return None
    nan = x.nan or y.nan or y.lo < 0
    inside = y.without_nan().meet(NONNEGATIVE)
    if inside.empty:
        return replace(ZERO, nan=nan) if 0 in x else replace(EMPTY, nan=nan)
    result = x.without_nan() * inside.map_rising(functions.log)
    return replace(result, nan=nan).join(ZERO) if 0 in x else replace(result, nan=nan)


def fraction(call: Call) -> Interval | None:
    """The part after the point, of the sign of the input."""
    x = call.range("input")
    if x is None:
        return Interval(-1.0, 1.0, True, True)
    lo, hi = (0.0 if x.lo >= 0 else -1.0), (0.0 if x.hi <= 0 else 1.0)
    return Interval(lo, hi, lo < 0, hi > 0, False, x.nan or INF in x or -INF in x)


def tangent(call: Call) -> Interval | None:
    x = call.range("input")
    return FINITE if x is None else replace(FINITE, nan=x.nan or INF in x or -INF in x)


def sine(call: Call) -> Interval | None:
    x = call.range("input")
    return SYMMETRIC_UNIT if x is None else replace(SYMMETRIC_UNIT, nan=x.nan or INF in x or -INF in x)


def lerp(call: Call) -> Interval | None:
    """`input + weight * (end - input)`; between the two for a weight in [0, 1]."""
    x, end, weight = argument(call, "input"), argument(call, "end"), argument(call, "weight")
    if x is None or end is None:
        return None
    if weight is None or not weight.within(UNIT):
        return spread(x.join(end))
    both = replace(x.join(end), hole=False)
    return replace(both, nan=both.nan or INF in both or -INF in both)


def rounded(call: Call) -> Interval | None:
    """Ties to even, at that many decimals."""
    decimals = number(call, "decimals", 0.0)
    if decimals is None:
        return call.range("input")
    places = int(decimals)
    return rising(lambda x: x if math.isinf(x) else float(round(x, places)))(call)


def converted(dtype: str) -> Shape:
    """The elements as numbers of another format."""

    def shape(call: Call) -> Interval | None:
        x = call.range("input")
        if x is None:
            return None
        rounded = round_to(x, dtype)
        if dtype == "float16":
            # what other formats hold apart from zero underflows
            rounded = Interval(rounded.lo, rounded.hi, rounded.lo_open and rounded.lo != 0,
                               rounded.hi_open and rounded.hi != 0, False, rounded.nan)  # fmt: skip
        kind = DTYPES[dtype]
        if kind.kind != "integer":
            return rounded
        # what does not fit wraps around, and NaN becomes some number; finite data is taken to fit the wide formats
        wide = kind.precision >= 32
        low, high = x.lo >= kind.min or (wide and x.lo_open), x.hi <= kind.max or (wide and x.hi_open)
        limits = Interval(kind.min, kind.max)
        return rounded.meet(limits) if low and high and not x.nan else limits

    return shape
