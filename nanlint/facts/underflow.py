"""Zero by underflow alone, which sums of windows and of weights do not come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts.relations import is_product_of_positive, strip_views

if TYPE_CHECKING:
    from nanlint.facts.frame import Session
    from nanlint.facts.value import Value

DEPTH = 8
VANISHING = frozenset({"exp", "exp2", "softplus", "sigmoid", "reciprocal", "erfc"})


def only_underflows(session: Session, value: Value, depth: int = DEPTH) -> bool:
    """Zero is out of reach but for exponentials that all underflow, as in the sum of a window or of weights."""
    made = strip_views(value)
    if depth == 0:
        return False
    if made.op in VANISHING or is_product_of_positive(made):
        return True
    left, right = made.arg("input"), made.arg("other")
    if made.op in ("sum", "nansum", "mean", "stack", "cat", "outer", "matmul", "neg", "clamp", "clamp_max"):
        return left is not None and only_underflows(session, left, depth - 1)
    if made.op in ("prod", "cumprod"):
        return left is not None and left.range is not None and 0 not in left.range
    if made.op == "pow" and left is not None and left.kind == "number":
        return left.range is None or left.range.lo > 0
    if made.op == "div":
        return left is not None and (left.kind == "number" or only_underflows(session, left, depth - 1))
    if left is None or right is None:
        return False
    one, other = only_underflows(session, left, depth - 1), only_underflows(session, right, depth - 1)
    if made.op == "add":
        return one or other
    if made.op == "where":
        return (one or other) and all(
            hidden or (part.range is not None and 0 not in part.range) for hidden, part in ((one, left), (other, right))
        )
    if made.op == "mul":
        # a kernel from elsewhere beside an exponential is a weight; a mask is not
        return (one and (other or not _may_mask(session, right))) or (other and not _may_mask(session, left))
    return False


def _may_mask(session: Session, value: Value) -> bool:
    made = strip_views(value)
    return made.is_integral or value.is_integral or made.ident in session.arguments
