"""The number formats of tensors, and what rounding to one of them does to an interval.

Sizes are those of IEEE 754 binary16/32/64 and of bfloat16 (8 exponent bits, 7 stored fraction bits).
"""

from __future__ import annotations

import math
from typing import Literal

from nanlint.interval import INF, Interval
from nanlint.slotted import Data

Kind = Literal["float", "complex", "integer", "bool"]


class Dtype(Data):
    """A format: `precision` significant bits, the power of two of its smallest positive number, its largest number.

    A complex format is described by the format of its parts.
    """

    name: str
    kind: Kind
    precision: int
    lowest_power: int
    max: float
    min: float

    @property
    def eps(self) -> float:
        """The gap between 1 and the next number."""
        return math.ldexp(1.0, 1 - self.precision)

    @property
    def smallest(self) -> float:
        """The smallest positive number, a subnormal one."""
        return math.ldexp(1.0, self.lowest_power)

    @property
    def smallest_normal(self) -> float:
        return math.ldexp(1.0, self.lowest_power + self.precision - 1)

    def nearest(self, x: float) -> float:
        """The number of this format nearest to `x`, ties to even; infinity beyond the largest."""
        if x == 0 or not math.isfinite(x):
            return x
        if self.kind in ("integer", "bool"):
            return x if abs(x) > self.max else float(math.trunc(x))
        if abs(x) > 2 * self.max:
            return math.copysign(INF, x)
        _, exponent = math.frexp(x)
        unit = max(exponent - self.precision, self.lowest_power)
        rounded = math.ldexp(float(round(math.ldexp(x, -unit))), unit)
        return math.copysign(INF, x) if abs(rounded) > self.max else rounded


def _float(name: str, precision: int, lowest_power: int, kind: Kind = "float") -> Dtype:
    top = math.ldexp(2.0 - math.ldexp(1.0, 1 - precision), 2 - lowest_power - precision)
    return Dtype(name, kind, precision, lowest_power, top, -top)


def _integer(name: str, bits: int, signed: bool) -> Dtype:
    top = 2 ** (bits - signed) - 1
    return Dtype(name, "integer", bits, 0, float(top), float(-top - 1 if signed else 0))


DTYPES: dict[str, Dtype] = {
    dtype.name: dtype
    for dtype in (
        _float("float64", 53, -1074), _float("float32", 24, -149), _float("float16", 11, -24),
        _float("bfloat16", 8, -133), _float("complex128", 53, -1074, "complex"),
        _float("complex64", 24, -149, "complex"), _float("complex32", 11, -24, "complex"),
        *(_integer(f"int{bits}", bits, True) for bits in (8, 16, 32, 64)),
        *(_integer(f"uint{bits}", bits, False) for bits in (8, 16, 32, 64)),
        Dtype("bool", "bool", 1, 0, 1.0, 0.0),
    )
}  # fmt: skip

ALIASES = {
    "float": "float32", "double": "float64", "half": "float16", "cfloat": "complex64", "cdouble": "complex128",
    "chalf": "complex32", "long": "int64", "int": "int32", "short": "int16", "byte": "uint8", "char": "int8",
}  # fmt: skip


def round_to(interval: Interval, dtype: str) -> Interval:
    """`interval` after each member is rounded to `dtype` (KeyError for a name that is no dtype).

    An end that is a number of the format stays as open as it was; an end that moves is attained by what rounds to it,
    so it becomes closed. An open end at infinity stays open: finite data is taken to be finite in its own format.
    """
    kind = DTYPES[ALIASES.get(dtype, dtype)]
    if kind.name in ("float64", "complex128") or interval.empty:
        return interval
    if kind.kind == "bool":
        return Interval(0.0 if 0 in interval else 1.0, 0.0 if interval.point == 0 else 1.0)
    lo = kind.nearest(interval.lo)
    hi = lo if interval.hi == interval.lo else kind.nearest(interval.hi)
    lo_open, hi_open = interval.lo_open and lo == interval.lo, interval.hi_open and hi == interval.hi
    if kind.kind == "integer":
        lo_open, hi_open = lo_open and math.isinf(lo), hi_open and math.isinf(hi)
    hole = interval.hole and lo < 0 < hi and kind.kind not in ("integer", "bool")
    if lo == interval.lo and hi == interval.hi and (lo_open, hi_open, hole) == (
        interval.lo_open, interval.hi_open, interval.hole,
    ):  # fmt: skip
        return interval
    return Interval(lo, hi, lo_open, hi_open, hole, interval.nan)
