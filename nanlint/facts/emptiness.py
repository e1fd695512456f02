"""Selections that may hold no element, and what is done with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanlint.facts.relations import NOT, VIEWS, first_arg, same, strip_views
from nanlint.facts.value import Value
from nanlint.ops.empty import EMPTY, LOSSES

if TYPE_CHECKING:
    from nanlint.facts.frame import Env
    from nanlint.ops.op import Op

EXTREMES = frozenset({"max", "min", "amax", "amin", "median"})
ELEMENTWISE = frozenset("add sub mul div neg abs square pow sqrt exp log".split())
MASKING = frozenset({"bitwise_not", "bitwise_and", "bitwise_or", "logical_not", "logical_and", "logical_or"})


def is_mask(value: Value) -> bool:
    """The value is a boolean tensor, as far as one can see."""
    if value.kind not in ("tensor", "unknown"):
        return False
    return value.dtype == "bool" or (value.dtype is None and value.op in MASKING)


def known_nonempty(env: Env, value: Value) -> bool:
    """A guard has taught that the value, or the mask by which it was selected, holds something."""
    marks = env.marks
    for _ in range(8):
        if ("nonempty", value.ident) in marks or ("several", value.ident) in marks:
            return True
        mask = value.arg("mask")
        if mask is not None and selects_some(env, mask):
            return True
        inner = first_arg(value)
        if inner is None or value.op not in VIEWS or not inner.maybe_empty:
            return False
        value = inner
    return False


def is_empty(env: Env, value: Value, depth: int = 8) -> bool:
    """A guard has taught that the value has no element: for `arange(n)`, the other branch of `if n > 0`."""
    marks = env.marks
    if not marks or value.kind == "number":
        return False
    if ("none", value.ident) in marks:
        return True
    if depth == 0 or value.made_by is None:
        return depth > 0 and bool(value.alternatives) and all(is_empty(env, v, depth - 1) for v in value.alternatives)
    parts = value.made_by.args
    if value.op == "arange":
        last = parts.get("start")
        return last is not None and "end" not in parts and ("none", last.ident) in marks
    return (value.op in VIEWS or value.op in ELEMENTWISE) and any(is_empty(env, v, depth - 1) for v in parts.values())


def selects_some(env: Env, mask: Value) -> bool:
    """The mask, or index, is known to select at least one element."""
    # places that are chosen by number are some when there are any; of a mask some must be true
    words = ("some",) if is_mask(mask) else ("some", "nonempty", "several")
    if any((word, value.ident) in env.marks for value in (mask, strip_views(mask)) for word in words):
        return True
    inner = first_arg(mask)
    if mask.op in NOT and inner is not None and ("not all", inner.ident) in env.marks:
        return True
    # `labels == c` for c in `labels.unique()`
    left, right = mask.arg("input"), mask.arg("other")
    if left is None or right is None:
        return False
    if mask.op in ("gt", "ne") and right.number == 0:
        # `x > 0` behind a test of `x.sum()`
        return ("some", left.ident) in env.marks
    if mask.op != "eq":
        return False
    return any(_occurs(strip_views(one), two) for one, two in ((left, right), (right, left)))


def _occurs(one: Value, other: Value) -> bool:
    """The one is for sure an element of the other: a distinct one, the largest, or a number among `return_inverse`."""
    if one.op == "unique":
        return same(first_arg(one), other) or (one.arg("return_inverse") is not None and other.kind == "number")
    return one.op in EXTREMES and one.arg("dim") is None and same(first_arg(one), other)


def empties(env: Env, op: Op, values: Mapping[str, Value]) -> tuple[bool, str | None]:
    """Whether the result may be empty in its turn, and what the op gives in that case if that is not finite."""
    found = [v for v in values.values() if v.maybe_empty and v.kind in ("tensor", "unknown", "number")]
    # the rows of a stack are as many as were listed
    if not found or op.name == "stack" or any(known_nonempty(env, v) for v in values.values()):
        return False, None
    if not op.reduces:
        return True, None
    if op.name in LOSSES:
        reduction = values.get("reduction")
        if reduction is not None and reduction.const in ("sum", "none"):
            return reduction.const == "none", None
        return False, EMPTY[op.name]
    dim = values.get("dim")
    if dim is None and op.name in ("max", "min"):
        dim = values.get("other")
    if dim is not None and dim.kind != "none" and dim.number != 0:
        # the selected dimension is the first one, and stays
        return True, None
    return False, EMPTY.get(op.name)
