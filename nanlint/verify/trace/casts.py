"""Casts to formats of 8 bits, which give their largest number for what is larger: no check for Inf sees that."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nanlint.verify.trace.finite import EIGHT_BITS, SATURATING, is_checkable
from nanlint.verify.trace.frames import Location
from nanlint.verify.trace.lines import Lines


class Casts:
    """`saturated` holds the place and the format of each cast that saturated, with the first such magnitude."""

    def __init__(self, lines: Lines) -> None:
        self.saturated: dict[tuple[Location | None, torch.dtype], float] = {}
        self._lines = lines
        self._unread: list[tuple[Location | None, torch.dtype, Tensor]] = []

    def note(self, source: Tensor, target: Tensor) -> None:
        """Queue the largest magnitude of what was cast; does not wait for the device."""
        if target.dtype in SATURATING and source.dtype not in EIGHT_BITS and is_checkable(source):
            self._unread.append((self._lines.here()[0], target.dtype, source.detach().abs().amax()))

    def read(self) -> None:
        """Look at what is queued; waits for each device once."""
        by_device: dict[torch.device, list[tuple[Location | None, torch.dtype, Tensor]]] = {}
        for queued in self._unread:
            by_device.setdefault(queued[2].device, []).append(queued)
        self._unread.clear()
        for casts in by_device.values():
            values = torch.stack([largest.to(torch.float32) for _, _, largest in casts]).tolist()
            for (location, dtype, _), value in zip(casts, values, strict=True):
                # Up to half a step beyond the largest number it is only rounding.
                limits = torch.finfo(dtype)
                rounded = limits.max + 2 ** math.floor(math.log2(limits.max)) * limits.eps / 2
                if not value <= rounded:
                    self.saturated.setdefault((location, dtype), value)
