"""A `torch.autograd.Function` as functions that take its arguments by name: of its result, and of its gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

Call = Callable[..., Any]


def applied(kind: type[Function]) -> Call:
    """What `forward` gives. The names are those of its parameters, in their order."""

    def call(**given: Any) -> Any:
        return kind.apply(*given.values())  # type: ignore[no-untyped-call,unused-ignore]

    return call


def differentiated(kind: type[Function]) -> Call:
    """What `backward` gives for gradients of one: the gradient of each float tensor that is given, None without one."""

    def call(**given: Any) -> Any:
        fresh = {name: _leaf(value) for name, value in given.items()}
        leaves = [each for each in fresh.values() if isinstance(each, Tensor) and each.requires_grad]
        with torch.enable_grad():
            result = applied(kind)(**fresh)
        outputs = [each for each in (result if isinstance(result, tuple) else (result,)) if each.requires_grad]
        ones = [torch.ones_like(each) for each in outputs]
        return torch.autograd.grad(outputs, leaves, ones, allow_unused=True)

    return call


def _leaf(value: Any) -> Any:
    is_float = isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex())
    return value.detach().clone().requires_grad_() if is_float else value
