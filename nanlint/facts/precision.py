"""Where rounding takes more than it leaves: which values come near zero, and which are whole numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanlint.facts.evidence import COUNTED, NOISE, SCATTERS, is_told_nothing
from nanlint.facts.relations import VIEWS, first_arg, is_filled, is_square, strip_views
from nanlint.finding import Confidence
from nanlint.interval import INF, Interval
from nanlint.ops import DTYPES

if TYPE_CHECKING:
    from nanlint.facts.frame import Session
    from nanlint.facts.value import Value

DEPTH = 8
SMALL = 1e-3
"""Of a number below it, `1 + x` keeps less than five digits in float32."""
WIDE = ("float64", "complex128")
ROUNDING = frozenset("round floor ceil trunc sign argmax argmin bincount one_hot randint count_nonzero".split())
# whole where all that goes in is
KEEPS_WHOLE = SCATTERS | frozenset(
    """sum nansum prod cumsum add sub mul neg abs square relu max min amax amin maximum minimum clamp clamp_min
    clamp_max where masked_fill cat stack arange zeros ones eye full zeros_like ones_like new_zeros new_ones full_like
    tensor as_tensor median topk sort""".split()
)
GRIDS = frozenset("arange linspace range meshgrid".split())
GRID_STEPS = VIEWS | frozenset("add sub mul div neg abs stack cat sign".split())
# near 1 where what goes in is near 0, or close to each other for close numbers
ROUNDED = frozenset({"exp", "cos", "cosh", "sqrt"})
TOLD = NOISE | frozenset({"tensor", "as_tensor", "parameter", "network"})
SUMS = frozenset({"sum", "nansum", "cumsum", "matmul"})
KEEP_FROM_ZERO = frozenset({"add", "clamp", "clamp_min", "maximum"})
FORMATS = frozenset({"like", "dtype", "index", "dim", "condition", "mask", "size"})


def is_whole(value: Value, depth: int = DEPTH) -> bool:
    """Each element is a whole number: a count, a degree, a difference of positions."""
    if value.is_integral or value.op in ROUNDING or value.op in COUNTED:
        return True
    if value.range is not None and value.range.point is not None:
        return value.range.point == round(value.range.point)
    if value.items is not None and value.kind == "tuple":
        return all(is_whole(item, depth - 1) for item in value.items)
    if value.alternatives and depth:
        return all(is_whole(other, depth - 1) for other in value.alternatives)
    made = value.made_by
    if made is None or depth == 0:
        return False
    if made.op in VIEWS:
        inner = first_arg(value)
        return inner is not None and is_whole(inner, depth - 1)
    return made.op in KEEPS_WHOLE and all(
        is_whole(part, depth - 1) for name, part in made.args.items() if name not in FORMATS
    )


def is_on_grid(value: Value, depth: int = DEPTH) -> bool:
    """Made of evenly spaced numbers, which are zero or a step away from it, and of Python's own."""
    if value.kind == "number":
        return True
    if depth == 0:
        return False
    if value.kind == "tuple":
        parts = value.items or (value.ref[1:] if isinstance(value.ref, tuple) else ())
        return bool(parts) and all(is_on_grid(part, depth - 1) for part in parts)
    made = value.made_by
    return made is not None and (
        made.op in GRIDS or (made.op in GRID_STEPS and all(is_on_grid(v, depth - 1) for v in made.args.values()))
    )


def cancels(op: str, values: Mapping[str, Value]) -> bool:
    """The difference may be of numbers that are equal but for their last digits."""
    if op != "sub":
        return False
    return any(strip_views(v).op in ROUNDED for v in values.values())


def vanishes(number: float, beside: Interval, dtype: str) -> bool:
    """Added to any number of the interval, the number changes nothing in that format."""
    format_, least = DTYPES[dtype], beside.magnitude().lo
    if not 0 < least < INF or number == 0:
        return False
    if beside.point is not None:
        return format_.nearest(beside.point + number) == beside.point
    _, exponent = math.frexp(least)
    return abs(number) < math.ldexp(0.5, exponent - format_.precision)


def lost_eps(value: Value) -> str:
    """What is wrong with the number that was to keep a value from 0, in words; empty where its format holds it."""
    made = strip_views(value)
    of = first_arg(made)
    if made.op == "sqrt" and of is not None:
        return lost_eps(of)
    format_ = DTYPES.get(made.dtype or "") if made.is_half else None
    if made.made_by is None or made.op not in KEEP_FROM_ZERO or format_ is None:
        return ""
    numbers = [v.number for v in made.made_by.args.values() if v.number]
    lost = next((n for n in numbers if format_.nearest(n) == 0), None)
    return f"its eps {lost:g} is 0 in {made.dtype}; use 1e-4, or float32" if lost is not None else ""


def near_zero(session: Session, value: Value) -> Confidence | None:
    """How sure it is that an element lies so near to zero that `1 + x` drops most of its digits.

    None when none does, or where float64 keeps enough of them. Exactly zero is not near: there nothing is lost.
    """
    if value.kind not in ("tensor", "unknown") or value.dtype in WIDE or is_filled(_unscaled(value)):
        return None
    range_ = value.range
    if range_ is not None and not is_told_nothing(value):
        if range_.point is not None:
            return value.reach if 0 < abs(range_.point) < SMALL else None
        if range_.lo >= SMALL or range_.hi <= -SMALL:
            return None
    if is_whole(value) or is_on_grid(value) or _is_of_arrays(value, DEPTH):
        return None
    if value.alternatives:
        return max((c for v in value.alternatives if (c := near_zero(session, v)) is not None), default=None)
    return min(Confidence.LIKELY, value.reach)


def _unscaled(value: Value) -> Value:
    """The value before its sign was changed and a number was multiplied to it."""
    for _ in range(DEPTH):
        left, right = value.arg("input"), value.arg("other")
        if left is None or value.op not in ("neg", "mul", "div"):
            return value
        if right is not None and right.kind != "number":
            if left.kind != "number":
                return value
            left = right
        value = left
    return value


def _is_of_arrays(value: Value, depth: int) -> bool:
    """Made of what is annotated as an array of numpy, which holds float64 as a rule."""
    made = value.made_by
    if made is None:
        return value.kind == "tensor" and value.grad is False and value.dtype is None and value.items is None
    parts = [v for v in made.args.values() if v.kind in ("tensor", "unknown")]
    return depth > 0 and bool(parts) and all(_is_of_arrays(part, depth - 1) for part in parts)


def is_data(session: Session, value: Value, depth: int = DEPTH) -> bool:
    """It is a square, or goes back to what a public function was given, is trained, noise or a number that was written.

    Of a sum of many elements nothing is told: it is small only where each of them is.
    """
    if value.alternatives and depth:
        return any(is_data(session, other, depth - 1) for other in value.alternatives)
    made = value.made_by
    if made is None or depth == 0:
        return session.arguments.get(value.ident) == "public" or value.grad is True
    if made.op in TOLD or is_square(value):
        return True
    if made.op in SUMS:
        return False
    return any(is_data(session, v, depth - 1) for v in made.args.values() if v.kind in ("tensor", "unknown"))
