"""Tensors that are written out as numbers: what a sum, a length or a spread of them is, is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import TYPE_CHECKING

from nanlint.facts.relations import first_arg
from nanlint.interval import Interval, exactly
from nanlint.ops.shapes import larger, smaller

if TYPE_CHECKING:
    from nanlint.facts.value import Value

DEPTH = 6
MAX_NUMBERS = 256
LITERAL = {"tensor": "input", "as_tensor": "input", "new_tensor": "data"}
REARRANGED = frozenset(
    """view reshape transpose permute squeeze unsqueeze flatten contiguous clone detach t movedim ravel float double to
    type cpu cuda identity flip roll""".split()
)
BY_NUMBER: dict[str, Callable[[float, float], float]] = {
    "add": lambda x, n: x + n, "sub": lambda x, n: x - n, "mul": lambda x, n: x * n, "div": lambda x, n: x / n,
    "pow": lambda x, n: x**n,
}  # fmt: skip
EXTREMES = {"amax": larger, "max": larger, "amin": smaller, "min": smaller}
UNKNOWN = Interval(nan=True)
ALONE: dict[str, Callable[[float], float]] = {"abs": abs, "neg": lambda x: -x, "square": lambda x: x * x}


def leaves(value: Value) -> Iterator[Value]:
    """The innermost elements of nested lists."""
    if value.kind == "tuple" and value.items is not None:
        for item in value.items:
            yield from leaves(item)
    elif value.kind == "tuple" and isinstance(value.ref, tuple) and value.ref and value.ref[0] == "each":
        yield from leaves(value.ref[1])
    else:
        yield value


def _variance(numbers: list[float]) -> float:
    mean = math.fsum(numbers) / len(numbers)
    return math.fsum((x - mean) ** 2 for x in numbers) / max(len(numbers) - 1, 1)


REDUCED: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum, "mean": lambda numbers: math.fsum(numbers) / len(numbers), "amax": max, "max": max, "amin": min,
    "min": min, "norm": lambda numbers: math.hypot(*numbers), "var": _variance,
    "vector_norm": lambda numbers: math.hypot(*numbers), "std": lambda numbers: math.sqrt(_variance(numbers)),
}  # fmt: skip


def numbers_of(value: Value, depth: int = DEPTH) -> list[float] | None:
    """The numbers of the tensor, in some order; None where it is not written out."""
    first = first_arg(value)
    if first is None or depth == 0:
        return None
    if value.op in LITERAL:
        listed = value.arg(LITERAL[value.op])
        if listed is None or listed.items is None:
            return None
        found = [leaf.number for item in listed.items for leaf in leaves(item)]
        known = [number for number in found if number is not None]
        return known if 0 < len(known) == len(found) <= MAX_NUMBERS else None
    followed = value.op in REARRANGED or value.op in ALONE or value.op in BY_NUMBER
    inner = numbers_of(first, depth - 1) if followed else None
    if inner is None or value.op in REARRANGED:
        return inner
    if value.op in ALONE:
        return [ALONE[value.op](x) for x in inner]
    other = value.arg("exponent" if value.op == "pow" else "other")
    number = other.number if other is not None else None
    if number is None or (value.op == "div" and number == 0) or (value.op == "pow" and number not in (1, 2, 3, 4)):
        return None
    return [BY_NUMBER[value.op](x, number) for x in inner]


def reduction(op: str, values: Mapping[str, Value]) -> Interval | None:
    """What the op makes of all numbers of a tensor that is written out."""
    value = values.get("input")
    if value is None or op not in REDUCED or len(values) > 1:
        return None
    numbers = numbers_of(value)
    if numbers is None or not all(map(math.isfinite, numbers)) or (op in ("std", "var") and len(numbers) < 2):
        return None
    result = REDUCED[op](numbers)
    # of terms that cancel, what is left hangs on the format
    exact = result == 0 or abs(result) > 1e-6 * max(map(abs, numbers))
    return exactly(result) if exact else None


def extreme(op: str, values: Mapping[str, Value]) -> Interval | None:
    """The range of the largest (or smallest) of elements that are written out, as in `torch.tensor([x, eps]).max()`."""
    value = values.get("input")
    listed = value.arg(LITERAL[value.op]) if value is not None and value.op in LITERAL else None
    if listed is None or listed.items is None or op not in EXTREMES or len(values) > 1:
        return None
    ranges = [leaf.range for item in listed.items for leaf in leaves(item)]
    # of an element that is not known, the others still bound the extreme on one side
    known = [UNKNOWN if each is None or each.empty else each for each in ranges]
    return reduce(EXTREMES[op], known) if any(each is not UNKNOWN for each in known) else None
