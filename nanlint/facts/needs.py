"""Which needs of an op its operands do not surely fulfil."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanlint.ops import TABLE

if TYPE_CHECKING:
    from nanlint.facts.value import Value
    from nanlint.ops.op import Need, Op

OF_POWERS = {name: TABLE[name].needs for name in ("sqrt", "rsqrt", "reciprocal")}


def unmet(op: Op, values: Mapping[str, Value]) -> tuple[Need, ...]:
    """The needs that some operand may leave; a number is never a tensor hazard."""
    needs = _of_power(values) if op.name == "pow" else op.needs
    return tuple(need for need in needs if _is_unmet(need, values))


def _of_power(values: Mapping[str, Value]) -> tuple[Need, ...]:
    """What a known exponent needs of the base: `1 / x` for a negative one, a root for a fractional one."""
    exponent = values.get("exponent")
    p = exponent.number if exponent is not None else None
    if p is None or (p >= 0 and p == int(p)):
        return ()
    if p == int(p):
        return OF_POWERS["reciprocal"]
    return OF_POWERS["rsqrt" if p < 0 else "sqrt"]


def _is_unmet(need: Need, values: Mapping[str, Value]) -> bool:
    value = values.get(need.parameter)
    if value is None or value.kind not in ("tensor", "unknown"):
        return False
    return value.range is None or not value.range.without_nan().within(need.domain)
