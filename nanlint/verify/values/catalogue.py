"""Values at the edges, the likeliest first: what data can be on a bad day, then magnitudes, then half precision."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nanlint.verify import tree
from nanlint.verify.arguments.names import is_guard

Change = tuple[str, Callable[[Tensor], Tensor]]

# Beyond these a float32 is called extreme: its square is not in range any more (1.2e-38 to 3.4e38).
LARGEST, SMALLEST = 1e19, 1e-19


@dataclass(frozen=True, slots=True)
class Values:
    """`label` names what was changed, `family` groups the labels for a report, `learned` are other values of the
    parameters of the module that is called.
    """

    family: str
    label: str
    arguments: dict[str, Any]
    learned: dict[str, Tensor] = field(default_factory=dict)


def _instead(value: Any, _: Any) -> Any:
    return value


def _full(value: float, tensor: Tensor) -> Tensor:
    return torch.full_like(tensor, value)


def _first_row(value: float, tensor: Tensor) -> Tensor:
    changed = tensor.clone()
    if changed.dim() and changed.shape[0]:
        changed[0] = value
    return changed


def _one_hot(tensor: Tensor) -> Tensor:
    changed = torch.zeros_like(tensor)
    if changed.dim() and changed.numel():
        rows = changed.view(-1, changed.shape[-1])
        row = torch.arange(rows.shape[0])
        rows[row, row % rows.shape[1]] = 1
    return changed


def _half_zero(tensor: Tensor) -> Tensor:
    changed = tensor.clone().flatten()
    changed[::2] = 0
    return changed.view(tensor.shape)


def _equal_rows(tensor: Tensor) -> Tensor:
    return tensor[:1].expand_as(tensor).clone() if tensor.dim() and tensor.shape[0] else tensor


def _normal(scale: float, tensor: Tensor) -> Tensor:
    return torch.randn(tensor.shape).mul(scale).to(tensor)


def _saturated(tensor: Tensor) -> Tensor:
    return torch.randn(tensor.shape).sign().mul(100).to(tensor)


def _counts(tensor: Tensor) -> Tensor:
    return torch.randint(0, 3, tensor.shape).to(tensor)


def _one_element(tensor: Tensor) -> Tensor:
    for axis in range(tensor.dim()):
        tensor = tensor.narrow(axis, 0, min(1, tensor.shape[axis]))
    return tensor.clone()


def _offset(tensor: Tensor) -> Tensor:
    """Nearly constant and far from zero, where differences cancel."""
    return torch.rand(tensor.shape).mul(0.01).add(1000.1).to(tensor)


def _identity(tensor: Tensor) -> Tensor:
    if tensor.dim() < 2:
        return tensor
    return torch.eye(tensor.shape[-2], tensor.shape[-1]).to(tensor).expand_as(tensor).clone()


def _in_dtype(function: Callable[[Tensor], Tensor], dtype: torch.dtype, tensor: Tensor) -> Tensor:
    """A complex tensor stays as it is: these formats have no complex numbers."""
    return tensor if tensor.is_complex() else function(tensor).to(dtype)


def _of(value: float) -> Change:
    return f"{value:g}", partial(_full, value)


ORDINARY: tuple[Change, ...] = (
    _of(0), _of(1), _of(0.5), ("row of zeros", partial(_first_row, 0.0)), ("one-hot", _one_hot),
    ("every other 0", _half_zero), ("equal rows", _equal_rows), ("normal", partial(_normal, 1.0)),
    ("normal * 30", partial(_normal, 30.0)), ("+-100", _saturated), ("counts", _counts), _of(-1),
    _of(100), _of(-100), _of(1000.1), ("1000.1 and a little", _offset), ("identity", _identity),
)  # fmt: skip
_FEW = ORDINARY[:8] + ORDINARY[11:14]
MAGNITUDES: tuple[Change, ...] = (
    *map(_of, (1e-8, -1e-8, 1e-6, -1e-6, 1e-4, 20.0, -20.0, 1e-20, -1e3, 1e4, 1e10, -1e10)),
    ("row of 1e10", partial(_first_row, 1e10)),
)
EXTREME: tuple[Change, ...] = (
    *map(_of, (1e-42, 3e19, 1e30, 1e38, -1e38)), ("normal * 1e30", partial(_normal, 1e30)),
)  # fmt: skip
HALF: tuple[Change, ...] = (
    ("as it was", lambda tensor: tensor), _of(0), ("normal * 30", partial(_normal, 30.0)), _of(12), _of(300),
    _of(1e-5), _of(6e4), _of(0.9999), _of(-12),
)  # fmt: skip
# What training can make of a parameter, small numbers first.
LEARNED: tuple[Change, ...] = (
    _of(0), _of(1), _of(-1), ("row of zeros", partial(_first_row, 0.0)), ("normal", partial(_normal, 1.0)),
    _of(10), _of(-10), _of(100), _of(-100),
)  # fmt: skip
INTEGERS: tuple[Change, ...] = (
    _of(0), _of(1), _of(-100),
    ("counting", lambda tensor: (torch.arange(tensor.numel()) % 3).view(tensor.shape).to(tensor)),
)  # fmt: skip
BOOLEANS: tuple[Change, ...] = (("False", partial(_full, 0)), ("True", partial(_full, 1)),
                                ("row of False", partial(_first_row, 0)))  # fmt: skip
NUMBERS = (0.0, 1.0, -1.0, 100.0)


def of_learned(own: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """Other values of all of a module's parameters, and of each alone."""
    torch.manual_seed(1)
    for _, change in LEARNED if own else ():
        yield {name: change(tensor) for name, tensor in own.items()}
    for (name, tensor), (_, change) in itertools.product(own.items() if len(own) > 1 else (), LEARNED):
        yield {name: change(tensor)}


