"""Shape functions: how an op moves the intervals of its inputs.

Conventions. An input of which nothing is known gives None, unless the op alone bounds its result (`unknown=`, or
`always`). Data is finite: an open end at infinity stays open through sums and products, and infinity is a member of
a result only if the op makes it from ordinary numbers (exp overflows, 1/0) or an input has it. NaN is a possible result
where an input may be NaN or lies outside of the domain. Reductions are taken over at least one element.
Rounding to a format narrower than float64 is a later step, `nanlint.ops.dtypes.round_to`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

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

Function = Callable[[float], float]


def rising(fn: Function, domain: Interval = REAL, unknown: Interval | None = None) -> Shape:
    """A function that never falls on `domain` and is NaN outside of it."""
    return _monotone(fn, domain, unknown, falling=False)


def falling(fn: Function, domain: Interval = REAL, unknown: Interval | None = None) -> Shape:
    return _monotone(fn, domain, unknown, falling=True)


def _monotone(fn: Function, domain: Interval, unknown: Interval | None, *, falling: bool) -> Shape:
    def shape(call: Call) -> Interval | None:
        x = call.range("input")
        if x is None:
            return unknown
        nan = x.nan or not x.without_nan().within(domain)
        inside = x.without_nan().meet(domain)
        if inside.empty:
            return replace(EMPTY, nan=nan)
        return replace(inside.map_falling(fn) if falling else inside.map_rising(fn), nan=nan)

    return shape


def even(fn: Function, unknown: Interval | None = None) -> Shape:
    """A function of `|x|` that never falls in it."""

    def shape(call: Call) -> Interval | None:
        x = call.range("input")
        return unknown if x is None else x.magnitude().map_rising(fn)

    return shape


def always(interval: Interval, *nan_from: str) -> Shape:
    """`interval` for whatever input, with NaN where one of the inputs `nan_from` has it."""

    def shape(call: Call) -> Interval | None:
        known = [call.range(parameter) for parameter in nan_from]
        return interval.with_nan() if any(x is not None and x.nan for x in known) else interval

    return shape


def squashed(fn: Function, interval: Interval) -> Shape:
    """A rising function whose result lies in `interval` whatever the input."""
    return rising(fn, unknown=interval)


def same(call: Call) -> Interval | None:
    """The op moves, picks or repeats elements only."""
    return call.range("input")


def nothing(call: Call) -> Interval | None:
    """Nothing can be said."""
    return None


def with_zero(call: Call) -> Interval | None:
    """Elements of the input, or zeros in their place (padding, triangles, ReLU-like gates)."""
    x = call.range("input")
    return None if x is None else x.join(exactly(0.0))


def finite(call: Call) -> Interval | None:
    """A mix of the input with finite weights: finite unless the input is not."""
    return spread(call.range("input"))


def spread(x: Interval | None) -> Interval:
    """Any finite number, and what is not finite in `x` may come out anywhere."""
    if x is None:
        return FINITE
    infinite = INF in x or -INF in x
    return replace(REAL, nan=True) if infinite else replace(FINITE, nan=x.nan)


def total(x: Interval) -> Interval:
    """The sum of one or more members."""
    nan = x.nan or (INF in x and -INF in x)
    lo, lo_open, hi, hi_open = x.lo, x.lo_open, x.hi, x.hi_open
    if lo < 0:
        lo, lo_open = -INF, -INF not in x
    if hi > 0:
        hi, hi_open = INF, INF not in x
    return Interval(lo, hi, lo_open, hi_open, False, nan)


def join(*parameters: str) -> Shape:
    """Elements of one or the other argument."""

    def shape(call: Call) -> Interval | None:
        result: Interval | None = EMPTY
        for parameter in parameters:
            x = argument(call, parameter)
            if x is None or result is None:
                return None
            result = result.join(x)
        return result

    return shape


def argument(call: Call, parameter: str) -> Interval | None:
    """What is known of that argument, be it a literal number or a value."""
    x = call.range(parameter)
    if x is not None:
        return x
    constant = call.const(parameter)
    return exactly(float(constant)) if isinstance(constant, int | float) else None


def arithmetic(fn: Callable[[Interval, Interval], Interval], left: str = "input", right: str = "other") -> Shape:
    """The interval arithmetic of two arguments."""

    def shape(call: Call) -> Interval | None:
        x, y = argument(call, left), argument(call, right)
        return None if x is None or y is None else fn(x, y)

    return shape


def larger(x: Interval, y: Interval) -> Interval:
    """The larger of a member of each; NaN wins, as in torch."""
    lo, lo_closed = max((x.lo, x.lo_open), (y.lo, y.lo_open))
    hi, hi_closed = max((x.hi, not x.hi_open), (y.hi, not y.hi_open))
    hole = 0 not in x and 0 not in y and lo < 0 < hi
    return Interval(lo, hi, lo_closed, not hi_closed, hole, x.nan or y.nan)


def smaller(x: Interval, y: Interval) -> Interval:
    return -larger(-x, -y)


def clamp(low: str = "min", high: str = "max") -> Shape:
    """Limits that are not given do not act; those that are unknown leave their side open."""

    def shape(call: Call) -> Interval | None:
        x = call.range("input") or FINITE
        for parameter, limit in ((low, larger), (high, smaller)):
            if call.given(parameter):
                bound = argument(call, parameter)
                x = limit(x, FINITE if bound is None else bound)
        return x

    return shape


def clamp_between(low: float, high: float) -> Shape:
    """A clamp with fixed limits."""

    def shape(call: Call) -> Interval | None:
        return smaller(larger(call.range("input") or FINITE, exactly(low)), exactly(high))

    return shape


def number(call: Call, parameter: str, default: float) -> float | None:
    """The literal number passed as `parameter`, the default if it is not passed, None if it is not literal."""
    if not call.given(parameter):
        return default
    constant = call.const(parameter)
    return float(constant) if isinstance(constant, int | float) else None


def magnitude(call: Call) -> Interval | None:
    x = call.range("input")
    return FINITE_NONNEGATIVE if x is None else x.magnitude()


def square(call: Call) -> Interval | None:
    x = call.range("input")
    if x is None:
        return FINITE_NONNEGATIVE
    size = x.magnitude()
    return size * size


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


def half_open(shape: Shape, *, up: bool = True, down: bool = True) -> Shape:
    """For a function that grows like its input: it takes the open infinities of the input to open infinities."""

    def wrapped(call: Call) -> Interval | None:
        x, result = call.range("input"), shape(call)
        if x is None or result is None or result.empty:
            return result
        if up and x.hi == INF and x.hi_open:
            result = replace(result, hi=INF, hi_open=True)
        if down and x.lo == -INF and x.lo_open:
            result = replace(result, lo=-INF, lo_open=True)
        return result

    return wrapped


def boolean(call: Call) -> Interval | None:
    return UNIT


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


def accumulated(parameter: str) -> Shape:
    """Elements of the input, some with one or more elements of `parameter` added."""

    def shape(call: Call) -> Interval | None:
        x, extra = call.range("input"), argument(call, parameter)
        return None if x is None or extra is None else x.join(x + total(extra))

    return shape


def padded(call: Call) -> Interval | None:
    """Elements of the input, and the padding value, 0 unless given."""
    x = call.range("input")
    fill = argument(call, "value") if call.given("value") else exactly(0.0)
    return None if x is None or fill is None else x.join(fill)


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
        whole = DTYPES[dtype].kind == "integer"
        if not whole:
            return rounded
        # what is not finite becomes some whole number
        strange = x.nan or INF in x or -INF in x
        return FINITE if strange else rounded

    return shape
