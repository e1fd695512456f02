"""The laws of intervals: what a member gives is a member of what the interval gives."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from nanlint.interval import EMPTY, FINITE, INF, NONZERO, REAL, UNIT, Interval, exactly
from nanlint.ops import DTYPES, round_to

EDGES = (0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 1e-8, 1e-30, -1e-30, 5e-324, 1e300, INF, -INF)
ENDS = st.sampled_from(EDGES) | st.floats(-4, 4)


@st.composite
def intervals(draw: st.DrawFn, *, nan: bool = True) -> Interval:
    a, b = draw(ENDS), draw(ENDS)
    lo, hi = min(a, b), max(a, b)
    made = Interval(lo, hi, draw(st.booleans()), draw(st.booleans()), draw(st.booleans()) and lo < 0 < hi,
                    nan and draw(st.booleans()))  # fmt: skip
    assume(not made.empty)
    return made


def member(data: st.DataObject, interval: Interval) -> float:
    """A number of the interval: an end, the float next to an end, zero, or one between."""
    lo, hi = interval.ends
    choices = [x for x in (lo, hi, 0.0, lo / 2 + hi / 2, 1.0, -1.0, 1e-3) if not math.isnan(x) and x in interval]
    assume(choices)
    return data.draw(st.sampled_from(choices))


def divide(x: float, y: float) -> float:
    """Division as IEEE has it; zero is +0."""
    if y != 0:
        return x / y
    return math.nan if x == 0 or math.isnan(x) else math.copysign(INF, x)


OPERATIONS: dict[str, tuple[Callable[[Interval, Interval], Interval], Callable[[float, float], float]]] = {
    "add": (operator.add, operator.add),
    "sub": (operator.sub, operator.sub),
    "mul": (operator.mul, operator.mul),
    "div": (operator.truediv, divide),
}


def from_overflow(x: float, *inputs: float) -> bool:
    """Infinity, zero or NaN out of numbers near the limits of the format, which intervals of finite data leave out."""
    extreme = any(abs(y) > 1e150 or 0 < abs(y) < 1e-150 for y in inputs if math.isfinite(y))
    return extreme and (x == 0 or not math.isfinite(x))


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=400)
@given(data=st.data(), a=intervals(), b=intervals())
def test_arithmetic_holds_the_members(name: str, data: st.DataObject, a: Interval, b: Interval) -> None:
    of_intervals, of_numbers = OPERATIONS[name]
    x, y = member(data, a), member(data, b)
    z = of_numbers(x, y)
    assert z in of_intervals(a, b) or from_overflow(z, x, y)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@given(data=st.data(), a=intervals(), b=intervals())
def test_arithmetic_holds_the_members_in_narrow_formats(
    dtype: str, name: str, data: st.DataObject, a: Interval, b: Interval
) -> None:
    """The operands are numbers of the format, and the result is rounded to it."""
    kind = DTYPES[dtype]
    of_intervals, of_numbers = OPERATIONS[name]
    a, b = round_to(a, dtype), round_to(b, dtype)
    x, y = kind.nearest(member(data, a)), kind.nearest(member(data, b))
    assume(x in a and y in b)
    z = kind.nearest(of_numbers(x, y))
    predicted = round_to(of_intervals(a, b), dtype)
    small, large = kind.smallest_normal**0.5, kind.max**0.5
    extreme = any(abs(v) > large or 0 < abs(v) < small for v in (x, y) if math.isfinite(v))
    assert z in predicted or (extreme and (z == 0 or not math.isfinite(z)))


@given(data=st.data(), a=intervals())
def test_functions_of_one_interval_hold_the_members(data: st.DataObject, a: Interval) -> None:
    x = member(data, a)
    assert -x in -a
    assert abs(x) in a.magnitude()
    inverse = divide(1.0, x)
    assert inverse in a.inverse() or from_overflow(inverse, x)
    assert math.atan(x) in a.map_rising(math.atan)
    assert -math.atan(x) in a.map_falling(lambda y: -math.atan(y))


@given(a=intervals(), b=intervals(), x=ENDS)
def test_join_and_meet_are_union_and_intersection(a: Interval, b: Interval, x: float) -> None:
    joined, met = a.join(b), a.meet(b)
    assert a.within(joined)
    assert b.within(joined)
    assert met.within(a)
    assert met.within(b)
    assert (x in met) == (x in a and x in b)
    assert x in joined or not (x in a or x in b)
    assert a.meets(b) == (not met.empty)
    assert a.join(EMPTY) == a
    assert a.join(a).within(a)


@given(a=intervals(), b=intervals(), x=ENDS)
def test_within_means_that_members_are_members(a: Interval, b: Interval, x: float) -> None:
    if a.within(b):
        assert x not in a or x in b
        assert not a.nan or b.nan
    assert a.within(a)
    assert a.within(REAL.with_nan())


@given(a=intervals(), b=intervals(), c=intervals(), d=intervals())
def test_widening_is_an_upper_bound_and_stops(a: Interval, b: Interval, c: Interval, d: Interval) -> None:
    grown = a.widen(b)
    assert a.within(grown)
    assert b.within(grown)
    seen = [a]
    for later in (b, c, d) * 6:
        seen.append(seen[-1].widen(seen[-1].join(later)))
    assert len(set(seen)) <= 12
    assert seen[-1].widen(seen[-1]) == seen[-1]


@given(a=intervals(), x=ENDS)
@example(FINITE, 0.0)
def test_zero_and_nan_can_be_taken_out(a: Interval, x: float) -> None:
    assert 0 not in a.without_zero()
    assert (x in a.without_zero()) == (x in a and x != 0)
    missing = math.nan
    assert missing in a.with_nan()
    assert missing not in a.without_nan()


def test_points_and_empty_intervals() -> None:
    assert exactly(2.0).point == 2
    assert UNIT.point is None
    assert exactly(0.0).meet(NONZERO).empty
    assert EMPTY.within(UNIT)
    assert (EMPTY.with_nan() + UNIT).nan
    assert exactly(math.nan).empty
    assert exactly(math.nan).nan


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (UNIT, "[0, 1]"),
        (FINITE, "(-inf, inf)"),
        (NONZERO, "[-inf, inf] without 0"),
        (exactly(0.5), "0.5"),
        (UNIT.with_nan(), "[0, 1] or nan"),
        (EMPTY, "{}"),
    ],
)
def test_text(interval: Interval, text: str) -> None:
    assert str(interval) == text
