"""What the values of a program's own tensors can be, judged by those that it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nanlint.verify import tree
from nanlint.verify.values.contracts import Range

# How much larger than all that a program holds its data may become.
LARGER = 10.0
ANY = Range()


@dataclass(frozen=True, slots=True)
class Kind:
    """Tensors of one shape and dtype; `within` is their range, `only` all values that they have, and of `rows` each
    adds up to 1.
    """

    shape: torch.Size
    dtype: torch.dtype
    within: Range = ANY
    only: tuple[float, ...] = ()
    rows: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing between its values: labels, not measurements."""
        return bool(self.only)

    def allows(self, value: Any) -> bool:
        if not isinstance(value, Tensor) or value.shape != self.shape or value.dtype != self.dtype:
            return False
        if not self.within.allows(value):
            return False
        if self.only and not bool(torch.isin(value.detach(), torch.tensor(self.only, dtype=value.dtype)).all()):
            return False
        return not self.rows or _adds_up(value)


def kind_of(tensor: Tensor, *, learned: bool) -> Kind:
    """The kind of a tensor of a program: parameters that are `learned` can become anything of their shape."""
    values = tensor.detach()
    if learned or not values.numel() or values.is_complex():
        return Kind(tensor.shape, tensor.dtype)
    least, most = float(values.min()), float(values.max())
    rows = bool((values >= 0).all()) and _adds_up(values)
    if bool(((values == 0) | (values == 1)).all()):
        return Kind(tensor.shape, tensor.dtype, only=(0.0, 1.0), rows=rows)
    if not values.is_floating_point():
        return Kind(tensor.shape, tensor.dtype, Range(least, most))
    if least >= 0 and most <= 1:
        return Kind(tensor.shape, tensor.dtype, Range(0, 1), rows=rows)
    largest = LARGER * max(-least, most)
    return Kind(tensor.shape, tensor.dtype, Range(0 if least >= 0 else -largest, largest))


def _adds_up(values: Tensor) -> bool:
    if values.dim() < 1 or values.shape[-1] < 2:
        return False
    return bool(torch.isclose(values.detach().double().sum(-1), torch.tensor(1.0).double()).all())


def keeps(kinds: Mapping[str, Kind], arguments: Mapping[str, Any]) -> bool:
    """Whether each tensor of some arguments is of the kind that is known for its expression."""
    leaves = (leaf for name, value in arguments.items() for leaf in tree.leaves(value, name))
    return all(kinds[name].allows(leaf) for name, leaf in leaves if name in kinds)
