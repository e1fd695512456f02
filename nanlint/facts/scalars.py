"""Python numbers beside tensors, as the kernels of arithmetic see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanlint.facts.dtypes import is_integral
from nanlint.interval import at_least
from nanlint.ops.dtypes import round_to

if TYPE_CHECKING:
    from nanlint.facts.value import Value

ARITHMETIC = frozenset({"add", "sub", "mul", "div"})


def as_kernels_see(op: str, values: Mapping[str, Value], dtype: str | None) -> Mapping[str, Value]:
    """The operands of `op` for the arithmetic of intervals."""
    return _in_format(_divided_by_number(op, values), dtype) if op in ARITHMETIC else values


def _divided_by_number(op: str, values: Mapping[str, Value]) -> Mapping[str, Value]:
    """A size or setting that divides is taken not to be zero: a size of 0 leaves nothing to divide."""
    other = values.get("other")
    if op != "div" or other is None or other.kind != "number" or other.range is None:
        return values
    if other.range.point is not None:
        return values
    least = other.range.meet(at_least(1.0)) if other.op in ("size", "len", "numel") else other.range.without_zero()
    return {**values, "other": other.but(range=least)}


def _in_format(values: Mapping[str, Value], dtype: str | None) -> Mapping[str, Value]:
    """Python numbers beside a tensor as its kernel sees them: `1 + 1e-8` is 1, also for half, computed in float32."""
    if dtype in ("float64", "complex128") or is_integral(dtype):
        return values
    seen = values
    for name, value in values.items():
        if value.kind == "number" and value.range is not None:
            rounded = round_to(value.range, "float32")
            if rounded is not value.range:
                seen = {**seen, name: value.but(range=rounded)}
    return seen
