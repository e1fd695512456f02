"""Which needs of an op its operands do not surely fulfil."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanlint.interval import INF, Interval, exactly
from nanlint.ops import TABLE, round_to
from nanlint.ops.op import Need

if TYPE_CHECKING:
    from nanlint.facts.value import Value
    from nanlint.ops.op import Op

OF_POWERS = {name: TABLE[name].needs for name in ("sqrt", "rsqrt", "reciprocal")}


def unmet(op: Op, values: Mapping[str, Value]) -> tuple[Need, ...]:
    """The needs that some operand may leave; a number is never a tensor hazard."""
    needs = op.needs
    if op.name == "pow":
        needs = _of_power(values)
    elif op.name == "mvlgamma":
        needs = _of_dimension(op, values)
    elif op.name == "logit" and _is_kept_inside(values):
        return ()
    return tuple([need for need in needs if _is_unmet(need, values)]) if needs else ()


def _of_power(values: Mapping[str, Value]) -> tuple[Need, ...]:
    """What a known exponent needs of the base: `1 / x` for a negative one, a root for a fractional one."""
    exponent = values.get("exponent")
    p = exponent.number if exponent is not None else None
    if exponent is not None and p is None and exponent.kind == "tensor" and exponent.grad is True:
        # one that is trained is no whole number
        return OF_POWERS["sqrt"]
    if p is None or (p >= 0 and p == int(p)):
        return ()
    if p == int(p):
        return OF_POWERS["reciprocal"]
    return OF_POWERS["rsqrt" if p < 0 else "sqrt"]


def _of_dimension(op: Op, values: Mapping[str, Value]) -> tuple[Need, ...]:
    """The multivariate gamma function of dimension p has its first pole at `(p - 1) / 2`."""
    p = values.get("p")
    if p is None or p.number is None or p.number <= 1:
        return op.needs
    least = (p.number - 1) / 2
    return tuple(Need(need.parameter, Interval(least, INF, lo_open=True), f"inf at {least:g}") for need in op.needs)


def _is_kept_inside(values: Mapping[str, Value]) -> bool:
    """`logit(p, eps)` clamps to [eps, 1 - eps], which holds where `1 - eps` is not 1 in the dtype."""
    eps, p = values.get("eps"), values.get("input")
    if eps is None or eps.kind == "none":
        return False
    if eps.number is None or p is None:
        return True
    dtype = p.dtype if p.dtype is not None and (p.is_half or p.dtype == "float64") else "float32"
    return eps.number > 0 and round_to(exactly(1 - eps.number), dtype).point != 1


def _is_unmet(need: Need, values: Mapping[str, Value]) -> bool:
    value = values.get(need.parameter)
    if value is None or value.kind not in ("tensor", "unknown"):
        return False
    return value.range is None or not value.range.without_nan().within(need.domain)
