"""What is not zero by the way it was made, though its range alone would let it be."""

from __future__ import annotations

import math
from collections.abc import Mapping

from nanlint.facts.relations import LARGEST, NORMS, SUMS, first_arg, is_square, reduction_of, same, strip_views
from nanlint.facts.value import Value
from nanlint.finding import Confidence
from nanlint.interval import FINITE_POSITIVE, POSITIVE, Interval, at_least

# one, less what rounding takes
NEARLY_ONE = 0.99
# a share of as many as 1e8 of them is a normal float32 still
SHARE = 1e-30
GRIDS = frozenset({"linspace", "arange", "logspace"})
REDUCED = SUMS | NORMS | {"any", "amax", "count_nonzero"}


def has_nonzero_rows(value: Value) -> bool:
    """The rows were selected by what they sum to: `x[x.sum(1) != 0]`, `x[(x != 0).any(-1)]`, `x[x.norm(dim=1) > 0]`."""
    mask = value.arg("mask") if value.op == "index" else None
    base = first_arg(value)
    if mask is None or base is None:
        return False
    total, limit = mask, mask.arg("other")
    if mask.op in ("ne", "gt"):
        total = strip_views(mask.arg("input") or mask)
        if limit is None or limit.number != 0:
            return False
    elif mask.op != "any":
        return False
    of = first_arg(total) if total.op in REDUCED and total.arg("dim") is not None else None
    return of is not None and same(_magnitude_of(of), base)


def _magnitude_of(value: Value) -> Value:
    """The tensor below `abs`, a square or a test for not being zero."""
    made = strip_views(value)
    bound = made.arg("other")
    tested = made.op in ("ne", "gt") and bound is not None and bound.number == 0
    inner = first_arg(made)
    return inner if inner is not None and (tested or made.op == "abs" or is_square(made)) else made


def are_steps_apart(left: Value, right: Value) -> bool:
    """`grid[1]` and `grid[0]`, or `grid[..., 1:]` and `grid[..., :-1]`, of a grid whose elements all differ."""
    grid, same_grid = first_arg(left), first_arg(right)
    if grid is None or same_grid is None or grid.ident != same_grid.ident or strip_views(grid).op not in GRIDS:
        return False
    one, other = left.arg("element"), right.arg("element")
    if one is not None and other is not None:
        return one.number != other.number
    later, earlier = left.arg("piece"), right.arg("piece")
    return later is not None and earlier is not None and {later.ref, earlier.ref} == {(1.0, None), (None, -1.0)}


def are_shares_of_one(left: Value, right: Value) -> bool:
    """`same / predicted` and `same / wanted`: both have the sign of what they are shares of, which is not zero."""
    above, other = _numerator(left), _numerator(right)
    if above is None or other is None or above.ident != other.ident:
        return False
    return above.range is not None and 0 not in above.range


def _numerator(value: Value) -> Value | None:
    """What is divided, up to a factor; None where the divisor may be negative for all that is known."""
    above, below = value.arg("input"), value.arg("other")
    if value.op != "div" or above is None or below is None or below.op in ("sub", "neg"):
        return None
    if below.range is not None and below.range.lo < 0:
        return None
    if above.op == "mul":
        factor, rest = above.arg("input"), above.arg("other")
        if factor is not None and rest is not None and (factor.number or 0) > 0:
            return rest
        if factor is not None and rest is not None and (rest.number or 0) > 0:
            return factor
    return above


def sum_of_scaled(value: Value, dim: Value | None) -> Interval | None:
    """What the sum is at least where it cannot be zero: of what was scaled by its own largest entry or length, of the
    fallback for what sums to zero, or of what was scattered into bins.
    """
    of = strip_views(value)
    base = _magnitude_of(of)
    scale = _own_scale(base)
    if scale is not None and (base is not of or (of.range is not None and of.range.lo >= 0)):
        return at_least(NEARLY_ONE)
    condition, kept, other = of.arg("condition"), of.arg("input"), of.arg("other")
    if of.op == "where" and condition is not None and kept is not None and other is not None:
        bound, tested = condition.arg("other"), condition.arg("input")
        asks = condition.op in ("gt", "ne") and bound is not None and bound.number == 0
        whole = reduction_of(tested, SUMS) if asks and tested is not None else None
        return POSITIVE if same(whole, kept) and _is_positive(other) else None
    if of.op == "topk" and kept is not None and of.arg("largest") is None:
        shares = strip_views(kept)
        along = shares.op == "softmax" and _is_one_dim(shares.arg("dim"), of.arg("dim"))
        return POSITIVE if along and (dim is None or _is_one_dim(dim, of.arg("dim"))) else None
    source, across = of.arg("src"), of.arg("dim")
    if of.op == "scatter_add" and kept is not None and source is not None and across is not None:
        whole_row = dim is None or dim.kind == "none" or dim.number == across.number
        starts = kept.range is not None and kept.range.lo >= 0
        return POSITIVE if whole_row and starts and _is_positive(source) else None
    return None


