"""Differences and quotients behind a test that compares their two sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanlint.facts.nonzero import number_of
from nanlint.facts.relations import strip_views
from nanlint.finding import Confidence
from nanlint.interval import FINITE_NONNEGATIVE, FINITE_NONPOSITIVE, FINITE_POSITIVE, NONZERO, Interval, at_most

if TYPE_CHECKING:
    from nanlint.facts.value import Value

Refined = tuple[Interval | None, Confidence]
Relations = frozenset[tuple[str, int, float]]


def difference(
    relations: Relations, values: Mapping[str, Value], range_: Interval | None, reach: Confidence, found: Refined | None
) -> Refined | None:
    """`a - b` behind a test that `a > b` or `a >= b`, or that they differ."""
    left, right = values.get("input"), values.get("other")
    if left is None or right is None:
        return found
    apart = (
        ("ne", left.ident, right.ident) in relations
        or ("is not", strip_views(number_of(right)).ident, left.number) in relations
        or ("is not", strip_views(number_of(left)).ident, right.number) in relations
    )
    taught = (
        FINITE_POSITIVE if ("gt", left.ident, right.ident) in relations
        else -FINITE_POSITIVE if ("gt", right.ident, left.ident) in relations
        else NONZERO if apart
        else FINITE_NONNEGATIVE if ("ge", left.ident, right.ident) in relations
        else FINITE_NONPOSITIVE if ("ge", right.ident, left.ident) in relations
        else None
    )  # fmt: skip
    if taught is None:
        return found
    range_, reach = found or (range_, reach)
    return (taught if range_ is None else range_.meet(taught)), reach


def quotient(
    relations: Relations, values: Mapping[str, Value], range_: Interval | None, reach: Confidence
) -> Refined | None:
    """`r / cut` behind a test that `r < cut`, a setting, which is taken to be positive."""
    left, right = values.get("input"), values.get("other")
    if left is None or right is None or ("gt", right.ident, left.ident) not in relations:
        return None
    if right.kind not in ("number", "unknown") or (right.range is not None and right.range.lo < 0):
        return None
    below = at_most(1.0)
    return (below if range_ is None else range_.meet(below)), min(reach, Confidence.LIKELY)
