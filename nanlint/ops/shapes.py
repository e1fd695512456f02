"""Shape functions: how an op moves the intervals of its inputs.

Conventions. An input of which nothing is known gives None, unless the op alone bounds its result (`unknown=`, or
`always`). Data is finite: an open end at infinity stays open through sums and products, and infinity is a member of
a result only if the op makes it from ordinary numbers (exp overflows, 1/0) or an input has it. NaN is a possible result
where an input may be NaN or lies outside of the domain. Reductions are taken over at least one element.
Rounding to a format narrower than float64 is a later step, `nanlint.ops.dtypes.round_to`.
"""

from __future__ import annotations

from collections.abc import Callable

from nanlint.interval import (
    EMPTY,
    FINITE,
    FINITE_NONNEGATIVE,
    INF,
    REAL,
    UNIT,
    Interval,
    exactly,
)
from nanlint.ops.op import Call, Shape
from nanlint.slotted import replace

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
                if bound is None and parameter == high and call.given(low):
                    # an upper limit lies above the lower one
                    continue
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


def signed(shape: Shape) -> Shape:
    """For a rising function that is about its input near zero: of all floats only zero gives zero."""

    def wrapped(call: Call) -> Interval | None:
        x, result = call.range("input"), shape(call)
        if x is None or result is None or result.empty:
            return result
        if x.lo == 0 and x.lo_open:
            result = replace(result, lo=0.0, lo_open=True)
        if x.hi == 0 and x.hi_open:
            result = replace(result, hi=0.0, hi_open=True)
        return replace(result, hole=True) if x.hole and result.lo < 0 < result.hi else result

    return wrapped


def boolean(call: Call) -> Interval | None:
    return UNIT


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
