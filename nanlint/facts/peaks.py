"""What is 1 where a tensor has its extreme element: `exp(x.min(dim) - x)`, `x == x.max(dim)`, or a choice of two such.

A sum of it along that dimension is at least 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nanlint.facts.relations import LARGEST, SMALLEST, first_arg, same, strip_views

if TYPE_CHECKING:
    from nanlint.facts.value import Value


class Peak(NamedTuple):
    """`of`: the value number of the tensor, `dim`: the dimension of the extreme (None: of all), `sign` of the rest."""

    of: int
    dim: float | None
    sign: int


def peak(value: Value) -> Peak | None:
    """Of what the value is 1 at the extreme element, and nowhere negative."""
    made = strip_views(value)
    left, right = made.arg("input"), made.arg("other")
    if left is None:
        return None
    if made.op == "exp":
        found = _shifted(left)
        return found if found is not None and found.sign < 0 else None
    if right is None:
        return None
    if made.op == "eq":
        return _shifted(left) if right.number == 0 else _extreme(left, right) or _extreme(right, left)
    if made.op == "where":
        one, other = peak(left), peak(right)
        return one if one is not None and other is not None and one[:2] == other[:2] else None
    return None


def _extreme(of: Value, extreme: Value) -> Peak | None:
    made = strip_views(extreme)
    if made.op not in LARGEST | SMALLEST or not same(first_arg(made), of):
        return None
    dim = made.arg("dim") or made.arg("other")
    if dim is not None and dim.kind != "none" and dim.number is None:
        return None
    return Peak(strip_views(of).ident, dim.number if dim is not None else None, -1 if made.op in LARGEST else 1)


def _shifted(value: Value) -> Peak | None:
    """`x - x.max(dim)`, perhaps negated or scaled by what is positive."""
    made = strip_views(value)
    left, right = made.arg("input"), made.arg("other")
    if left is None:
        return None
    if made.op == "neg":
        found = _shifted(left)
        return found._replace(sign=-found.sign) if found is not None else None
    if right is None:
        return None
    if made.op in ("div", "mul"):
        pairs = ((left, right), (right, left)) if made.op == "mul" else ((left, right),)
        for scaled, by in pairs:
            if by.range is not None and 0 not in by.range and (by.range.lo >= 0 or by.range.hi <= 0):
                found = _shifted(scaled)
                if found is not None:
                    return found if by.range.lo >= 0 else found._replace(sign=-found.sign)
        return None
    if made.op != "sub":
        return None
    found = _extreme(left, right)
    if found is not None:
        return found
    found = _extreme(right, left)
    return found._replace(sign=-found.sign) if found is not None else None


def is_along(found: Peak, dim: Value | None) -> bool:
    """A sum over that dimension has the extreme element among its terms."""
    return dim is None or dim.kind == "none" or (found.dim is not None and dim.number == found.dim)
