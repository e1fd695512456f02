"""The Bad and Good blocks of a rule's docstring, executed.

A block is one `python` code block; `torch`, `nn`, `F`, `math` and `np` are imported for it. Comments that start a
line direct the test:

    # run: EXPRESSION      the call that shows it; a float tensor that results is summed and sent backward
    # raises: NAME         Bad only: the run raises that exception
    # effect: EXPRESSION   Bad only: true after Bad and false after Good; `result` is what the run gave

Without `raises` and `effect`, Bad must give an Inf or NaN in the value or in the gradient of a leaf. Good never does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PRELUDE = "import math; import numpy as np; import torch; import torch.nn.functional as F; from torch import nn; "
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
DIRECTIVE = re.compile(r"^# (run|raises|effect): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    source: str
    runs: tuple[str, ...]
    raises: tuple[str, ...]
    effects: tuple[str, ...]

    @property
    def checked(self) -> str:
        """The source as nanlint is shown it: with the imports, on a row of their own."""
        return f"{PRELUDE}\n{self.source}"


def read(section: str) -> Example:
    """The one code block of a section. Raises ValueError for none or several."""
    blocks = BLOCK.findall(section)
    if len(blocks) != 1:
        raise ValueError(f"the section holds {len(blocks)} python blocks, not one")
    found = DIRECTIVE.findall(blocks[0])
    words = {verb: tuple(text for v, text in found if v == verb) for verb in ("run", "raises", "effect")}
    return Example(blocks[0], words["run"], words["raises"], words["effect"])


def execute(example: Example) -> tuple[dict[str, Any], list[str]]:
    """Run the block and each of its `run` expressions; its names, and what became infinite or NaN, in words.

    Exceptions of the block pass through.
    """
    import torch

    torch.manual_seed(0)
    names: dict[str, Any] = {}
    exec(PRELUDE + "\n" + example.source, names)
    bad: list[str] = []
    for expression in example.runs:
        result = names["result"] = eval(expression, names)
        leaves = [leaf for tensor in tensors(result) for leaf in leaves_of(tensor)]
        bad += [f"value of {expression}" for tensor in tensors(result) if not finite(tensor)]
        for tensor in tensors(result):
            if tensor.is_floating_point() and tensor.requires_grad and tensor.grad_fn is not None:
                tensor.sum().backward(retain_graph=True)
        bad += [f"gradient of {expression}" for leaf in leaves if leaf.grad is not None and not finite(leaf.grad)]
    return names, bad


def finite(tensor: Any) -> bool:
    import torch

    return bool(torch.isfinite(tensor.detach()).all())


def tensors(value: object) -> Iterator[Any]:
    """Every tensor in a result: numbers and arrays count, and the parameters of a module."""
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (bool, int, float, complex, np.ndarray, np.generic)):
        yield torch.as_tensor(value)
    elif isinstance(value, torch.nn.Module):
        yield from value.parameters()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from tensors(item)


def leaves_of(tensor: Any) -> list[Any]:
    """The leaves that a backward pass from `tensor` reaches."""
    seen: set[Any] = set()
    stack = [tensor.grad_fn]
    leaves = [tensor] if tensor.is_leaf and tensor.requires_grad else []
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.append(node.variable)
        stack += [following for following, _ in node.next_functions]
    return leaves
