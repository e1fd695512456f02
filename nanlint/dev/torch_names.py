"""The list of torch's public names that nanlint ships, from the installed torch."""

from __future__ import annotations

import torch

NAMESPACES = (
    "torch", "torch.Tensor", "torch.distributions", "torch.fft", "torch.linalg", "torch.nn", "torch.nn.functional",
    "torch.optim", "torch.special",
)  # fmt: skip


def render() -> str:
    """One dotted name per line, sorted."""
    names: set[str] = set()
    for namespace in NAMESPACES:
        holder: object = torch
        for part in namespace.split(".")[1:]:
            holder = getattr(holder, part)
        names.update(f"{namespace}.{name}" for name in dir(holder) if not name.startswith("_"))
    return "\n".join(sorted(names)) + "\n"
