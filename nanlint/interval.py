"""Intervals of floats: what a number, or every element of a tensor, can be.

The ends are floats of the IEEE kind, so `inf` may itself be a member (`closed` at inf means that the
value inf is attained, by overflow or from the input). An end that is open is approached but not attained.
`hole` removes zero alone. `nan` says whether NaN is possible beside the interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from nanlint.slotted import Data, replace

INF = math.inf
LARGEST = math.nextafter(INF, 0)
ENDS_KEPT = (0.0, INF, -INF)


class Interval(Data):
    """`lo <= x <= hi`, each end open or closed, zero perhaps excluded (`hole`), NaN perhaps included.

    Never changed once made: `frozen=True` would say so, and make it three times as long.
    """

    lo: float = -INF
    hi: float = INF
    lo_open: bool = False
    hi_open: bool = False
    hole: bool = False
    nan: bool = False

    def __contains__(self, x: float) -> bool:
        if x != x:
            return self.nan
        if x == 0 and self.hole:
            return False
        above = x > self.lo or (x == self.lo and not self.lo_open)
        below = x < self.hi or (x == self.hi and not self.hi_open)
        return above and below

    @property
    def empty(self) -> bool:
        """No number at all is left (NaN may be)."""
        if self.lo > self.hi:
            return True
        if self.lo == self.hi:
            return self.lo_open or self.hi_open or (self.lo == 0 and self.hole)
        return False

    @property
    def point(self) -> float | None:
        """The only member, if there is just one."""
        return self.lo if self.lo == self.hi and not self.empty and not self.nan else None

    def within(self, other: Interval) -> bool:
        """Every member is a member of `other`; NaN counts as a member."""
        if self.nan and not other.nan:
            return False
        if self.empty:
            return True
        if other.hole and 0 in self:
            return False
        low = self.lo > other.lo or (self.lo == other.lo and (self.lo_open or not other.lo_open))
        high = self.hi < other.hi or (self.hi == other.hi and (self.hi_open or not other.hi_open))
        return low and high

    def meets(self, other: Interval) -> bool:
        """Some number is a member of both."""
        return not self.meet(other).empty

    def join(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        if self is other:
            return self
        nan = self.nan or other.nan
        if self.empty:
            return replace(other, nan=nan)
        if other.empty:
            return replace(self, nan=nan)
        low = self if self.lo < other.lo else other
        high = self if self.hi > other.hi else other
        lo_open = self.lo_open and other.lo_open if self.lo == other.lo else low.lo_open
        hi_open = self.hi_open and other.hi_open if self.hi == other.hi else high.hi_open
        hole = low.lo < 0 < high.hi and 0 not in self and 0 not in other
        return Interval(low.lo, high.hi, lo_open, hi_open, hole, nan)

    def meet(self, other: Interval) -> Interval:
        """The members of both."""
        low = self if self.lo > other.lo else other
        high = self if self.hi < other.hi else other
        lo_open = self.lo_open or other.lo_open if self.lo == other.lo else low.lo_open
        hi_open = self.hi_open or other.hi_open if self.hi == other.hi else high.hi_open
        hole = self.hole or other.hole
        if hole:
            lo_open, hi_open, hole = lo_open or low.lo == 0, hi_open or high.hi == 0, low.lo < 0 < high.hi
        return Interval(low.lo, high.hi, lo_open, hi_open, hole, self.nan and other.nan)

    def widen(self, later: Interval) -> Interval:
        """An upper bound of any further growth from `self` to `later`: an end that moved goes to 0, 1 or infinity."""
        grown = self.join(later)
        lo, lo_open, hi, hi_open = grown.lo, grown.lo_open, grown.hi, grown.hi_open
        if (lo, lo_open) != (self.lo, self.lo_open):
            lo, lo_open = next((stop, False) for stop in (1.0, 0.0, -1.0, -INF) if stop <= lo)
        if (hi, not hi_open) != (self.hi, not self.hi_open):
            hi, hi_open = next((stop, False) for stop in (-1.0, 0.0, 1.0, INF) if stop >= hi)
        return Interval(lo, hi, lo_open, hi_open, grown.hole, grown.nan)

    def without_zero(self) -> Interval:
        return self.meet(NONZERO)

    @property
    def is_nan(self) -> bool:
        """It holds nan and nothing else."""
        return self.nan and self.empty

    def without_nan(self) -> Interval:
        return replace(self, nan=False) if self.nan else self

    def with_nan(self) -> Interval:
        return self if self.nan else replace(self, nan=True)

    def __neg__(self) -> Interval:
        return Interval(-self.hi, -self.lo, self.hi_open, self.lo_open, self.hole, self.nan)

    def __add__(self, other: Interval) -> Interval:
        if self.empty or other.empty:
            return replace(EMPTY, nan=self.nan or other.nan)
        nan = self.nan or other.nan or (INF in self and -INF in other) or (-INF in self and INF in other)
        lo = _sum(self.lo, other.lo, -INF)
        hi = _sum(self.hi, other.hi, INF)
        # float addition absorbs: an open end plus a number of another size may round onto the end itself
        (lo_here, hi_here), (lo_there, hi_there) = self.ends, other.ends
        lo_in, hi_in = lo_here + lo_there, hi_here + hi_there
        lo_open = (self.lo_open or other.lo_open) and lo_in != lo
        hi_open = (self.hi_open or other.hi_open) and hi_in != hi
        if lo == -INF:
            lo_open = not (-INF in self or -INF in other)
        if hi == INF:
            hi_open = not (INF in self or INF in other)
        return Interval(lo, hi, lo_open, hi_open, False, nan)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        if self.empty or other.empty:
            return replace(EMPTY, nan=self.nan or other.nan)
        corners = [
            (_product(a, b), (ao or bo) and not _absorbs(a, ao, b) and not _absorbs(b, bo, a) and a_in * b_in != a * b)
            for a, ao, a_in in self._corners
            for b, bo, b_in in other._corners
        ]
        lo, lo_open = min(corners)
        hi, hi_closed = max((c, not o) for c, o in corners)
        infinite = (INF in self or -INF in self) and 0 in other or (INF in other or -INF in other) and 0 in self
        # the product of tiny numbers underflows to zero, so an open zero end closes unless one factor is large
        if lo == 0 and lo_open and not (self.away_from_zero or other.away_from_zero):
            lo_open = False
        if hi == 0 and not hi_closed and not (self.away_from_zero or other.away_from_zero):
            hi_closed = True
        # an infinite member times any member of the right sign
        if lo == -INF and lo_open:
            lo_open = not (_reaches(self, other, -1) or _reaches(other, self, -1))
        if hi == INF and not hi_closed:
            hi_closed = _reaches(self, other, 1) or _reaches(other, self, 1)
        hole = 0 not in self and 0 not in other and (self.away_from_zero or other.away_from_zero)
        return Interval(lo, hi, lo_open, not hi_closed, hole and lo < 0 < hi, self.nan or other.nan or infinite)

    @property
    def _corners(self) -> tuple[tuple[float, bool, float], tuple[float, bool, float]]:
        """Both ends, whether they are open, and the outermost member there."""
        lo, hi = self.ends
        return (self.lo, self.lo_open, lo), (self.hi, self.hi_open, hi)

    @property
    def away_from_zero(self) -> bool:
        """Every member is at least about 1e-12 from zero, so that scaling by it does not underflow."""
        return self.lo > 1e-12 or self.hi < -1e-12

    def inverse(self) -> Interval:
        """`1 / x` as float division gives it: 1/0 is inf, 1/inf is 0."""
        if self.empty:
            return self
        # zero is +0 unless the interval lies below it
        if self.hi == 0 and not self.hi_open:
            return Interval(-INF, INF, nan=self.nan)
        if self.lo >= 0 or self.hi <= 0:
            low, low_open = _reciprocal(self.hi, self.hi_open, -1.0 if self.hi <= 0 else 1.0)
            high, high_open = _reciprocal(self.lo, self.lo_open, -1.0 if self.hi <= 0 else 1.0)
            return Interval(low, high, low_open, high_open, False, self.nan)
        return Interval(-INF, INF, nan=self.nan)

    def __truediv__(self, other: Interval) -> Interval:
        if self.empty or other.empty:
            return replace(EMPTY, nan=self.nan or other.nan)
        infinite = (INF in self or -INF in self) and (INF in other or -INF in other)
        nan = self.nan or other.nan or (0 in self and 0 in other) or infinite
        product = self.without_nan() * other.without_nan().inverse().without_nan()
        # quotients round differently from products with the reciprocal
        lo, hi = product.lo, product.hi
        if (other.lo > 0 or other.hi < 0) and not math.isinf(self.hi - self.lo) and not math.isinf(other.hi - other.lo):
            quotients = [x / y for x in (self.lo, self.hi) for y in (other.lo, other.hi)]
            lo, hi = min(quotients), max(quotients)
        lo_open, hi_open = product.lo_open and lo in ENDS_KEPT, product.hi_open and hi in ENDS_KEPT
        return Interval(lo, hi, lo_open, hi_open, product.hole, nan)

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest member: an open end gives the next float, and that of infinity the largest."""
        lo = math.nextafter(self.lo, INF) if self.lo_open else self.lo
        return lo, (math.nextafter(self.hi, -INF) if self.hi_open else self.hi)

    def map_rising(self, fn: Callable[[float], float]) -> Interval:
        """The image under a rising function; `fn` may return NaN or raise outside of its domain.

        Limits are attained, as floats do: a finite input underflows `exp` to 0 and rounds `tanh` to 1.
        """
        lo, hi = self.ends
        return Interval(_at(fn, lo, -INF), _at(fn, hi, INF), nan=self.nan)

    def map_falling(self, fn: Callable[[float], float]) -> Interval:
        lo, hi = self.ends
        return Interval(_at(fn, hi, -INF), _at(fn, lo, INF), nan=self.nan)

    def magnitude(self) -> Interval:
        """`|x|`."""
        if self.lo >= 0:
            return self
        if self.hi <= 0:
            return -self
        top = max((self.hi, not self.hi_open), (-self.lo, not self.lo_open))
        return Interval(0.0, top[0], self.hole, not top[1], False, self.nan)

    def __str__(self) -> str:
        if self.empty:
            return "{nan}" if self.nan else "{}"
        if self.lo == self.hi:
            text = _number(self.lo)
        else:
            text = f"{'(' if self.lo_open else '['}{_number(self.lo)}, {_number(self.hi)}{')' if self.hi_open else ']'}"
        if self.hole:
            text += " without 0"
        return text + (" or nan" if self.nan else "")


