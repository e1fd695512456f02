"""The operands of an operation in words."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nanlint.verify.trace.finite import EIGHT_BITS
from nanlint.verify.trace.record import Call


def described(call: Call) -> list[str]:
    """One line for each operand that says something: its name in the schema, shape, and the range of its values."""
    lines = []
    for number, argument in enumerate(call.func._schema.arguments):  # noqa: SLF001
        if argument.name in call.kwargs:
            value = call.kwargs[argument.name]
        elif number < len(call.args):
            value = call.args[number]
        else:
            continue
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(each, Tensor):
                lines.append(f"{argument.name}: {described_tensor(each)}")
            elif isinstance(each, (float, complex)):
                lines.append(f"{argument.name}: {each:g}")
    return lines


def described_tensor(tensor: Tensor) -> str:
    """Format, shape, the least and the greatest finite value, and how many elements are zero, nan or infinite."""
    shape = f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
    with torch.no_grad():
        values = tensor.detach()
        if values.dtype in EIGHT_BITS:
            values = values.float()
        if values.is_complex():
            return f"{shape}, magnitude {_range(values.abs())}"
        return f"{shape} {_range(values)}"


def _range(values: Tensor) -> str:
    if not values.numel():
        return "without elements"
    if not values.is_floating_point():
        return f"from {values.min().item()} to {values.max().item()}"
    counts = {"zero": values == 0, "nan": values.isnan(), "inf": values.isposinf(), "-inf": values.isneginf()}
    finite = values[values.isfinite()]
    words = []
    if finite.numel() and bool(finite.any()):
        words.append(f"from {finite.min().item():g} to {finite.max().item():g}")
    for name, mask in counts.items():
        count = int(mask.sum())
        if count:
            words.append(f"all {name}" if count == values.numel() else f"{count} {name}")
    return ", ".join(words)


def source_of(value: Any) -> str | None:
    """Python that makes a value again, with `torch`, `nan` and `inf` in reach; None where there is none.

    Tensors are not for it.
    """
    if isinstance(value, (list, tuple)):
        items = [source_of(item) for item in value]
        if None in items:
            return None
        inside = ", ".join(item for item in items if item is not None)
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' if len(items) == 1 else ''})"
    if isinstance(value, torch.device):
        return f"torch.device({str(value)!r})"
    if value is None or isinstance(value, (bool, int, float, str, torch.dtype, torch.layout, torch.memory_format)):
        return repr(value)
    return None
