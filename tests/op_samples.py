"""Tensors drawn from an interval, and whether what an op makes of them lies in the interval it predicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from op_recipes import Case, Known

from nanlint.interval import INF, Interval
from nanlint.ops import DTYPES, round_to

FLOATS = ("float64", "float32", "float16", "bfloat16")
EDGES = (
    0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e-3, -1e-3, 0.1, 3.0, 6.0, -3.0, -6.0, 10.0, -10.0, 17.0, -17.0, 89.0, -89.0,
    104.0, -104.0, 1e-8, -1e-8, 1e-30, 0.9999, 1e4, -1e4, INF, -INF, math.e, math.pi,
)  # fmt: skip
ORDINARY = {"float64": 1e100, "float32": 1e15, "bfloat16": 1e15, "float16": 8.0}
"""Inputs of at most that size neither overflow in a sum of products nor, reciprocally, underflow."""


COMPOUNDING = {"prod", "cumprod"}
"""Products of many numbers overflow whatever their size."""


COARSE = {"ndtr": 0.2, "gammainc": 1e-5, "gammaincc": 1e-5}
"""Relative errors of kernels that do worse than a few units in the last place."""

SMALL_EPS = {"normalize", "cosine_similarity"}
"""Their default eps, 1e-12 and 1e-8, is 0 in float16, and 0/0 remains."""


def members(interval: Interval, dtype: str) -> list[float]:
    """Some numbers of `dtype` in the interval: its ends, what lies next to them, and the edges inside of it."""
    kind = DTYPES[dtype]
    tensor = torch.tensor([interval.lo, interval.hi], dtype=getattr(torch, dtype))
    inwards = torch.tensor([INF, -INF], dtype=tensor.dtype)
    inner = [] if dtype == "float16" else torch.nextafter(tensor, inwards).tolist()
    middle = (interval.lo + interval.hi) / 2
    found = [interval.lo, interval.hi, *inner, middle, interval.lo * 0.75 + interval.hi * 0.25, *EDGES]
    rounded = [kind.nearest(x) for x in found if not math.isnan(x)]
    kept = [x for x in dict.fromkeys(rounded) if x in interval]
    return kept or [x for x in (interval.lo, interval.hi) if x in interval]


def fill(values: list[float], size: int, offset: int, dtype: str) -> torch.Tensor:
    return torch.tensor([values[(i + offset) % len(values)] for i in range(size)], dtype=getattr(torch, dtype))


def results(case: Case, tensors: tuple[torch.Tensor, ...]) -> list[float]:
    """The numbers that the op gives; of several tensors, the first."""
    made = case.fn(*(t.clone() for t in tensors), **case.consts)
    if isinstance(made, tuple | list):
        made = made[0] if case.op.rest is not None or not case.op.reduces else torch.stack([*made])
    return [] if not isinstance(made, torch.Tensor) or made.is_complex() else made.flatten().double().tolist()


def escapes(case: Case, intervals: Mapping[str, Interval], dtype: str) -> Iterator[str]:
    """What the op gives outside of the interval that its shape predicts for these input intervals."""
    intervals = {name: round_to(x, dtype) for name, x in intervals.items()}
    predicted = case.op.shape(Known(intervals, case.consts))
    if predicted is None:
        return
    predicted = round_to(predicted, dtype)
    values = [members(x, dtype) for x in intervals.values()]
    if not all(values):
        return
    for size in (1, 64) if case.least == 1 else (case.least, 64):
        for offset in range(6 if size < 64 else 2):
            tensors = tuple(fill(v, size, offset * (i + 1), dtype) for i, v in enumerate(values))
            for y in set(results(case, tensors)):
                if not allowed(case, y, predicted, tensors, dtype):
                    shown = ", ".join(str(t.tolist()[:6]) for t in tensors)
                    given = ", ".join(map(str, intervals.values()))
                    yield f"{case.id} [{dtype}, {size}] {shown}: {y!r} is not in {predicted} of {given}"


def allowed(case: Case, y: float, predicted: Interval, tensors: tuple[torch.Tensor, ...], dtype: str) -> bool:
    """`y` is a member, up to some units in the last place, or follows from the overflow of extraordinary input."""
    top = ORDINARY[dtype]
    ordinary = all(bool((((t.abs() <= top) & (t.abs() >= 1 / top)) | (t == 0) | t.isinf()).all()) for t in tensors)
    if math.isnan(y):
        return predicted.nan or not ordinary or dtype == "float16" and case.op.name in SMALL_EPS
    if y in predicted:
        return True
    if math.isinf(y):
        near = max(abs(predicted.lo), abs(predicted.hi)) * 4 >= DTYPES[dtype].max
        if near or case.op.name in COMPOUNDING or predicted.empty:
            return True
        return not ordinary
    slack = max(16 * DTYPES[dtype].eps, COARSE.get(case.op.name, 0.0))
    if y == 0:
        return not ordinary or case.op.name == "erf" and predicted.lo < 1e-6  # the bfloat16 kernel gives 0 at 1e-8
    if predicted.empty:
        return False
    low = predicted.lo - slack * abs(predicted.lo) - DTYPES[dtype].smallest_normal
    high = predicted.hi + slack * abs(predicted.hi) + DTYPES[dtype].smallest_normal
    if case.op.name in ("int", "long"):
        return not ordinary
    return low <= y <= high
