"""What an op gives when its operands are related: `x - x.max()`, `a * a`, `p / p.sum()`, `1 - p`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanlint.facts import written_out
from nanlint.facts.compared import difference, quotient
from nanlint.facts.masking import fills
from nanlint.facts.nonzero import (
    are_shares_of_one,
    are_steps_apart,
    counts_all,
    diagonal_of_factor,
    has_nonzero_rows,
    is_even,
    is_unit,
    largest_share,
    leads_away_from_zero,
    sum_of_scaled,
)
from nanlint.facts.peaks import is_along, peak
from nanlint.facts.probabilities import mixed, picked
from nanlint.facts.relations import (
    EPS,
    LARGEST,
    NORMS,
    SMALLEST,
    SUMS,
    first_arg,
    is_shifted_below_zero,
    is_shifted_by_max,
    is_square,
    reduction_of,
    same,
    strip_views,
)
from nanlint.facts.value import Value
from nanlint.finding import Confidence
from nanlint.interval import (
    FINITE_NONNEGATIVE,
    FINITE_NONPOSITIVE,
    FINITE_POSITIVE,
    INF,
    NONNEGATIVE,
    NONZERO,
    POSITIVE,
    ZERO,
    Interval,
    at_least,
    exactly,
)
from nanlint.ops import round_to

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.ops.op import Op

WINDOWS = frozenset({"hann_window"})
Refined = tuple[Interval | None, Confidence]

# what gives either sign for sure, so that a small number added to it guards nothing
SIGNED = frozenset(
    """sub neg linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d randn randn_like normal
    layer_norm batch_norm batch_norm2d group_norm instance_norm tanh sin cos erf""".split()
)


def refine(
    frame: Frame, op: Op, values: Mapping[str, Value], range_: Interval | None, reach: Confidence
) -> Refined | None:
    """The sharper range and reach, or None where the operands are in no known relation."""
    if op.name == "add":
        return _add(frame, values, range_, reach)
    rule = RELATIONS.get(op.name)
    found = rule(values, range_, reach) if rule else None
    if op.reduces and found is None and (known := written_out.reduction(op.name, values)) is not None:
        return known, Confidence.CERTAIN
    if op.reduces and (known := written_out.extreme(op.name, values)) is not None:
        return known, reach
    relations = frame.env.relations
    if op.name == "hypot" and relations and ("or", *(value.ident for value in values.values())) in relations:
        return (NONNEGATIVE if range_ is None else range_).without_zero(), reach
    if op.name == "div" and found is None and relations:
        return quotient(relations, values, range_, reach)
    return difference(relations, values, range_, reach, found) if op.name == "sub" and relations else found


def _sub(values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    left, right = values.get("input"), values.get("other")
    alpha = values.get("alpha")
    if left is None or right is None or (alpha is not None and alpha.number != 1):
        return None
    if left.ident == right.ident:
        certain = Confidence.CERTAIN if "tensor" in (left.kind, right.kind) else Confidence.LIKELY
        return ZERO, certain
    top, bottom = reduction_of(left, LARGEST), reduction_of(right, SMALLEST)
    if top is not None and bottom is not None and same(top, bottom):
        return FINITE_NONNEGATIVE, Confidence.LIKELY
    if is_shifted_below_zero(left, right):
        return FINITE_NONPOSITIVE, Confidence.CERTAIN
    if are_steps_apart(left, right):
        return NONZERO, reach
    if same(reduction_of(right, SMALLEST), left):
        return FINITE_NONNEGATIVE, Confidence.CERTAIN
    lse = reduction_of(right, frozenset({"logsumexp"}))
    if same(lse, left):
        return FINITE_NONPOSITIVE, Confidence.LIKELY
    if range_ is None and _offset(left) is not None and _offset(left) == _offset(right):
        # what is added to both keeps neither from being the other
        return None, Confidence.LIKELY
    return None


def _offset(value: Value) -> float | None:
    """The number that was added last."""
    other = value.arg("other") if value.op == "add" else None
    return other.number if other is not None else None


def _mul(values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    left, right = values.get("input"), values.get("other")
    if left is None or right is None or left.kind == "number" or left.ident != right.ident or left.is_complex:
        return None
    if left.range is None:
        return FINITE_NONNEGATIVE, min(Confidence.LIKELY, max(left.reach, Confidence.LIKELY))
    magnitude = left.range.magnitude()
    return (magnitude * magnitude).meet(NONNEGATIVE), min(left.reach, Confidence.CERTAIN)


def _add(frame: Frame, values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    left, right = values.get("input"), values.get("other")
    if (
        left is not None
        and right is not None
        and left.op == right.op == "exp"
        and _opposite(first_arg(left), first_arg(right))
    ):
        return at_least(2.0), reach
    if left is None or right is None:
        return None
    for start, other in ((left, right), (right, left)):
        step = strip_views(other)
        end = step.arg("input")
        if step.op == "sub" and end is not None and same(step.arg("other"), start):
            # the straight-through estimator: `x + (y - x).detach()`
            return end.range, end.reach
    for whole, truth in ((left, right), (right, left)):
        if leads_away_from_zero(whole, truth):
            return (NONZERO if whole.range is None else whole.range.without_zero()), reach
    if are_shares_of_one(left, right) or ("or", left.ident, right.ident) in frame.env.relations:
        return (NONZERO if range_ is None else range_.without_zero()), reach
    if (between := mixed(left, right)) is not None:
        return between, Confidence.LIKELY
    if counts_all(left, right) or counts_all(right, left):
        return at_least(1.0).meet(FINITE_POSITIVE), Confidence.LIKELY
    # a number beside a quantity of unknown size is taken for the guard that it nearly always is
    for known, other in ((left, right), (right, left)):
        nonnegative = known.kind != "number" and known.range is not None and known.range.lo >= 0
        if nonnegative and other.range is None and other.kind in ("number", "unknown", "name"):
            return None, Confidence.POSSIBLE
        if other.kind == "number" and _is_signed(known):
            # it is as often below zero as above
            return None
        if other.kind == "number" and known.range is None and (other.range is None or other.range.lo > 0):
            half = known.dtype if known.is_half and other.number is not None else None
            lost = half is not None and round_to(exactly(other.number or 0.0), half).point == 0
            return None, reach if lost else Confidence.POSSIBLE
        # `running_var + eps`, both from elsewhere
        bare = other.kind == "unknown" and other.made_by is None and other.ident not in frame.session.tensors
        if bare and known.range is None and other.range is None:
            return None, Confidence.POSSIBLE
        wide = known.range is not None and known.range.lo < 0 < known.range.hi and known.op not in SIGNED
        if wide and other.number is not None and 0 < other.number <= EPS:
            return range_, Confidence.POSSIBLE
        unsure = (
            other.kind == "number" and other.range is not None and other.range.point is None and other.range.lo == 0
        )
        if unsure and known.range is not None and known.range.lo == 0 and not known.range.lo_open:
            return None, Confidence.POSSIBLE
    return None


def _is_signed(value: Value, depth: int = 3) -> bool:
    """A difference of two tensors, or a product with one: as often below zero as above, for all that is known."""
    made = strip_views(value)
    left, right = made.arg("input"), made.arg("other")
    if made.range is not None or left is None or right is None:
        return False
    if made.op == "sub":
        return left.kind != "number" and right.kind != "number"
    return made.op == "mul" and depth > 0 and any(_is_signed(part, depth - 1) for part in (left, right))


def _addcmul(values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    """`moment.addcmul(gradient, gradient)` is a running sum of squares."""
    first, second = values.get("tensor1"), values.get("tensor2")
    if range_ is not None or first is None or second is None or first.ident != second.ident:
        return None
    start = values.get("input")
    if start is not None and start.range is not None and start.range.lo >= 0:
        return FINITE_NONNEGATIVE, Confidence.LIKELY
    return None, Confidence.POSSIBLE


def _opposite(a: Value | None, b: Value | None) -> bool:
    """`a` is `-b`, or the reverse."""
    if a is None or b is None:
        return False
    return any(x.op == "neg" and same(first_arg(x), y) for x, y in ((a, b), (b, a)))


def _div(values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    left, right = values.get("input"), values.get("other")
    if left is None or right is None:
        return None
    if left.kind == "number":
        # no data is infinite, so that the quotient is not 0
        away = right.range is not None and 0 not in right.range
        return (range_, Confidence.POSSIBLE) if away and picked(right).made_by is None else None
    nan = range_ is None or range_.nan
    total = reduction_of(right, SUMS)
    if total is not None and same(total, left) and left.range is not None and left.range.lo >= 0:
        # what was kept away from zero underflows only beside an enormous sum
        unsure = Confidence.POSSIBLE if _is_positive(left) else Confidence.LIKELY
        return Interval(0.0, 1.0, lo_open=is_even(left.range), nan=nan), unsure
    magnitude = _guarded(right)
    if same(reduction_of(magnitude, NORMS), left):
        return Interval(-1.0, 1.0, nan=nan), Confidence.LIKELY
    if left.ident == right.ident:
        return Interval(1.0, 1.0, nan=nan), Confidence.LIKELY
    # a part of a sum of non-negatives over that sum
    if right.op == "add" and all(r is not None and r.lo >= 0 for r in (left.range, right.range)):
        parts = (right.arg("input"), right.arg("other"))
        if any(p is not None and p.ident == left.ident for p in parts):
            return Interval(0.0, 1.0, nan=nan), Confidence.LIKELY
    # both were kept away from zero: the ends are reached by overflow of one of them alone
    if range_ is not None and _is_positive(left) and _is_positive(right):
        return range_, Confidence.POSSIBLE
    return None


def _is_positive(value: Value) -> bool:
    return value.range is not None and value.range.without_nan().within(POSITIVE)


def _guarded(value: Value) -> Value:
    """The quantity below `+ eps` and `clamp`."""
    for _ in range(3):
        stripped = strip_views(value)
        inner, other = stripped.arg("input"), stripped.arg("other")
        if inner is not None and (
            stripped.op in ("clamp", "clamp_min")
            or (stripped.op == "add" and other is not None and other.kind == "number")
        ):
            value = inner
        else:
            return stripped
    return value


def _sum(values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    value = values.get("input")
    if value is None:
        return None
    value = strip_views(value)
    if value.op == "exp":
        exponent = value.arg("input")
        if exponent is not None and is_shifted_by_max(exponent):
            return at_least(1.0).meet(FINITE_POSITIVE), Confidence.LIKELY
    if value.op == "softmax":
        wanted, summed = value.arg("dim"), values.get("dim")
        if wanted is not None and summed is not None and wanted.number is not None and wanted.number == summed.number:
            return Interval(0.99, 1.01), Confidence.LIKELY
    if value.op in ("exp", "eq", "where") and (found := peak(value)) is not None and is_along(found, values.get("dim")):
        return at_least(1.0).meet(FINITE_POSITIVE), Confidence.LIKELY
    if value.op in WINDOWS or (is_square(value) and (first_arg(value) or value).op in WINDOWS):
        return FINITE_POSITIVE, Confidence.LIKELY
    least = sum_of_scaled(value, values.get("dim"))
    return (least.meet(FINITE_POSITIVE), Confidence.LIKELY) if least is not None else None


def _pow(values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    base, exponent = values.get("input"), values.get("exponent")
    if base is None or exponent is None or exponent.number is None or base.kind == "number" or base.is_complex:
        return None
    even = exponent.number > 0 and exponent.number % 2 == 0
    return (FINITE_NONNEGATIVE, Confidence.LIKELY) if even and base.range is None else None


def _product(values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    factors = [v for v in values.values() if v.kind in ("tensor", "unknown")]
    if len(factors) == 2 and all(v.range is not None and v.range.lo >= 0 for v in factors):
        return FINITE_NONNEGATIVE, Confidence.LIKELY
    return None


def _log_softmax(values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    """What was masked with -inf stays -inf."""
    value = values.get("input")
    if value is None or next(fills(value), None) is None:
        return None
    known = range_ is not None and -INF in range_
    return Interval(-INF, 0.0, nan=True), reach if known else Confidence.LIKELY


def _norm(values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    value = values.get("input")
    if value is not None and is_unit(value):
        return Interval(0.99, 1.01), Confidence.LIKELY
    if value is not None and strip_views(value).op == "eye":
        return at_least(1.0).meet(FINITE_POSITIVE), Confidence.LIKELY
    if value is None or range_ is None:
        return None
    # each zero was replaced, as by `x[x == 0] = eps`: no square of that underflows
    replaced = value.range is not None and value.range.hole and not value.range.nan
    return (range_.without_zero(), reach) if replaced or has_nonzero_rows(value) else None


def _mean(values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    """The mean of exponentials of which one is 1: positive, whatever their number."""
    value = values.get("input")
    value = strip_views(value) if value is not None else None
    exponent = value.arg("input") if value is not None and value.op == "exp" else None
    if exponent is None or not is_shifted_by_max(exponent):
        return None
    return Interval(0.0, 1.0, lo_open=True), Confidence.LIKELY


def _windowed(values: Mapping[str, Value], range_: Interval | None, reach: Confidence) -> Refined | None:
    """A window that nobody trains slides over what is not negative: taken for the average that it nearly always is."""
    value, window = values.get("input"), values.get("weight")
    fixed = window is not None and window.range is None and window.grad is not True and window.op != "parameter"
    if not fixed or value is None or value.range is None or value.range.lo < 0:
        return None
    return FINITE_NONNEGATIVE, Confidence.LIKELY


RELATIONS = {
    "mean": _mean, "matmul": _product, "mm": _product, "bmm": _product, "dot": _product, "mv": _product, "sub": _sub,
    "diagonal": diagonal_of_factor, "mul": _mul, "addcmul": _addcmul, "div": _div, "sum": _sum, "pow": _pow,
    "log_softmax": _log_softmax, "norm": _norm, "vector_norm": _norm, "linalg_norm": _norm,
    "max": largest_share, "amax": largest_share, "conv1d": _windowed, "conv2d": _windowed, "conv3d": _windowed,
}  # fmt: skip
