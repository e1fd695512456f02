"""The tensors and numbers inside of arguments and results, and the Python expressions that lead to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

DEEPEST = 6


@dataclasses.dataclass(slots=True)
class Built:
    """An object that is made anew for each call: `kind`, which a script knows as `expression`, of `arguments` by name.
    `texts` is the source of those that are no data.
    """

    kind: type
    expression: str
    arguments: dict[str, Any]
    texts: dict[str, str]


def built(value: Any) -> Any:
    """The object that a `Built` stands for; anything else as it is. Raises what its class raises."""
    if not isinstance(value, Built):
        return value
    return value.kind(**{name: built(argument) for name, argument in value.arguments.items()})


def leaves(value: Any, name: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Each tensor and number with its expression, where `name` is that of the value."""
    if isinstance(value, (Tensor, int, float, complex)):
        yield name, value
    elif depth < DEEPEST:
        for suffix, item in _items(value):
            yield from leaves(item, name + suffix, depth + 1)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Built):
        yield from ((f".{name}", item) for name, item in value.arguments.items())
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from ((f".{field}", item) for field, item in zip(value._fields, value, strict=False))
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, Mapping):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield f".{field.name}", getattr(value, field.name, None)


def mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    """A copy of lists, tuples, dicts and `Built` in which each tensor and number is what the function makes of it."""
    if isinstance(value, (Tensor, int, float, complex)):
        return function(value)
    if type(value) in (list, tuple):
        return type(value)(mapped(item, function) for item in value)
    if isinstance(value, Built):
        arguments = {name: mapped(item, function) for name, item in value.arguments.items()}
        return Built(value.kind, value.expression, arguments, value.texts)
    if type(value) is dict:
        return {key: mapped(item, function) for key, item in value.items()}
    return value


def is_float(value: Any) -> bool:
    """Whether it is a tensor of real or complex numbers that is not empty."""
    return isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex()) and value.numel() > 0


def is_bad(value: Any) -> bool:
    """Whether a tensor or number holds NaN or Inf."""
    if isinstance(value, Tensor):
        if not (value.is_floating_point() or value.is_complex()) or value.layout is not torch.strided:
            return False
        return not bool(torch.isfinite(value.detach()).all())
    if isinstance(value, (float, complex)):
        return not bool(torch.isfinite(torch.tensor(value)))
    return False


def wanting(value: Any) -> Any:
    """A float tensor that wants a gradient, and that may be written to; everything else as it is."""
    return value.detach().clone().requires_grad_().clone() if is_float(value) else value
