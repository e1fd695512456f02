"""Smaller and simpler arguments that fail in the same way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nanlint.verify import tree

SECONDS = 3.0
Arguments = dict[str, Any]


def shrink(arguments: Arguments, keeps: Callable[[Arguments], bool]) -> Arguments:
    """`keeps` says whether arguments still fail in that way. What takes longer than `SECONDS` is left out."""
    until = time.process_time() + SECONDS
    for steps in (_narrowed, _simplified):
        improved = True
        while improved and time.process_time() < until:
            improved = False
            for smaller in steps(arguments):
                if time.process_time() > until:
                    break
                if keeps(smaller):
                    arguments, improved = smaller, True
                    break
    return arguments


def _narrowed(arguments: Arguments) -> Iterator[Arguments]:
    """Each size that occurs made smaller, wherever it is the size of that axis, or of any axis."""
    shapes = [leaf.shape for leaf in _tensors(arguments)]
    sizes = sorted({(size, axis) for shape in shapes for axis, size in enumerate(shape) if size > 1}, reverse=True)
    for size, axis in sizes:
        for smaller in dict.fromkeys((1, 2, size // 2)):
            if 0 < smaller < size:
                for where in (axis, None):
                    yield _changed(arguments, partial(_cut, where, size, smaller))


def _cut(axis: int | None, size: int, smaller: int, tensor: Tensor) -> Tensor:
    for each in range(tensor.dim()):
        if tensor.shape[each] == size and axis in (None, each):
            tensor = tensor.narrow(each, 0, smaller)
    return tensor.contiguous()


def _simplified(arguments: Arguments) -> Iterator[Arguments]:
    for leaf in _tensors(arguments):
        for simpler in _simpler(leaf):
            if _measure(simpler) < _measure(leaf):
                yield _changed(arguments, partial(_exchanged, leaf, simpler))


def _simpler(tensor: Tensor) -> Iterator[Tensor]:
    if not tensor.numel():
        return
    yield torch.zeros_like(tensor)
    yield torch.ones_like(tensor)
    yield torch.full_like(tensor, tensor.flatten()[0].item())
    if tensor.is_floating_point():
        yield tensor.round()
        yield tensor.mul(10).round().div(10)


def _measure(tensor: Tensor) -> tuple[int, int]:
    """How much there is to write down: different values, and the digits of them."""
    values = set(tensor.flatten()[:4096].tolist())
    plain = sum(value not in (0, 1) for value in values)
    return len(values) + plain, sum(len(repr(value)) for value in values)


def _exchanged(old: Tensor, new: Tensor, tensor: Tensor) -> Tensor:
    return new.clone() if tensor is old else tensor


def _tensors(arguments: Arguments) -> list[Tensor]:
    leaves = (leaf for name, value in arguments.items() for _, leaf in tree.leaves(value, name))
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def _changed(arguments: Arguments, function: Callable[[Tensor], Tensor]) -> Arguments:
    return {
        name: tree.mapped(value, lambda leaf: function(leaf) if isinstance(leaf, Tensor) else leaf)
        for name, value in arguments.items()
    }
