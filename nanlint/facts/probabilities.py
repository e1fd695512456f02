"""Values that are probabilities: softmax and sigmoid, by op or written out, their complements, and what guards them."""

from __future__ import annotations

from nanlint.facts.relations import SUMS, VIEWS, first_arg, reduction_of, strip_views
from nanlint.facts.value import Application, Value
from nanlint.interval import UNIT, Interval

PICKS = VIEWS | frozenset(
    """gather take take_along_dim index_select select masked_select split chunk unbind tensor_split diagonal flip roll
    tril triu""".split()
)
"""Ops whose result holds elements of the input and nothing else (zeros of `tril` apart)."""
COMPLEMENTS = frozenset({"sub", "rsub", "add"})
LIMITS = frozenset({"clamp", "clamp_min", "clamp_max", "maximum", "minimum", "max", "min"})
DEPTH = 12
MAX_EPS = 0.1
"""What is added to a quantity and larger than that makes another one of it."""


def picked(value: Value) -> Value:
    """The value that these elements were taken from."""
    return strip_views(value, PICKS)


def unguarded(value: Value) -> Value:
    """The quantity below `+ eps`, `clamp(...)` and picking of elements."""
    for _ in range(DEPTH):
        value = picked(value)
        inner = _below_guard(value)
        if inner is None:
            return value
        value = inner
    return value


def _below_guard(value: Value) -> Value | None:
    if value.made_by is None:
        return None
    left, right = value.arg("input"), value.arg("other")
    if value.op in ("clamp", "clamp_min", "clamp_max"):
        return left
    if left is None or right is None or complement_of(value) is not None:
        return None
    if value.op in LIMITS:
        return left if right.kind == "number" else right if left.kind == "number" else None
    if value.op == "add":
        return left if _is_eps(right) else right if _is_eps(left) else None
    return left if value.op == "sub" and _is_eps(right) else None


def _is_eps(value: Value) -> bool:
    """A number that is small, or may be."""
    return value.kind == "number" and (value.number is None or abs(value.number) <= MAX_EPS)


def complement_of(value: Value) -> Value | None:
    """`p`, when the value is `1 - p` (or `1 + eps - p`)."""
    made = value.made_by
    if made is None or made.op not in COMPLEMENTS:
        return None
    left, right = value.arg("input"), value.arg("other")
    if left is None or right is None:
        return None
    if value.op == "sub":
        return right if is_one(left) and not is_one(right) else None
    if value.op == "rsub":
        return left if is_one(right) else None
    if value.op == "add":
        for one, other in ((left, right), (right, left)):
            if is_one(one) and other.op == "neg":
                return first_arg(other)
    return None


def mixed(left: Value, right: Value) -> Interval | None:
    """What `w * x + (1 - w) * y` lies between, if that is what is added; a weight of which nothing is known is taken
    for what its author takes it for.
    """
    for one, other in _factors(left):
        for rest, another in _factors(right):
            for weight, kept in ((one, rest), (rest, one)):
                of = complement_of(kept)
                if of is None or of.ident != weight.ident or other.range is None or another.range is None:
                    continue
                if weight.range is None or weight.range.within(UNIT):
                    return other.range.join(another.range)
    return None


def _factors(value: Value) -> tuple[tuple[Value, Value], ...]:
    left, right = value.arg("input"), value.arg("other")
    return ((left, right), (right, left)) if value.op == "mul" and left is not None and right is not None else ()


def is_one(value: Value) -> bool:
    """The number 1, or one that was meant to be nearly it."""
    point = value.range.point if value.range is not None else None
    return point is not None and abs(point - 1) < 0.01


def softmax_of(value: Value) -> tuple[Application, ...]:
    """The applications that make the value a softmax, that or `exp(x) / exp(x).sum()`; empty when it is none."""
    made = value.made_by
    if made is None:
        return ()
    if made.op in ("softmax", "softmin", "gumbel_softmax"):
        return (made,)
    left, right = value.arg("input"), value.arg("other")
    if made.op == "div" and left is not None and right is not None and picked(left).op == "exp":
        total = reduction_of(unguarded(right), SUMS)
        if total is not None and picked(total).ident == picked(left).ident:
            return tuple(v.made_by for v in (value, picked(left), picked(total)) if v.made_by is not None)
    return ()


def sigmoid_of(value: Value) -> tuple[Application, ...]:
    """The applications that make the value a sigmoid, that or `1 / (1 + exp(-x))`; empty when it is none."""
    made = value.made_by
    if made is None:
        return ()
    if made.op == "sigmoid":
        return (made,)
    if made.op == "reciprocal":
        below = first_arg(value)
        exponential = _one_plus_exp(below) if below is not None else None
        return (made, exponential.made_by) if exponential is not None and exponential.made_by is not None else ()
    top, below = value.arg("input"), value.arg("other")
    if made.op != "div" or top is None or below is None:
        return ()
    exponential = _one_plus_exp(below)
    if exponential is None or not (is_one(top) or picked(top).ident == exponential.ident):
        return ()
    return tuple(v.made_by for v in (value, exponential, picked(top)) if v.made_by is not None)


def _one_plus_exp(value: Value) -> Value | None:
    left, right = value.arg("input"), value.arg("other")
    if value.op != "add" or left is None or right is None:
        return None
    for one, other in ((left, right), (right, left)):
        if is_one(one) and picked(other).op == "exp":
            return picked(other)
    return None


__all__ = ["PICKS", "complement_of", "is_one", "picked", "sigmoid_of", "softmax_of", "unguarded"]
