"""A call as a graph of ATen's operations, each with the line of the user's that asked for it.

The call is traced with tensors that have a shape and no values, so that no value of an input can get into the graph as
a constant: what branches on one, or takes it out of torch, cannot be traced. Writes become operations without effects.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import get_proxy_mode, make_fx
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from nanlint.verify import tree
from nanlint.verify.arguments.instances import Instance
from nanlint.verify.calling import copied, limited, reset
from nanlint.verify.proof.rounding import Unproved
from nanlint.verify.target import Target, said
from nanlint.verify.trace.frames import Location, innermost

SECONDS = 10.0
LEADING_OUT = ("numpy", "__array__", "__dlpack__", "data_ptr", "storage", "untyped_storage")


@dataclass(frozen=True, slots=True)
class Traced:
    """`inputs` are the names of the arguments' tensors in the order of the graph's placeholders, `locations` those
    of nodes by name.
    """

    graph: GraphModule
    inputs: list[str]
    locations: dict[str, Location]

    def nodes(self) -> list[Node]:
        return list(self.graph.graph.nodes)


def traced(target: Target, instance: Instance | None, arguments: dict[str, Any]) -> Traced:
    """Raises Unproved where a call cannot be traced, or where what was traced computes something else."""
    leaves = [leaf for name, value in arguments.items() for leaf in tree.leaves(value, name)]
    tensors = {name: leaf.detach() for name, leaf in leaves if isinstance(leaf, Tensor)}
    locations: dict[str, Location] = {}

    def run(*given: Tensor) -> list[Tensor]:
        values = iter(given)
        again = {
            name: tree.mapped(value, lambda leaf: next(values).clone() if isinstance(leaf, Tensor) else leaf)
            for name, value in arguments.items()
        }
        held = copied(instance.value) if instance else None
        reset()
        result = target.call(held, again)
        return [leaf for _, leaf in tree.leaves(result, "result") if isinstance(leaf, Tensor)]

    def located(*given: Tensor) -> list[Tensor]:
        with _Closed(), _Locating(locations):
            return run(*given)

    values = list(tensors.values())
    try:
        with limited(SECONDS):
            make: Callable[..., GraphModule] = make_fx(
                torch.func.functionalize(located), tracing_mode="fake", _allow_non_fake_inputs=True
            )
            graph = make(*values)
            same = _same(run(*values), _replayed(graph, values))
    except BaseException as error:
        raise Unproved(f"the call cannot be traced: {said(error)}") from None
    if not same:
        raise Unproved("what was traced computes something else")
    return Traced(graph, list(tensors), locations)


class _Closed(TorchFunctionMode):  # type: ignore[misc,unused-ignore]
    """Refuses what hands the memory of a tensor to others, of which the ones that are traced have none."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in LEADING_OUT:
            raise Unproved(f"{func.__name__} leads out of torch")
        return func(*args, **(kwargs or {}))


class _Locating(TorchDispatchMode):  # type: ignore[misc,unused-ignore]
    """Enters the line of each node that an operation adds to the graph."""

    def __init__(self, locations: dict[str, Location]) -> None:
        super().__init__()
        self._locations = locations

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        instruction = innermost(sys._getframe(1))  # noqa: SLF001
        out = func(*args, **(kwargs or {}))
        mode = get_proxy_mode()
        if mode is not None and instruction is not None:
            location = Location.of(instruction)
            for node in reversed(mode.tracer.graph.nodes):
                if node.name in self._locations or node.op == "placeholder":
                    break
                self._locations[node.name] = location
        return out


def _replayed(graph: GraphModule, values: list[Tensor]) -> list[Tensor]:
    reset()
    return list(graph(*values))


def _same(some: list[Tensor], others: list[Tensor]) -> bool:
    return len(some) == len(others) and all(
        one.shape == other.shape and one.dtype == other.dtype and torch.equal(one.nan_to_num(), other.nan_to_num())
        for one, other in zip(some, others, strict=True)
    )
