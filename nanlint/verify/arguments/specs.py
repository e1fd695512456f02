"""What an argument can be: tensors of a ladder of shapes, numbers, words, and containers of these."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from nanlint.verify.tree import Built

Dims = Mapping[str, int]
Dtype = Literal["float", "long", "binary", "bool", "complex"]

# The sizes behind the letters. First sizes that differ, so that a mix-up of axes raises; then sizes that agree.
SIZES: tuple[Dims, ...] = (
    {"N": 4, "C": 3, "D": 5, "H": 16, "W": 16, "T": 6, "S": 4},
    {"N": 4, "C": 4, "D": 4, "H": 16, "W": 16, "T": 4, "S": 4},
    {"N": 2, "C": 2, "D": 2, "H": 2, "W": 2, "T": 2, "S": 2},
    {"N": 8, "C": 8, "D": 8, "H": 8, "W": 8, "T": 8, "S": 8},
    {"N": 1, "C": 3, "D": 4, "H": 64, "W": 64, "T": 1000, "S": 4},
)
LADDER: tuple[tuple[str | int, ...], ...] = (
    ("N", "C"), ("N",), ("N", "C", "H", "W"), ("N", "N"), ("N", "C", "T"), (), ("N", "D", "D"), ("N", 1, "H", "W"),
    ("N", "H", "W"), ("C", "H", "W"), ("N", "C", "S", "H", "W"), ("N", 1), (1, "N"), ("N", 2), (2,), ("C",),
    (1, 1, 3, 3), (3, 3),
)  # fmt: skip
# No axis is made longer for what a message or a comparison asks for.
LONGEST_AXIS = 1000
OF_RANK = {0: (), 1: ("N",), 2: ("N", "C"), 3: ("N", "C", "T"), 4: ("N", "C", "H", "W"), 5: ("N", "C", "S", "H", "W")}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A random tensor: floats in [0.05, 0.95] (`normal`: of a normal distribution; `definite`: a positive definite
    matrix), class numbers below C, zeros and ones as integers (`binary`), booleans, or complex numbers with both parts
    in [0.05, 0.95].
    """

    dtype: Dtype
    shape: tuple[str | int, ...]
    fill: Literal["unit", "normal", "definite"] = "unit"

    def make(self, dims: Dims) -> Tensor:
        """Draws from torch's global generator."""
        shape = [dims[size] if isinstance(size, str) else size for size in self.shape]
        if self.dtype == "long":
            return torch.randint(0, dims["C"], shape)
        if self.dtype == "binary":
            return torch.randint(0, 2, shape)
        if self.dtype == "bool":
            return torch.rand(shape) > 0.5
        if self.fill == "normal":
            return torch.randn(shape)
        if self.fill == "definite":
            root = torch.rand(shape)
            return root @ root.transpose(-1, -2) + torch.eye(shape[-1])
        if self.dtype == "complex":
            return torch.complex(torch.rand(shape) * 0.9 + 0.05, torch.rand(shape) * 0.9 + 0.05)
        return torch.rand(shape) * 0.9 + 0.05


@dataclass(frozen=True, slots=True)
class Written:
    """A value that has a short spelling in Python, with `importlib` and `torch` imported."""

    text: str

    def make(self, dims: Dims) -> Any:
        return eval(self.text, {"importlib": importlib, "torch": torch})  # noqa: S307 (our own text, in a child that runs the user's code)


@dataclass(frozen=True, slots=True)
class Several:
    items: tuple[Spec, ...]
    kind: type[list[Any]] | type[tuple[Any, ...]] = list

    def make(self, dims: Dims) -> Any:
        return self.kind(item.make(dims) for item in self.items)


@dataclass(frozen=True, slots=True)
class Keyed:
    items: tuple[tuple[Any, Spec], ...]

    def make(self, dims: Dims) -> dict[Any, Any]:
        return {key: item.make(dims) for key, item in self.items}


@dataclass(frozen=True, slots=True)
class Object:
    """What `kind` makes of `items`, its arguments by name; a script knows it as `expression`."""

    kind: type
    expression: str
    items: tuple[tuple[str, Spec], ...]

    def make(self, dims: Dims) -> Built:
        texts = {name: item.text for name, item in self.items if isinstance(item, Written)}
        return Built(self.kind, self.expression, {name: item.make(dims) for name, item in self.items}, texts)


Spec = TensorSpec | Written | Several | Keyed | Object


def plain(value: object) -> Written:
    """A number, a word, None or a tuple of them."""
    return Written(repr(value))


def floats(*shape: str | int) -> TensorSpec:
    return TensorSpec("float", shape)


def numbers(*shape: str | int) -> TensorSpec:
    return TensorSpec("long", shape)


FIRST = Written("lambda *a, **k: a[0]")
"""A function that gives its first argument."""
