"""Shapes of reductions: sums, means, norms, products over at least one element, and of mixtures by matrices."""

from __future__ import annotations

from nanlint.interval import (
    FINITE,
    FINITE_NONNEGATIVE,
    INF,
    Interval,
)
from nanlint.ops.op import Call, Shape
from nanlint.ops.shapes import argument, spread, total
from nanlint.slotted import replace

UNDERFLOWS = 1e-12
"""Squares of smaller numbers are subnormal or zero in the narrower formats, so a lower bound does not survive them."""

SOFTMAX_UNDERFLOWS = 60.0
"""Logits closer together than this give a positive softmax in float32, over any number of members that fits."""


def sum_like(call: Call) -> Interval | None:
    x = call.range("input")
    return None if x is None else total(x)


def mean_like(call: Call) -> Interval | None:
    """A weighted mean: between the ends, which rounding may reach."""
    x = call.range("input")
    if x is None:
        return None
    lo_open, hi_open = x.lo_open and x.lo in (0, -INF), x.hi_open and x.hi in (0, INF)
    return Interval(x.lo, x.hi, lo_open, hi_open, False, x.nan or (INF in x and -INF in x))


def norm_like(call: Call) -> Interval | None:
    """At least the size of the smallest member."""
    x = call.range("input")
    if x is None:
        return FINITE_NONNEGATIVE
    size = x.magnitude()
    low = size.lo if size.lo > UNDERFLOWS else 0.0
    return Interval(low, INF, size.lo_open and low > 0, INF not in size, False, x.nan)


def spread_like(call: Call) -> Interval | None:
    """A standard deviation, variance or range: not negative, zero for equal members."""
    x = call.range("input")
    if x is None:
        return FINITE_NONNEGATIVE
    infinite = INF in x or -INF in x
    return replace(FINITE_NONNEGATIVE, hi_open=not infinite, nan=x.nan or infinite)


def product(call: Call) -> Interval | None:
    x = call.range("input")
    if x is None:
        return None
    nan = x.nan or ((INF in x or -INF in x) and 0 in x)
    infinite = INF in x or -INF in x
    if x.lo >= 1:
        return replace(x, hi=INF, hi_open=not infinite) if x.hi > 1 else x
    if x.lo >= 0:
        if x.hi <= 1:
            return Interval(0.0, x.hi, hi_open=x.hi_open, nan=nan)
        return Interval(0.0, INF, hi_open=not infinite, nan=nan)
    if x.lo >= -1 and x.hi <= 1:
        return Interval(-1.0, 1.0, nan=nan)
    return Interval(lo_open=not infinite, hi_open=not infinite, nan=nan)


def mixture(*parameters: str) -> Shape:
    """Sums of products of the arguments' members (matmul, conv, einsum): finite data gives finite data."""

    def shape(call: Call) -> Interval | None:
        result: Interval | None = None
        for parameter in parameters:
            x = argument(call, parameter)
            if x is None:
                return None
            result = x if result is None else result * x
        return None if result is None else total(result)

    return shape


def mixture_of_all(call: Call) -> Interval | None:
    """As `mixture`, of as many arguments as are given: those of einsum."""
    return mixture(*(name for name in ("input", "other", "third", "fourth") if call.given(name)))(call)


def layer(*parameters: str) -> Shape:
    """A layer with weights of its own: finite, unless an input is not."""

    def shape(call: Call) -> Interval | None:
        result = FINITE
        for parameter in parameters:
            result = result.join(spread(call.range(parameter)))
        return result

    return shape


def log_sum_exp(call: Call) -> Interval | None:
    """At least the largest member, at most `log(n)` more."""
    x = call.range("input")
    if x is None:
        return None
    return Interval(x.lo, INF, x.lo_open, INF not in x, False, x.nan)


def softmaxed(call: Call) -> Interval | None:
    """[0, 1], both attained unless the logits are close together; NaN where a member is +inf, or where all are -inf."""
    x = call.range("input")
    unit = Interval(0.0, 1.0, lo_open=x is not None and x.hi - x.lo < SOFTMAX_UNDERFLOWS)
    return unit if x is None else replace(unit, nan=x.nan or INF in x or -INF in x)


def log_softmaxed(call: Call) -> Interval | None:
    """At most 0, attained by one member alone; finite for finite members."""
    x = call.range("input")
    if x is None:
        return Interval(-INF, 0.0, lo_open=True)
    infinite = INF in x or -INF in x
    return Interval(-INF, 0.0, not infinite, False, False, x.nan or infinite)


def with_initial(shape: Shape, parameter: str) -> Shape:
    """The result of `shape` plus that argument, if it is given (addmm, baddbmm, bias)."""

    def wrapped(call: Call) -> Interval | None:
        result = shape(call)
        if result is None or not call.given(parameter):
            return result
        start = argument(call, parameter)
        return None if start is None else result + start

    return wrapped


def counted(call: Call) -> Interval | None:
    """A count or an index."""
    return FINITE_NONNEGATIVE
