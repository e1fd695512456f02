"""What speaks for a quantity of unknown range being zero or negative: the code that made it, not the lack of a bound.

A root, a logarithm or a division is itself a statement of its author that the operand is fit for it. It is doubted
where the code shows the contrary: a difference, the output of a network, or whatever a caller of a public function
may pass in. A scale, a variance or a focal length that comes from elsewhere is taken at its word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts.relations import VIEWS
from nanlint.facts.value import Value
from nanlint.finding import Confidence

if TYPE_CHECKING:
    from nanlint.facts.frame import Session
    from nanlint.interval import Interval

DEPTH = 8
# of these one operand tells for the whole
CARRIED = VIEWS | frozenset(
    """neg abs sqrt square pow sum nansum mean amax amin max min median sort topk gather index_select masked_select
    split chunk unbind diagonal diag flip cumsum where masked_fill tensor as_tensor maximum minimum clamp clamp_min
    clamp_max cat stack nan_to_num broadcast_tensors expand tril triu leaky_relu prelu elu celu selu gelu silu
    mish dropout lerp""".split()
)
PRODUCTS = frozenset({"mul", "div", "add", "matmul", "mm", "bmm", "mv", "dot", "einsum"})


def can_be_zero(session: Session, value: Value, depth: int = DEPTH) -> bool:
    """Something in view speaks for a zero among the elements: a difference, a public argument, a state."""
    if value.range is not None:
        return 0 in value.range and value.reach > Confidence.POSSIBLE
    if value.made_by is None or depth == 0:
        return _of_unknown(session, value, depth, can_be_zero) or (
            value.kind == "tensor" and not value.alternatives and value.ident not in session.arguments
        )
    if value.op == "sub":
        return True
    if value.op == "div":
        above = value.arg("input")
        return above is not None and above.kind != "number" and can_be_zero(session, above, depth - 1)
    if value.op == "index" and is_argument(session, value.arg("input")):
        # one of several things that were packed into an argument has a meaning of its own
        return False
    return _of_operands(session, value, depth, can_be_zero)


def can_be_negative(session: Session, value: Value, depth: int = DEPTH) -> bool:
    """Something in view speaks for a negative element, or a zero: a difference of two tensors, a public argument."""
    if value.range is not None:
        return value.range.lo < 0 and value.reach > Confidence.POSSIBLE
    if value.made_by is None or depth == 0:
        return _of_unknown(session, value, depth, can_be_negative)
    if value.op == "sub":
        parts = [v for v in value.made_by.args.values() if v.kind in ("tensor", "unknown")]
        return len(parts) == 2 or any(can_be_negative(session, v, depth - 1) for v in parts)
    if value.op == "neg":
        return True
    if value.op == "index" and is_argument(session, value.arg("input")):
        return False
    return _of_operands(session, value, depth, can_be_negative)


def is_argument(session: Session, value: Value | None) -> bool:
    """The value is what a caller outside of the file passes in."""
    return value is not None and value.made_by is None and session.arguments.get(value.ident, False)


def _of_unknown(session: Session, value: Value, depth: int, can) -> bool:  # type: ignore[no-untyped-def]
    if value.alternatives and depth:
        return any(can(session, v, depth - 1) for v in value.alternatives)
    return session.arguments.get(value.ident, False)


def _of_operands(session: Session, value: Value, depth: int, can) -> bool:  # type: ignore[no-untyped-def]
    assert value.made_by is not None
    if value.op == "network":
        return True
    if value.op not in CARRIED and value.op not in PRODUCTS:
        return False
    operands = [v for v in value.made_by.args.values() if v.kind in ("tensor", "unknown")]
    return any(can(session, v, depth - 1) for v in operands)


def leaves(session: Session, value: Value, domain: Interval) -> Confidence:
    """How sure it is that a known tensor of unknown range leaves the domain: likely or possible."""
    from nanlint.interval import INF, NONZERO

    if domain == NONZERO:
        doubted = can_be_zero(session, value)
    elif domain.lo == 0 and domain.hi == INF:
        doubted = can_be_negative(session, value)
    else:
        return min(Confidence.LIKELY, value.reach)
    return min(Confidence.LIKELY, value.reach) if doubted else Confidence.POSSIBLE
