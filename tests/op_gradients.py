"""What the gradient of an op does at a point: measured, and as the table declares it."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from op_recipes import Case

from nanlint.interval import INF, exactly

POINTS = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 6.0, 10.0, -10.0, 0.1, -0.1, 100.0, -100.0, 130.0)
SIZES = (1, 64)
ACROSS = {"pdist", "diff"}


class Behaviour(NamedTuple):
    """`singular`: "inf", "nan" or "" (finite, or no finite value there)."""

    singular: str
    trap: bool
    shield: bool


def gradient(case: Case, point: float, size: int, upstream: float, parameter: int = 0) -> tuple[float, float] | None:
    """The value and the gradient at a tensor full of `point`; None if no gradient flows there."""
    tensors = [torch.full((size,), point if i == parameter else 0.5) for i in range(len(case.tensors))]
    tensors[parameter].requires_grad_()
    made = case.fn(*tensors, **case.consts)
    made = made[0] if isinstance(made, tuple | list) else made
    if not isinstance(made, torch.Tensor) or not made.requires_grad or made.is_complex():
        return None
    made.backward(torch.full_like(made, upstream))
    found = tensors[parameter].grad
    assert found is not None
    return float(made.detach().flatten()[0]), float(found[0])


def measured(case: Case, point: float, size: int) -> Behaviour | None:
    at_one = gradient(case, point, size, 1.0)
    if at_one is None:
        return None
    value, slope = at_one
    trap = math.isnan(gradient(case, point, size, 0.0)[1])  # type: ignore[index]
    shield = all(math.isfinite(gradient(case, point, size, bad)[1]) for bad in (INF, math.nan))  # type: ignore[index]
    singular = "" if not math.isfinite(value) or math.isfinite(slope) else "nan" if math.isnan(slope) else "inf"
    return Behaviour(singular, trap, shield)


def declared(case: Case, point: float, found: Behaviour) -> Behaviour:
    """What the table says; of a reduction, whose gradient depends on all elements, only what is singular."""
    at = exactly(point)
    singular = next((s.gradient for s in case.op.singular if s.parameter == case.tensors[0] and s.at.meets(at)), "")
    if case.op.reduces or case.op.name in ACROSS:
        return Behaviour(singular, found.trap, found.shield)
    return Behaviour(singular, case.op.traps(at), case.op.shields(at))
