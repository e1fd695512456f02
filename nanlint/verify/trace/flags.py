"""Sums in a buffer on the device, read together: on an accelerator a look at each result would stop the queue.

Built for CUDA and checked on a CPU only: its cost on a GPU is unmeasured.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nanlint.verify.trace.finite import EIGHT_BITS, Contents


class Flags:
    """One float32 for each tensor that was added, in `blocks` of `size`, on one device."""

    def __init__(self, device: torch.device, size: int = 4096) -> None:
        self._device, self._size = device, size
        self._blocks: list[Tensor] = []
        self._slots: list[Tensor] = []
        self._count = 0

    def add(self, tensor: Tensor) -> int:
        """Queue the sum of a tensor and return its number; does not wait for the device."""
        if self._count == len(self._slots):
            block = torch.zeros(self._size, device=self._device)
            self._blocks.append(block)
            self._slots.extend(block.unbind())
        slot, number = self._slots[self._count], self._count
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor.resolve_conj())
        if tensor.dtype in EIGHT_BITS:
            tensor = tensor.float()
        if tensor.dtype is torch.float64:
            # Times zero, since a finite sum of float64 need not fit the slot.
            slot.copy_(tensor.sum() * 0, non_blocking=True)
        else:
            torch.sum(tensor, dim=tuple(range(tensor.dim())), dtype=torch.float32, out=slot)
        self._count += 1
        return number

    def read(self) -> list[Contents]:
        """What each tensor that was added since the last reading holds; waits for the device, once for each block.

        A sum of infinities of both signs is NaN, and so is what float64 leaves behind.
        """
        values: list[float] = []
        for block in self._blocks:
            if len(values) < self._count:
                values.extend(block[: self._count - len(values)].tolist())
        self._count = 0
        return [_contents(value) for value in values]


def _contents(value: float) -> Contents:
    if math.isfinite(value):
        return Contents.NOTHING
    if math.isnan(value):
        return Contents.NAN
    return Contents.POSITIVE if value > 0 else Contents.NEGATIVE
