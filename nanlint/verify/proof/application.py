"""One operation of a graph with the intervals of its operands, as the table of operations wants to see it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nanlint.interval import Interval, exactly
from nanlint.ops import DTYPES
from nanlint.verify.proof.rounding import Unproved, outward


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor: what its elements can be, its shape, the name of its dtype."""

    interval: Interval
    shape: tuple[int, ...]
    dtype: str

    @property
    def count(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Application:
    """`name` is that of the operation in ATen, `arguments` are by the names of its schema, `self` being `input`.

    `results` are the tensors that come out, with intervals that say nothing yet.
    """

    name: str
    arguments: Mapping[str, object]
    results: Sequence[Operand]

    @property
    def result(self) -> Operand:
        return self.results[0]

    def operand(self, parameter: str) -> Operand:
        """That tensor. Raises Unproved where it is none."""
        value = self.arguments.get(parameter)
        if not isinstance(value, Operand):
            raise Unproved(f"`{parameter}` of {self.name} is no tensor")
        return value

    def range(self, parameter: str) -> Interval | None:
        """The interval of an operand as the kernel sees it: in the format of the result, where that is a float."""
        value = self.arguments.get(parameter)
        if isinstance(value, list):
            joined = [self._seen(item) for item in value if isinstance(item, Operand)]
            if not joined:
                return None
            interval = joined[0]
            for each in joined[1:]:
                interval = interval.join(each)
            return interval
        if isinstance(value, Operand):
            return self._seen(value)
        if isinstance(value, (int, float)):
            number = exactly(float(value))
            return outward(number, self.result.dtype) if self._is_float else number
        return None

    def const(self, parameter: str) -> object:
        value = self.arguments.get(parameter)
        return None if isinstance(value, (Operand, list)) else value

    def given(self, parameter: str) -> bool:
        return self.arguments.get(parameter) is not None

    def number(self, parameter: str, default: float) -> float:
        """A number of the call. Raises Unproved where it is a tensor, or no number."""
        value = self.arguments.get(parameter)
        if value is None:
            return default
        if not isinstance(value, (int, float)):
            raise Unproved(f"`{parameter}` of {self.name} is no number")
        return float(value)

    @property
    def _is_float(self) -> bool:
        return DTYPES[self.result.dtype].kind == "float"

    def _seen(self, operand: Operand) -> Interval:
        if operand.dtype == self.result.dtype or not self._is_float:
            return operand.interval
        return outward(operand.interval, self.result.dtype)
