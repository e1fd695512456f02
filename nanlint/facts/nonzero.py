"""What is not zero by the way it was made, though its range alone would let it be."""

from __future__ import annotations

from nanlint.facts.relations import NORMS, SUMS, first_arg, is_square, same, strip_views
from nanlint.facts.value import Value

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
