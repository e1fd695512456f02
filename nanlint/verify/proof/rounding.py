"""Intervals of what a kernel computes: rounded outward to the format of the result, and within its range."""

from __future__ import annotations

import math

from nanlint.interval import Interval
from nanlint.ops import DTYPES, Dtype

# Integers beyond this are not exact in the floats that intervals are made of.
EXACT_INTEGERS = 2.0**53


class Unproved(Exception):
    """The proof ends here; the message says why."""


def outward(x: Interval, dtype: str, *, ulps: float = 0.0, slack: float = 0.0) -> Interval:
    """The closed interval that holds `x`, each end moved outward by so many units in the last place of `dtype` and by
    `slack`, and rounded to the format; `ulps` is 0 for what is computed exactly. Raises Unproved for what the format
    cannot hold, NaN among it.
    """
    kind = DTYPES[dtype]
    if x.empty or x.nan or kind.kind == "complex":
        raise Unproved("it can be nan" if x.nan else f"its {dtype} range is not known")
    if math.isinf(x.lo) or math.isinf(x.hi):
        raise Unproved(f"it can leave {dtype}: {x}")
    if kind.kind == "float":
        x = _rounded(x, kind, ulps, slack)
    elif not slack and x.lo == kind.min and x.hi == kind.max:
        return Interval(x.lo, x.hi)
    elif max(-x.lo, x.hi) > EXACT_INTEGERS:
        raise Unproved("integers can wrap around")
    elif not (x.lo.is_integer() and x.hi.is_integer()):
        raise Unproved("fractions become integers")
    if x.lo < kind.min or x.hi > kind.max:
        raise Unproved(f"it can leave {dtype}: {x}")
    return x


def _rounded(x: Interval, kind: Dtype, ulps: float, slack: float) -> Interval:
    lo = x.lo - abs(x.lo) * ulps * kind.eps - slack
    hi = x.hi + abs(x.hi) * ulps * kind.eps + slack
    lo, hi = min(lo, kind.nearest(lo)), max(hi, kind.nearest(hi))
    if ulps:
        # Subnormal results are less exact, and kernels may flush them to zero.
        tiny = kind.smallest_normal
        lo = (0.0 if lo >= 0 else -tiny) if abs(lo) < tiny else lo
        hi = (0.0 if hi <= 0 else tiny) if abs(hi) < tiny else hi
    return Interval(lo, hi)


def members(low: float, high: float, dtype: str, *, open_low: bool = False, open_high: bool = False) -> Interval:
    """The finite numbers of a format from `low` to `high`, each end perhaps left out. Raises Unproved without any."""
    kind = DTYPES[dtype]
    if kind.kind == "float":
        lo = _after(low, kind, 1) if open_low else min(low, kind.nearest(low))
        hi = _after(high, kind, -1) if open_high else max(high, kind.nearest(high))
    else:
        lo = low if math.isinf(low) else math.floor(low) + 1.0 if open_low else float(math.ceil(low))
        hi = high if math.isinf(high) else math.ceil(high) - 1.0 if open_high else float(math.floor(high))
    inside = Interval(max(lo, kind.min), min(hi, kind.max))
    if inside.empty:
        raise Unproved(f"no {dtype} lies in the stated range")
    return inside


def _after(x: float, kind: Dtype, sign: int) -> float:
    """The next number of the format; `x` itself where it is none of its numbers."""
    if math.isinf(x) or kind.nearest(x) != x:
        return x
    if kind.name == "float64":
        return math.nextafter(x, sign * math.inf)
    if x == 0:
        return sign * kind.smallest
    _, exponent = math.frexp(x)
    # Below a power of two the numbers lie twice as close, so neither half a unit nor a whole one would do.
    return kind.nearest(x + sign * 0.6 * math.ldexp(1.0, max(exponent - kind.precision, kind.lowest_power)))
