"""A proof that what a line computes is finite, for all inputs in the ranges that the source states."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from nanlint.interval import Interval
from nanlint.ops import DTYPES
from nanlint.verify import tree
from nanlint.verify.arguments.instances import Instance
from nanlint.verify.proof.application import Application, Operand
from nanlint.verify.proof.graph import Traced, traced
from nanlint.verify.proof.rounding import Unproved, members
from nanlint.verify.proof.transfer import transfer
from nanlint.verify.target import Target
from nanlint.verify.values.contracts import Contract, Range


def prove(target: Target, instance: Instance | None, arguments: dict[str, Any], known: Contract) -> str:
    """For what it holds: the ranges, formats and shapes. Raises Unproved, as always without a stated range.

    The flagged operation and all that it is computed from stay finite and within their domains, on the path and with
    the shapes that these arguments take, for every float tensor in its stated range. Gradients are not part of it.
    """
    if not any(known.get(name) for name in arguments):
        raise Unproved("no range is stated")
    numbers = {name: value for name, value in arguments.items() if known.get(name) and not _is_tensors(value)}
    if numbers:
        raise Unproved(f"a range is stated for `{next(iter(numbers))}`, of which a trace holds one value")
    graph = traced(target, instance, arguments)
    flagged = [
        node for node in graph.nodes()
        if (location := graph.locations.get(node.name))
        and location.path == target.path
        and target.place.covers(location)
        and node.op == "call_function"
    ]  # fmt: skip
    if not flagged:
        raise Unproved("no operation of torch's stands there")
    proof = _Proof(graph, known)
    above = _above(flagged)
    for node in graph.nodes():
        if node in above:
            proof.visit(node)
    if not proof.stated:
        raise Unproved("it depends on no input with a stated range")
    given = ", ".join(f"{name} {_range(known[_parameter(name)])}" for name in proof.stated)
    shapes = ", ".join(_described(name, leaf) for name, leaf in _leaves(arguments))
    shapes += "".join(f", {name} at its default" for name in known if name not in arguments)
    return f"its value is finite for every {given} (traced with {shapes}; gradients are not part of it)"


class _Proof:
    """Walks along a graph; `stated` are the inputs with a stated range that it came by."""

    def __init__(self, graph: Traced, known: Contract) -> None:
        self.stated: list[str] = []
        self._graph, self._known = graph, known
        self._inputs = iter(graph.inputs)
        self._names = {node: next(self._inputs) for node in graph.nodes() if node.op == "placeholder"}
        self._operands: dict[Node, Operand | list[Operand]] = {}

    def visit(self, node: Node) -> None:
        """Enter the range of one node, whose inputs were visited before. Raises Unproved."""
        if node.op == "placeholder":
            self._operands[node] = self._input(self._names[node], _operand(node.meta.get("val")))
        elif node.op == "get_attr":
            self._operands[node] = self._constant(node)
        elif node.op != "call_function":
            raise Unproved(f"a {node.op} in the graph")
        elif node.target is operator.getitem:
            many, index = self._operands[_node(node.args[0])], node.args[1]
            assert isinstance(many, list)
            assert isinstance(index, int)
            self._operands[node] = many[index]
        else:
            self._operands[node] = self._applied(node)

    def _input(self, name: str, operand: Operand) -> Operand:
        ranges = self._known.get(_parameter(name), ())
        kind = DTYPES[operand.dtype]
        interval = Interval(kind.min, kind.max)
        if kind.kind == "float" and not ranges:
            raise Unproved(f"no range is stated for `{name}`")
        for each in ranges:
            inside = members(each.low, each.high, operand.dtype, open_low=each.open_low, open_high=each.open_high)
            interval = interval.meet(inside)
        if interval.empty:
            raise Unproved(f"nothing lies in the range that is stated for `{name}`")
        if ranges:
            self.stated.append(name)
        return Operand(interval, operand.shape, operand.dtype)

    def _constant(self, node: Node) -> Operand:
        """A tensor that the code writes down; what it holds from elsewhere, parameters first of all, can change."""
        assert isinstance(node.target, str)
        tensor = getattr(self._graph.graph, node.target)
        if any(str(user.target) not in ("aten.lift_fresh_copy.default", "aten.lift_fresh.default")
               for user in node.users):  # fmt: skip
            raise Unproved("it depends on a tensor that is no argument")
        operand = _operand(tensor)
        if tensor.is_complex() or not tensor.numel():
            raise Unproved("a constant without a range")
        values = tensor.detach().double()
        least, most = float(values.min()), float(values.max())
        if not math.isfinite(least) or not math.isfinite(most):
            raise Unproved("a constant that is not finite")
        return Operand(Interval(least, most), operand.shape, operand.dtype)

    def _applied(self, node: Node) -> Operand | list[Operand]:
        if not isinstance(node.target, torch._ops.OpOverload):  # noqa: SLF001
            raise Unproved(f"{node.target} in the graph")
        schema = node.target._schema  # noqa: SLF001
        if schema.is_mutable:
            raise Unproved(f"{node.target} writes")
        names = [str(argument.name) for argument in schema.arguments]
        given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
        value = node.meta.get("val")
        single = isinstance(value, Tensor)
        several = value if isinstance(value, (list, tuple)) else ()
        results = [_operand(each) for each in ([value] if single else several)]
        if not results:
            raise Unproved(f"{node.target} gives no tensor")
        arguments = {_RENAMED.get(name, name): self._argument(each) for name, each in given.items()}
        call = Application(node.target.overloadpacket.__name__, arguments, results)
        found = [
            Operand(interval, result.shape, result.dtype)
            for interval, result in zip(transfer(call), results, strict=True)
        ]
        return found[0] if single else found

    def _argument(self, value: object) -> object:
        if isinstance(value, Node):
            operand = self._operands[value]
            if isinstance(operand, list):
                raise Unproved("several tensors at once")
            return operand
        if isinstance(value, (list, tuple)):
            return [self._argument(each) for each in value]
        if isinstance(value, float) and not math.isfinite(value):
            raise Unproved("a number that is not finite")
        return value


_RENAMED = {"self": "input", "tensors": "input"}


def _node(value: object) -> Node:
    assert isinstance(value, Node)
    return value


def _operand(value: object) -> Operand:
    """Without an interval yet. Raises Unproved for what is no tensor of a known size and format."""
    if not isinstance(value, Tensor) or not all(isinstance(size, int) for size in value.shape):
        raise Unproved("a size or number that depends on values")
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype not in DTYPES or DTYPES[dtype].kind == "complex" or value.layout is not torch.strided:
        raise Unproved(f"a tensor of {dtype}")
    return Operand(Interval(), tuple(value.shape), dtype)


def _above(nodes: Sequence[Node]) -> set[Node]:
    """The nodes and all that they are computed from."""
    found: set[Node] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.all_input_nodes
    return found


def _is_tensors(value: Any) -> bool:
    leaves = list(tree.leaves(value, ""))
    return bool(leaves) and all(isinstance(leaf, Tensor) for _, leaf in leaves)


def _leaves(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in arguments.items():
        yield from tree.leaves(value, name)


def _described(name: str, leaf: Any) -> str:
    if isinstance(leaf, Tensor):
        return f"{name} of {str(leaf.dtype).removeprefix('torch.')}{list(leaf.shape)}"
    return f"{name} = {leaf!r}"


def _parameter(expression: str) -> str:
    """The argument that a tensor in it belongs to: `batch` of `batch['x'][0]`."""
    return expression.partition("[")[0].partition(".")[0]


def _range(ranges: Sequence[Range]) -> str:
    return " and ".join(map(_words, ranges))


def _words(stated: Range) -> str:
    low, high = f"{stated.low:g}", f"{stated.high:g}"
    if math.isfinite(stated.low) and math.isfinite(stated.high):
        return f"in {'(' if stated.open_low else '['}{low}, {high}{')' if stated.open_high else ']'}"
    if math.isfinite(stated.low):
        return f"{'>' if stated.open_low else '>='} {low}"
    if math.isfinite(stated.high):
        return f"{'<' if stated.open_high else '<='} {high}"
    return f"!= {stated.hole:g}" if stated.hole is not None else "that is finite"