def _sum(a: float, b: float, otherwise: float) -> float:
    total = a + b
    return otherwise if math.isnan(total) else total


def _product(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


def _reaches(x: Interval, y: Interval, sign: int) -> bool:
    """An infinity in `x` times a member of `y` gives infinity of that sign."""
    return (INF in x and _has(y, sign)) or (-INF in x and _has(y, -sign))


def _has(x: Interval, sign: int) -> bool:
    """A member of that sign exists."""
    return not x.empty and (x.hi > 0 if sign > 0 else x.lo < 0)


def _absorbs(x: float, is_open: bool, y: float) -> bool:
    """`x` is attained, and is zero or infinity, so that its product with numbers near `y` is `x * y` itself."""
    return not is_open and (x == 0 or (math.isinf(x) and y != 0))


def _reciprocal(x: float, is_open: bool, sign: float) -> tuple[float, bool]:
    if x == 0:
        return sign * INF, is_open
    # the reciprocals of neighbours round to one number
    if math.isinf(x):
        return 0.0, is_open
    return max(-LARGEST, min(1.0 / x, LARGEST)), False


def _at(fn: Callable[[float], float], x: float, otherwise: float) -> float:
    try:
        y = fn(x)
    except (ValueError, ZeroDivisionError):
        return otherwise
    except OverflowError:
        return INF
    return otherwise if math.isnan(y) else y


def _number(x: float) -> str:
    return str(int(x)) if x.is_integer() and abs(x) < 1e6 else f"{x:.6g}"


EMPTY = Interval(INF, -INF)
# domains: what an op accepts, infinity included
REAL = Interval()
POSITIVE = Interval(0.0, INF, lo_open=True)
NONNEGATIVE = Interval(0.0, INF)
ABOVE_MINUS_ONE = Interval(-1.0, INF, lo_open=True)
NONZERO = Interval(hole=True)
# what finite data gives: infinity is approached, never attained
FINITE = Interval(lo_open=True, hi_open=True)
FINITE_NONNEGATIVE = Interval(0.0, INF, hi_open=True)
FINITE_POSITIVE = Interval(0.0, INF, lo_open=True, hi_open=True)
FINITE_NONPOSITIVE = Interval(-INF, 0.0, lo_open=True)
UNIT = Interval(0.0, 1.0)
SYMMETRIC_UNIT = Interval(-1.0, 1.0)
ZERO = Interval(0.0, 0.0)
ONE = Interval(1.0, 1.0)


def exactly(x: float) -> Interval:
    """The interval of one number; of none but NaN when `x` is NaN."""
    return Interval(INF, -INF, nan=True) if math.isnan(x) else Interval(x, x)


def at_least(x: float) -> Interval:
    return Interval(x, INF)


def at_most(x: float) -> Interval:
    return Interval(-INF, x)
