"""The list of torch's public names that nanlint ships, from the installed torch."""

from __future__ import annotations

import subprocess
import sys

import torch

NAMESPACES = (
    "torch", "torch.Tensor", "torch.distributions", "torch.fft", "torch.linalg", "torch.nn", "torch.nn.functional",
    "torch.optim", "torch.special",
)  # fmt: skip
LIST = "import sys, torch; print(*(f'{n}.{x}' for n in sys.argv[1:] for x in dir(eval(n)) if x[0] != '_'), sep='\\n')"


def render() -> str:
    """One dotted name per line, sorted; read in a fresh process, because imports add names to torch."""
    assert torch.__version__
    command = [sys.executable, "-c", LIST, *NAMESPACES]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return "\n".join(sorted(done.stdout.split())) + "\n"
