"""The classes that parameters are annotated with, other than those of numbers, words, containers and tensors."""

from __future__ import annotations

import contextlib
import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any

import torch
from torch import Tensor, nn

# Objects of these say nothing, or there are other ways to make one.
_PLAIN = (Tensor, torch.dtype, torch.device, torch.Size, torch.Generator, PurePath)
_MODULES = {"builtins", "typing", "collections", "collections.abc", "numpy", "types"}


def annotated(function: Callable[..., Any]) -> dict[str, list[type]]:
    """By parameter; of a class the parameters are those of its constructor. What cannot be resolved is left out."""
    called = vars(function).get("__init__") if isinstance(function, type) else inspect.unwrap(function)
    variables = {**vars(sys.modules.get(getattr(called, "__module__", ""), typing))}
    found: dict[str, list[type]] = {}
    for name, annotation in getattr(called, "__annotations__", {}).items():
        with contextlib.suppress(Exception):
            hint = annotation
            while isinstance(hint, str):
                hint = eval(hint, variables)  # noqa: S307 (what Python would evaluate, too)
            if kinds := [each for each in _classes(hint) if _is_of_interest(each)]:
                found[name] = kinds
    return found


def _classes(hint: Any) -> Iterator[Any]:
    """A class, or those of a union."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Union or type(hint).__name__ == "UnionType":
        for each in arguments:
            yield from _classes(each)
    elif not arguments:
        yield hint


def _is_of_interest(kind: Any) -> bool:
    if not isinstance(kind, type) or kind is nn.Module or kind.__module__ in _MODULES:
        return False
    return not issubclass(kind, _PLAIN)