def is_even(range_: Interval) -> bool:
    """No positive member is so small beside another that its share of a sum of them underflows."""
    return range_.lo > 0 and range_.hi < math.inf and range_.lo / range_.hi > SHARE


def largest_share(
    values: Mapping[str, Value], range_: Interval | None, reach: Confidence
) -> tuple[Interval, Confidence] | None:
    """The largest entry of a softmax of n entries is 1 / n or more."""
    value, dim, other = values.get("input"), values.get("dim"), values.get("other")
    if value is None or (other is not None and other.kind != "number"):
        return None
    dim = dim if other is None else other
    shares = strip_views(value)
    along = shares.op == "softmax" and (dim is None or _is_one_dim(dim, shares.arg("dim")))
    return (Interval(0.0, 1.0, lo_open=True), Confidence.LIKELY) if along else None


def _is_one_dim(one: Value | None, other: Value | None) -> bool:
    """Both name the same dim, as far as it shows: the last one may be counted from either end."""
    first, second = (-1.0 if v is None else v.number for v in (one, other))
    return first is not None and second is not None and (first == second or (first < 0) != (second < 0))


def is_unit(value: Value) -> bool:
    """The value was divided by its own length."""
    scale = _own_scale(strip_views(value))
    return scale is not None and scale.op not in LARGEST


def _own_scale(value: Value) -> Value | None:
    """The largest entry, or the length, by which the value was divided."""
    left, right = value.arg("input"), value.arg("other")
    if left is None or right is None or value.op not in ("div", "mul"):
        return None
    scale = strip_views(right)
    if value.op == "mul":
        # `x * x.square().sum().rsqrt()`
        whole = strip_views(first_arg(scale) or scale) if scale.op == "rsqrt" else scale
        of = reduction_of(whole, SUMS) if scale.op == "rsqrt" else None
        return whole if of is not None and is_square(strip_views(of)) and same(_magnitude_of(of), left) else None
    of = reduction_of(scale, NORMS | LARGEST)
    if of is None:
        return None
    known = scale.op in NORMS or strip_views(of).op == "abs" or (left.range is not None and left.range.lo >= 0)
    return scale if known and same(_magnitude_of(of), left) else None


def number_of(value: Value) -> Value:
    """The number of which a tensor was made."""
    number = first_arg(value) if value.op in ("tensor", "as_tensor") else None
    return number if number is not None and number.kind in ("number", "unknown") else value


def _is_positive(value: Value) -> bool:
    return value.range is not None and value.range.without_nan().within(POSITIVE)


def leads_away_from_zero(whole: Value, addend: Value) -> bool:
    """The addend of `total + (total == 0)`, of `x.sign() + (x == 0)` and of `x + where(x >= 0, eps, -eps)`."""
    made = strip_views(addend)
    signed = strip_views(whole)
    tested = strip_views(made.arg("condition") or made) if made.op == "where" else made
    bound = tested.arg("other")
    if bound is None or bound.number != 0:
        return False
    if made is tested:
        of = first_arg(signed) if signed.op == "sign" else whole
        return made.op == "eq" and (same(made.arg("input"), whole) or same(made.arg("input"), of))
    above, below = _range_of(made.arg("input")), _range_of(made.arg("other"))
    if above is None or below is None or not same(tested.arg("input"), whole):
        return False
    if tested.op in ("lt", "le"):
        above, below = below, above
    # at zero itself the addend must not be zero
    at_zero, elsewhere = (above, -below) if tested.op in ("ge", "lt") else (-below, above)
    return tested.op in ("ge", "gt", "lt", "le") and at_zero.within(POSITIVE) and elsewhere.lo >= 0


def _range_of(value: Value | None) -> Interval | None:
    return value.range.without_nan() if value is not None and value.range is not None else None


def counts_all(total: Value, rest: Value) -> bool:
    """`t.sum() + (1 - t).cumsum()`, the union of the Lovasz losses: each element counts on one side or the other."""
    truth, complement = reduction_of(total, SUMS), reduction_of(rest, frozenset({"cumsum"}))
    if truth is None or complement is None:
        return False
    made = strip_views(complement)
    one, of = made.arg("input"), made.arg("other")
    return made.op == "sub" and one is not None and one.number == 1 and same(of, truth)


def diagonal_of_factor(
    values: Mapping[str, Value], range_: Interval | None, reach: Confidence
) -> tuple[Interval, Confidence] | None:
    """The diagonal of a Cholesky factor is positive."""
    value = values.get("input")
    return (FINITE_POSITIVE, reach) if value is not None and strip_views(value).op == "cholesky" else None
