"""What a step draws on besides its arguments and parameters: random numbers and buffers."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Snapshot:
    """The states of all random generators of torch, Python and NumPy, and copies of buffers."""

    def __init__(self, buffers: Iterable[Tensor] = ()) -> None:
        self._torch = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        self._python = random.getstate()
        self._numpy: Any = _numpy_random().get_state() if "numpy" in sys.modules else None
        self._buffers = [(buffer, buffer.detach().clone()) for buffer in buffers]

    def restore(self) -> None:
        torch.set_rng_state(self._torch)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)
        random.setstate(self._python)
        if self._numpy is not None:
            _numpy_random().set_state(self._numpy)
        with torch.no_grad():
            for buffer, copy in self._buffers:
                buffer.copy_(copy)


def _numpy_random() -> Any:
    import numpy as np

    return np.random


def modules_of(optimizer: torch.optim.Optimizer) -> list[nn.Module]:
    """The modules whose parameters an optimizer trains. Looks through all objects of the process."""
    trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    found = []
    for each in gc.get_objects():
        if issubclass(type(each), nn.Module):
            own = each.__dict__.get("_parameters", {})
            if any(id(parameter) in trained for parameter in own.values()) or each.__dict__.get("_buffers"):
                found.append(each)
    return found