class Catalogue:
    """All changes of some arguments that reach a line; those whose expressions are in `fixed` stay as they are."""

    def __init__(self, arguments: dict[str, Any], fixed: Collection[str] = ()) -> None:
        self._arguments = arguments
        every = [leaf for name, value in arguments.items() for leaf in tree.leaves(value, name)]
        leaves = [(name, leaf) for name, leaf in every if name not in fixed]
        self._floats = [name for name, leaf in leaves if tree.is_float(leaf)]
        self._shapes = {name: leaf.shape for name, leaf in leaves if isinstance(leaf, Tensor)}
        self._integers = [name for name, leaf in leaves if isinstance(leaf, Tensor) and leaf.dtype == torch.long]
        self._booleans = [name for name, leaf in leaves if isinstance(leaf, Tensor) and leaf.dtype == torch.bool]
        self._numbers = [name for name, leaf in leaves if type(leaf) is float and not is_guard(name)]

    def edges(self) -> Iterator[Values]:
        """The likeliest alone."""
        torch.manual_seed(1)
        yield from self._all("edge values", ORDINARY)
        yield from self._each("edge values", ORDINARY)

    def ordinary(self) -> Iterator[Values]:
        """What data of usual magnitudes can be."""
        torch.manual_seed(1)
        yield Values("as found", "", self._arguments)
        yield from self._all("edge values", ORDINARY)
        yield from self._each("edge values", ORDINARY)
        yield from self._same()
        yield from self._flags()
        yield from self._pairs()
        yield from self._one_sample()
        for name, value in itertools.product(self._numbers, NUMBERS):
            yield self._put("numbers", {name: (f"{value:g}", partial(_instead, value))})

    def magnitudes(self) -> Iterator[Values]:
        """What large and small data can be."""
        yield from self._all("magnitudes", MAGNITUDES)
        yield from self._each("magnitudes", MAGNITUDES)

    def extreme(self) -> Iterator[Values]:
        """Magnitudes that no data has."""
        yield from self._all("extreme magnitudes", EXTREME)
        yield from self._each("extreme magnitudes", EXTREME)

    def half(self) -> Iterator[Values]:
        """Half precision; the same values whatever was tried before."""
        torch.manual_seed(1)
        for dtype in (torch.float16, torch.bfloat16) if self._floats else ():
            for word, function in HALF:
                change = (f"{word} in {str(dtype)[6:]}", partial(_in_dtype, function, dtype))
                yield self._put("half precision", dict.fromkeys(self._floats, change))

    def _put(self, family: str, changes: dict[str, tuple[str, Callable[[Any], Any]]]) -> Values:
        """The arguments with some leaves changed."""
        label = ", ".join(f"{name} = {word}" for name, (word, _) in changes.items())
        arguments = {}
        for name, value in self._arguments.items():
            names = (expression for expression, _ in tree.leaves(value, name))

            def change(leaf: Any, names: Iterator[str] = names) -> Any:
                expression = next(names)
                return changes[expression][1](leaf) if expression in changes else leaf

            arguments[name] = tree.mapped(value, change)
        return Values(family, label, arguments)

    def _all(self, family: str, changes: tuple[Change, ...]) -> Iterator[Values]:
        if self._floats:
            for change in changes:
                yield self._put(family, dict.fromkeys(self._floats, change))

    def _each(self, family: str, changes: tuple[Change, ...]) -> Iterator[Values]:
        if len(self._floats) > 1:
            for name, change in itertools.product(self._floats, changes):
                yield self._put(family, {name: change})

    def _same(self) -> Iterator[Values]:
        """One argument equal to another."""
        values = dict(leaf for name, value in self._arguments.items() for leaf in tree.leaves(value, name))
        for one, other in itertools.permutations(self._floats, 2):
            if self._shapes[one] == self._shapes[other]:
                copy = values[other].clone()
                yield self._put("equal arguments", {one: (other, partial(_instead, copy))})

    def _flags(self) -> Iterator[Values]:
        """Class numbers and masks, alone and together with the floats."""
        for names, changes in ((self._integers, INTEGERS), (self._booleans, BOOLEANS)):
            for name, change in itertools.product(names, changes):
                yield self._put("labels and masks", {name: change})
            for change, of_floats in itertools.product(changes, ORDINARY[:9]) if names else ():
                yield self._put(
                    "labels and masks", {**dict.fromkeys(names, change), **dict.fromkeys(self._floats, of_floats)}
                )

    def _pairs(self) -> Iterator[Values]:
        for one, other in itertools.permutations(self._floats, 2):
            for change, of_other in itertools.product(_FEW, _FEW):
                yield self._put("pairs of edge values", {one: change, other: of_other})

    def _one_sample(self) -> Iterator[Values]:
        """Every tensor with a single element, or a single row."""
        tensors = list(self._shapes)
        yield self._put("single samples", dict.fromkeys(tensors, ("one element", _one_element)))
        first = ("one row", lambda tensor: tensor[:1].clone() if tensor.dim() else tensor)
        yield self._put("single samples", dict.fromkeys(tensors, first))


def is_extreme(arguments: dict[str, Any]) -> bool:
    """Whether it takes half precision, or magnitudes that no data has."""
    for name, value in arguments.items():
        for _, leaf in tree.leaves(value, name):
            if not tree.is_float(leaf):
                continue
            if leaf.dtype in (torch.float16, torch.bfloat16):
                return True
            sizes = leaf.detach().abs()
            sizes = sizes[sizes > 0]
            if sizes.numel() and (float(sizes.max()) > LARGEST or float(sizes.min()) < SMALLEST):
                return True
    return False


def is_finite(arguments: dict[str, Any]) -> bool:
    return not any(tree.is_bad(leaf) for name, value in arguments.items() for _, leaf in tree.leaves(value, name))
