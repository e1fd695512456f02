"""What may not be finite in the result of an operation, by what its operands hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nanlint.facts.masking import COMPARISONS
from nanlint.facts.value import Value
from nanlint.finding import Confidence

if TYPE_CHECKING:
    from nanlint.ops.op import Op
    from nanlint.site import Site

# they give truth values
TESTS = COMPARISONS | {"isnan", "isinf", "isfinite"}
# they add what they are given the logarithms of: a weight of 0 is -inf there, and adds nothing
LOG_SPACE = frozenset({"logsumexp", "logaddexp", "logaddexp2", "logcumsumexp"})
LOGARITHMS = frozenset({"log", "log2", "log10"})


NOTHING: frozenset[Site] = frozenset()
MAX_KEPT = 64
"""Of so many sites it is kept track what becomes of their results within one value."""


def hazards_of(values: Iterable[Value]) -> frozenset[Site]:
    """The hazards of any of these values; where they are too many to keep, none, and all count as having left."""
    together = NOTHING
    for value in values:
        if value.hazards:
            together = together | value.hazards if together else value.hazards
    if len(together) <= MAX_KEPT:
        return together
    for site in together:
        site.escaped = True
    return frozenset()


def slopes_of(values: Iterable[Value]) -> frozenset[Site]:
    """The slopes of any of these values; where they are too many to keep, none, and the gradients of all flow."""
    together = NOTHING
    for value in values:
        if value.slopes:
            together = together | value.slopes if together else value.slopes
    if len(together) <= MAX_KEPT:
        return together
    for site in together:
        site.flows = True
    return frozenset()


def carried(op: Op, values: Mapping[str, Value]) -> frozenset[Site]:
    """What may not be finite in the result: nothing in a truth value, nor in what takes the shape of another."""
    carried = hazards_of(values.values() if "like" not in values else [v for k, v in values.items() if k != "like"])
    if not carried:
        return carried
    if op.name in LOG_SPACE:
        weights = {site for site in carried if site.op in LOGARITHMS and _is_weight(site.input.value)}
        for site in weights:
            site.absorbed = True
        return carried - weights
    if op.name not in TESTS:
        return carried
    for site in carried:
        site.compared = True
    return frozenset()


def _is_weight(value: Value) -> bool:
    """Not negative, but for what a caller passes; what is 0 for sure has a gradient of nan."""
    return value.made_by is None if value.range is None else value.range.lo >= 0 and value.reach < Confidence.CERTAIN
