"""The same call in float32 and in float64: how far apart are the results, and did the flagged expression lose it?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nanlint.verify import tree
from nanlint.verify.arguments.instances import Instance
from nanlint.verify.calling import SEED, copied, limited, reset
from nanlint.verify.place import Place
from nanlint.verify.script import TOLERANCE
from nanlint.verify.target import NotRunnable
from nanlint.verify.trace.frames import Location, innermost
from nanlint.verify.values.trial import SECONDS, Callee, Failure

# How well the operands of the operation that loses its digits have to agree in the two formats.
OPERANDS_AGREE = 1e-5
# Of its largest operand: a float64 result that is smaller is itself made of rounding.
FLOAT64_KNOWS = 1e-13
# What float32 holds with all of its digits, and with room for a square root or a quotient.
SMALLEST, LARGEST = 1e-30, 1e38
# A difference that nobody misses: what 1e-5 is worth in the last digit of 1 (1e-5 times 1.2e-7, the eps of float32).
MISSED = 1e-12
Found = TypeVar("Found")
# What is only there in one of the formats.
_CASTS = frozenset(("_to_copy", "detach", "alias"))


class Comparison:
    """Calls of one target in both formats; stands in for `Trials` where a finding is about precision."""

    def __init__(self, target: Callee, instance: Instance | None) -> None:
        self.error: BaseException | None = None
        # digits are compared with the module's own parameters
        self.own: dict[str, Tensor] = {}
        self.learned: dict[str, Tensor] = {}
        self._target, self._instance = target, instance

    def prepare(self, arguments: dict[str, Any]) -> None:
        """Raises NotRunnable where the code draws numbers, which are others in the other format."""
        first = self._safely(lambda: self._results(arguments, SEED))
        second = self._safely(lambda: self._results(arguments, SEED + 1))
        if first is None or second is None:
            raise NotRunnable("arguments: the call cannot be repeated")
        if any(_far_apart(first, second, 0.0, 0.0)):
            raise NotRunnable("random: the code draws numbers, and other ones in float64")

    def run(self, arguments: dict[str, Any]) -> Failure | None:
        """A result that is further from that of float64 than the tolerance; None too where a call raises."""
        return self._safely(lambda: self._compared(arguments))

    def blamed(self, arguments: dict[str, Any]) -> Failure | None:
        """The same, where the flagged expression lost the digits of operands that had them."""
        return self._safely(lambda: self._traced(arguments))

    def _safely(self, call: Callable[[], Found]) -> Found | None:
        self.error = None
        try:
            with limited(4 * SECONDS):
                return call()
        except BaseException as error:
            self.error = error
            return None

    def _compared(self, arguments: dict[str, Any]) -> Failure | None:
        narrow = self._results(arguments, SEED)
        with _in_float64():
            wide = self._results(widened(arguments), SEED)
        return next(_far_apart(narrow, wide, TOLERANCE, MISSED), None)

    def _traced(self, arguments: dict[str, Any]) -> Failure | None:
        watch, wide_watch = (_Watch(self._target.path, self._target.place) for _ in range(2))
        with watch:
            narrow = self._results(arguments, SEED)
        with _in_float64(), wide_watch:
            wide = self._results(widened(arguments), SEED)
        failure = next(_far_apart(narrow, wide, TOLERANCE, MISSED), None)
        if failure is None or [step.op for step in watch.steps] != [step.op for step in wide_watch.steps]:
            return None
        for one, other in zip(watch.steps, wide_watch.steps, strict=True):
            if _loses(one, other):
                return Failure("precision", failure.expression, failure.contents, (), one.op, exact=True)
        return None

    def _results(self, arguments: dict[str, Any], seed: int) -> list[tuple[str, Tensor]]:
        instance = copied(self._instance.value) if self._instance else None
        default = torch.get_default_dtype()
        reset()
        torch.set_default_dtype(default)
        torch.manual_seed(seed)
        if isinstance(instance, nn.Module):
            instance.to(default)
        result = self._target.call(instance, copied(arguments))
        leaves = ((name, torch.as_tensor(leaf)) for name, leaf in tree.leaves(result, "result"))
        return [(name, leaf.detach()) for name, leaf in leaves if leaf.is_floating_point()]


def widened(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with float64 in place of float32; raises ValueError for other formats."""
    return {name: tree.mapped(value, _widened) for name, value in arguments.items()}


def _widened(leaf: Any) -> Any:
    if not tree.is_float(leaf):
        return leaf
    if leaf.dtype == torch.complex64:
        return leaf.to(torch.complex128)
    if leaf.dtype != torch.float32:
        raise ValueError(f"{leaf.dtype} is not compared")
    return leaf.double()


@contextmanager
def _in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def _far_apart(
    narrow: Sequence[tuple[str, Tensor]], wide: Sequence[tuple[str, Tensor]], tolerance: float, least: float
) -> Iterator[Failure]:
    """The results whose largest difference is more than `least` and `tolerance` of the largest number in float64."""
    for (name, one), (_, other) in zip(narrow, wide, strict=False):
        if one.shape != other.shape or not one.numel() or not bool(other.isfinite().all()):
            continue
        difference, size = (one.double() - other).abs().max(), other.abs().max()
        # not `>`: what is nan in float32 is far from any number
        if SMALLEST <= float(size) <= LARGEST and not bool(difference <= max(tolerance * float(size), least)):
            at = int((one.double() - other).abs().nan_to_num(torch.inf).argmax())
            contents = f"{float(one.flatten()[at]):.4g} where float64 gives {float(other.flatten()[at]):.4g}"
            yield Failure("precision", name, contents)


@dataclass(frozen=True, slots=True)
class _Step:
    """An operation that ran in the flagged expression, with copies of its floats."""

    op: str
    operands: list[Tensor]
    outputs: list[Tensor]


class _Watch(TorchDispatchMode):  # type: ignore[misc,unused-ignore]
    def __init__(self, path: str, place: Place) -> None:
        super().__init__()
        self.steps: list[_Step] = []
        self._path, self._place = path, place

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        instruction = innermost(sys._getframe(1))  # noqa: SLF001
        location = Location.of(instruction) if instruction and name not in _CASTS else None
        if location is None or location.path != self._path or not self._place.covers(location):
            return func(*args, **kwargs)
        operands = _floats((args, kwargs))
        out = func(*args, **kwargs)
        self.steps.append(_Step(name, operands, _floats(out)))
        return out


def _floats(value: Any) -> list[Tensor]:
    tensors = (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))
    return [tensor.detach().double().clone() for tensor in tensors if tensor.is_floating_point()]


def _loses(narrow: _Step, wide: _Step) -> bool:
    """Whether an operation makes of nearly equal operands results that differ by more than the tolerance."""
    pairs = list(zip(narrow.operands, wide.operands, strict=False))
    if not pairs or any(one.shape != other.shape or not _agree(one, other) for one, other in pairs):
        return False
    largest = max((float(other.abs().max()) for _, other in pairs if other.numel()), default=0.0)
    for one, other in zip(narrow.outputs, wide.outputs, strict=False):
        if one.shape == other.shape:
            size = other.abs()
            told = one.isfinite() & (size > max(FLOAT64_KNOWS * largest, SMALLEST)) & (size < LARGEST)
            if not bool(((one - other).abs() <= TOLERANCE * size)[told].all()):
                return True
    return False


def _agree(one: Tensor, other: Tensor) -> bool:
    return not one.numel() or bool((one - other).abs().max() <= OPERANDS_AGREE * other.abs().max())
