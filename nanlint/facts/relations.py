"""How values are related: which one is the other in another shape, a reduction of it, its square."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nanlint.facts.value import Value
from nanlint.finding import Confidence
from nanlint.interval import POSITIVE, at_most, exactly
from nanlint.ops import DTYPES, TABLE

# the same numbers at other places or in another shape
VIEWS = frozenset(
    """view reshape transpose permute squeeze unsqueeze expand expand_as flatten contiguous clone detach repeat
    repeat_interleave t movedim swapaxes broadcast_to view_as reshape_as narrow unflatten ravel float double to type
    type_as index item values alias cpu cuda requires_grad_ tile mT identity""".split()
)
PARTIAL = frozenset({"index", "narrow"})
NOT = frozenset({"logical_not", "bitwise_not"})
# of `unbind` each part is a quantity of its own
SPLITS = frozenset({"split", "tensor_split", "chunk"})
LARGEST = frozenset({"max", "amax", "maximum", "nanmax"})
POOLS = frozenset({"max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d"})
SMALLEST = frozenset({"min", "amin", "minimum"})
ORIGIN_DEPTH = 10
EPS = 0.1
"""A number up to this that is added to a quantity is there as a guard."""
CLAMPS = frozenset({"clamp", "clamp_min", "clamp_max"})
NORMS = frozenset({"norm", "vector_norm", "linalg_norm"})
SUMS = frozenset({"sum", "nansum", "einsum"})


def strip_views(value: Value, through: frozenset[str] = VIEWS) -> Value:
    """The value whose elements these are, before they went `through` such ops: were reshaped, picked or copied."""
    made, left = value.made_by, 12
    while made is not None and made.op in through and made.args and left:
        value = next(iter(made.args.values()))
        made, left = value.made_by, left - 1
    return value


def same(a: Value | None, b: Value | None) -> bool:
    """Both hold the same elements, up to views."""
    if a is None or b is None:
        return False
    return a.ident == b.ident or strip_views(a).ident == strip_views(b).ident


def is_reshaped(a: Value, b: Value) -> bool:
    """Both hold all elements of the same tensor: columns of one are not the same."""
    return strip_shapes(a).ident == strip_shapes(b).ident


def strip_shapes(value: Value) -> Value:
    """The value before it was reshaped or copied; what picks some of its elements stays."""
    while value.op in VIEWS and value.op not in PARTIAL:
        value = first_arg(value) or Value()
    return value


def is_part_of_sum(part: Value, whole: Value) -> bool:
    """`tp` in `tp + fp + fn`, in `a + b - tp`, or in `1 - iou + tp`: where all of them are zero, so is the whole."""
    terms = list(_terms(whole))
    return len(terms) > 1 and all(t.kind != "number" for t in terms) and any(is_reshaped(t, part) for t in terms)


def _terms(value: Value, depth: int = 6) -> Iterator[Value]:
    left, right = value.arg("input"), value.arg("other")
    complement = value.op == "sub" and left is not None and left.number == 1
    if value.op not in ("add", "sub") or depth == 0 or left is None or right is None or complement:
        yield value
        return
    yield from _terms(left, depth - 1)
    yield from _terms(right, depth - 1)


def are_slices_of_one(a: Value, b: Value) -> bool:
    """Both hold elements of the same tensor, or one is that tensor, and the other some of its elements."""
    return (b.op == "index" or b.op in SPLITS) and _whole(a).ident == _whole(b).ident and a.ident != b.ident


def _whole(value: Value) -> Value:
    made = strip_views(value)
    return strip_views(made.arg("input") or made) if made.op in SPLITS else made


def is_test_of(mask: Value, value: Value, depth: int = 5) -> bool:
    """The mask was worked out from the elements of the value."""
    if same(mask, value):
        return True
    return (
        depth > 0
        and mask.made_by is not None
        and any(is_test_of(part, value, depth - 1) for part in mask.made_by.args.values())
    )


def first_arg(value: Value) -> Value | None:
    if value.made_by is not None:
        for first in value.made_by.args.values():
            return first
    return None


def is_square(value: Value) -> bool:
    """The value is a product of a thing with itself."""
    if value.op == "square":
        return True
    if value.op == "mul":
        left, right = value.arg("input"), value.arg("other")
        return left is not None and right is not None and left.ident == right.ident
    if value.op == "pow":
        exponent = value.arg("exponent")
        return exponent is not None and exponent.number is not None and exponent.number % 2 == 0
    return False


def is_shifted(value: Value) -> bool:
    """A number was added that is no eps."""
    numbers = [part.number for part in value.made_by.args.values()] if value.made_by and value.op == "add" else []
    return any(number is not None and abs(number) > EPS for number in numbers)


def is_product_of_positive(value: Value) -> bool:
    """A product or power of what is greater than zero, which is zero only where it underflows."""
    parts = value.made_by.args.values() if value.made_by and value.op in ("mul", "pow") else ()
    ranges = [part.range.without_nan() for part in parts if part.range is not None]
    return 0 < len(ranges) == len(parts) and all(r.within(POSITIVE) for r in ranges) and any(r.lo == 0 for r in ranges)


def zero_with(value: Value) -> Value | None:
    """What the value is zero with, or so small that nothing can be divided by it.

    `t` of `1 - beta**t`, and `b` of `b + 1e-45`, an eps whose reciprocal overflows.
    """
    left, right = value.arg("input"), value.arg("other")
    if left is None or right is None:
        return None
    if value.op == "sub" and left.number == 1 and right.op == "pow":
        return right.arg("exponent")
    if value.op == "add":
        largest = DTYPES["float64" if value.dtype == "float64" else "float32"].max
        for eps, other in ((left, right), (right, left)):
            if eps.number is not None and 0 < eps.number < 1 / largest:
                return other
    return None


def reduction_of(value: Value, ops: frozenset[str]) -> Value | None:
    """The operand, when the value is such a reduction of it (up to views)."""
    made = strip_views(value).made_by
    return next(iter(made.args.values()), None) if made is not None and made.op in ops else None


# measured on torch 2.13: the gradient at zero is 0, whatever comes from above
MASKED_AT_ZERO = frozenset({"std", "dist", "cdist", "pdist"})
SPREADS = frozenset({"sum", "nansum", "mean", "nanmean", "square", "amax", "max"})


def is_shielded_at_zero(value: Value, depth: int = 8) -> bool:
    """Where the value is 0, an infinite or NaN gradient ends before it gets to anything that is trained.

    So it is for `relu(x)`, `relu(x).sum()`, `relu(x) + relu(y)`: all parts of a sum that is 0 lie at the flat side.
    """
    value = strip_views(value)
    if value.grad is False or value.kind == "number":
        return True
    if value.made_by is None or depth == 0:
        return False
    inner = first_arg(value)
    if value.op in MASKED_AT_ZERO:
        return True
    if value.op in ("diag", "diag_embed") and inner is not None and inner.range is not None:
        # the zeros beside the diagonal were made from nothing
        return 0 not in inner.range or inner.reach is Confidence.POSSIBLE or is_shielded_at_zero(inner, depth - 1)
    if value.op in CLAMPS and inner is not None:
        return is_flat_at(value, (0.0,)) or is_shielded_at_zero(inner, depth - 1)
    op = TABLE.get(value.op)
    if op is not None and op.shield and inner is not None:
        return op.shields(at_most(0.0) if inner.range is None else inner.range.meet(at_most(0.0)))
    if value.op in SPREADS and inner is not None:
        whole = value.op == "square" or _nonnegative(inner)
        return whole and is_shielded_at_zero(inner, depth - 1)
    if value.op == "mul":
        left, right = value.arg("input"), value.arg("other")
        if left is None or right is None:
            return False
        if left.ident == right.ident or right.kind == "number":
            return is_shielded_at_zero(left, depth - 1)
        return left.kind == "number" and is_shielded_at_zero(right, depth - 1)
    if value.op == "div":
        left, right = value.arg("input"), value.arg("other")
        return (
            left is not None and right is not None and right.kind == "number" and is_shielded_at_zero(left, depth - 1)
        )
    if value.op == "pow":
        return inner is not None and is_square(value) and is_shielded_at_zero(inner, depth - 1)
    if value.op == "add":
        parts = [v for v in (value.arg("input"), value.arg("other")) if v is not None]
        return all(_nonnegative(v) and is_shielded_at_zero(v, depth - 1) for v in parts)
    return False


def have_common_origin(a: Value, b: Value) -> bool:
    """Something that is not in view, such as logits that were passed in, went into both."""
    return not _origins(a, ORIGIN_DEPTH).isdisjoint(_origins(b, ORIGIN_DEPTH))


def _origins(value: Value, depth: int) -> set[int]:
    if value.kind not in ("tensor", "unknown", "tuple") or depth == 0:
        return set()
    parts = list(value.made_by.args.values()) if value.made_by is not None else []
    parts.extend((*value.alternatives, *(value.items or ())))
    if isinstance(value.ref, tuple) and isinstance(value.ref[-1], Value):
        parts.append(value.ref[-1])
    return {value.ident}.union(*(_origins(part, depth - 1) for part in parts))


def is_filled(value: Value) -> bool:
    """Elements were replaced by chosen ones, which is the cure where it is done before and not after."""
    return strip_views(value).op in ("where", "masked_fill")


def is_flat_at(value: Value, ends: tuple[float, ...]) -> bool:
    """The op that made the value, such as hardtanh, lets no gradient through where it gives one of these.

    A limit lets it through at the limit itself, and blocks it for what was beyond.
    """
    made = strip_views(value)
    inner, op = first_arg(made), TABLE.get(made.op)
    if made.op in CLAMPS and inner is not None:
        return not any(_attains(inner, end) for end in ends)
    return op is not None and all(op.shields(exactly(end)) for end in ends)


def _attains(value: Value, point: float) -> bool:
    """An element may be that number; those of a literal tensor are known one by one."""
    known = elements(value)
    if known is not None:
        return point in known
    return value.range is None or point in value.range


def elements(value: Value) -> list[float] | None:
    """The numbers of a literal tensor of one dimension, one by one."""
    made = strip_views(value)
    listed = made.arg("data" if made.op == "new_tensor" else "input")
    if made.op not in ("tensor", "new_tensor") or listed is None or not listed.items:
        return None
    numbers = [item.number for item in listed.items]
    return [number for number in numbers if number is not None] if None not in numbers else None


def _nonnegative(value: Value) -> bool:
    return value.range is not None and value.range.lo >= 0


def is_shifted_by_max(value: Value) -> bool:
    """The value is `x - x.max(...)`, perhaps scaled by a positive number."""
    value = strip_views(value)
    if value.op == "div":
        value = strip_views(value.arg("input") or value)
    elif value.op == "mul":
        factors = [strip_views(v) for v in (value.arg("other"), value.arg("input")) if v is not None]
        value = next((f for f in factors if f.op == "sub"), value)
    if value.op != "sub":
        return False
    left, right = value.arg("input"), value.arg("other")
    return left is not None and right is not None and is_at_most(left, right)


def where_finite(bound: Value) -> Value:
    """`m` of `where(isfinite(m), m, 0)`, which -inf - -inf is kept from, however that is spelled."""
    bound = strip_views(bound)
    one, other = bound.arg("input"), bound.arg("other")
    if bound.op == "nan_to_num" and one is not None:
        return one
    if bound.op == "where" and one is not None and other is not None:
        told = _told_finite(bound.arg("condition"))
        kept = one if told is not None and told[1] else other
        return kept if told is not None and same(told[0], kept) else bound
    told = _told_finite(bound.arg("mask")) if bound.op == "masked_fill" else None
    return one if one is not None and told is not None and not told[1] and same(told[0], one) else bound


def _told_finite(condition: Value | None) -> tuple[Value, bool] | None:
    """What a condition says to be finite (True), or not to be."""
    inner = first_arg(condition) if condition is not None else None
    if condition is None or inner is None:
        return None
    limit = condition.arg("other")
    if condition.op in NOT:
        told = _told_finite(inner)
        return (told[0], not told[1]) if told is not None else None
    if condition.op == "isfinite":
        return inner, True
    if condition.op in ("isinf", "isneginf"):
        return inner, False
    if limit is not None and limit.number == -math.inf:
        return {"eq": (inner, False), "ne": (inner, True), "gt": (inner, True)}.get(condition.op)
    return None


def is_shifted_below_zero(left: Value, right: Value) -> bool:
    """The difference of the two is at most 0: what is taken away is a maximum, wherever that is finite."""
    return is_at_most(left, right) or is_at_most(left, where_finite(right))


def is_at_most(value: Value, bound: Value, depth: int = 4) -> bool:
    """The bound is the maximum of the value, or greater than that: clamped from below, or the greater of two."""
    bound = strip_views(bound)
    first = first_arg(bound)
    if first is None or depth == 0:
        return False
    if bound.op in LARGEST or bound.op in POOLS:
        other = bound.arg("other")
        if same(first, value) or (bound.op in ("max", "maximum") and same(other, value)):
            return True
        pair = bound.op == "maximum" or (bound.op == "max" and other is not None and other.kind != "number")
        return is_at_most(value, first, depth - 1) or (
            pair and other is not None and is_at_most(value, other, depth - 1)
        )
    above = bound.arg("max")
    held = bound.op == "clamp_min" or (bound.op == "clamp" and (above is None or above.kind == "none"))
    return held and is_at_most(value, first, depth - 1)


def ancestry(value: Value, depth: int = 6) -> Iterator[Value]:
    """The value and the operands it was made from, nearest first."""
    level = [value]
    for _ in range(depth):
        yield from level
        level = [arg for v in level if v.made_by for arg in v.made_by.args.values()]
        if not level:
            return
