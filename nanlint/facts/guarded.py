"""A value behind what guards have taught of it: a range, that it was tested, that it holds no nan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts.emptiness import known_nonempty
from nanlint.finding import Confidence
from nanlint.interval import INF

if TYPE_CHECKING:
    from nanlint.facts.frame import Env
    from nanlint.facts.value import Value
    from nanlint.interval import Interval

POSSIBLE = Confidence.POSSIBLE
COMPARED = frozenset({"tensor", "number", "unknown"})
# they give infinities, but no nan
OVERFLOWING = frozenset({"exp", "exp2", "expm1", "sinh", "cosh"})


def tested(env: Env, value: Value) -> Value:
    """The value, behind a comparison of it with a limit that is not known, or behind a count of its elements."""
    if value.maybe_empty and known_nonempty(env, value):
        value = value.but(maybe_empty=False, alternatives=())
    if value.alternatives and ("several", value.ident) in env.marks:
        # what was counted is the whole, not one of the branches that meet here
        value = value.but(alternatives=())
    if value.hazards:
        value = without_nan(env, value)
    if value.kind in ("tensor", "unknown") and ("tested", value.ident) in env.marks and value.reach > POSSIBLE:
        return value.but(reach=POSSIBLE)
    return value


def without_nan(env: Env, value: Value) -> Value:
    """The value, behind a test that it holds no nan, or no infinity."""
    if not value.hazards:
        return value
    if ("finite", value.ident) in env.marks:
        gone = value.hazards
    elif ("not infinite", value.ident) in env.marks:
        gone = frozenset(site for site in value.hazards if site.op in OVERFLOWING)
    else:
        return value
    for site in gone:
        site.guarded = True
    return value.but(hazards=value.hazards - gone, alternatives=())


def narrowed(value: Value, learned: Interval) -> Value:
    """The value, restricted by what a guard has taught."""
    if value.range is None:
        # no None is compared with a number
        branches = tuple([narrowed(each, learned) for each in value.alternatives if each.kind in COMPARED])
        return value.but(range=learned.without_nan(), reach=min(value.reach, Confidence.LIKELY), alternatives=branches)
    was, met = value.range, narrowed_range(value, learned)
    if (met.lo, met.hi, met.lo_open, met.hi_open, met.hole) == (was.lo, was.hi, was.lo_open, was.hi_open, was.hole):
        return value
    # that it is at an infinity for sure says nothing of what is left without that
    low = met.lo == -INF and met.lo_open and not was.lo_open
    high = met.hi == INF and met.hi_open and not was.hi_open
    reach = min(value.reach, Confidence.LIKELY) if low or high else value.reach
    return value.but(range=met, reach=reach, alternatives=())


def narrowed_range(value: Value, learned: Interval) -> Interval:
    """The range of the value that `narrowed` gives."""
    if value.range is None:
        return learned.without_nan()
    met = value.range.meet(learned)
    if not met.empty:
        return met
    # behind `if ratio > 0` a default of 0 is not what was passed
    passed = value.kind == "number" and not value.is_literal and value.range.point == 0 and learned.lo == 0
    return learned.without_nan() if passed else value.range
