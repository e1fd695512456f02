"""The arguments of a call, and which parameter of an op each goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nanlint.facts import nested
from nanlint.facts.value import Operand, Value
from nanlint.finding import Confidence
from nanlint.source import nodes as cst

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.ops.op import Op

# several numbers, or a tuple of them
SIZES = frozenset({"shape", "size", "dims"})
RENAMED = {
    "axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "self": "input", "a_min": "min", "a_max": "max",
    "min_val": "min", "max_val": "max", "p1": "input",
}  # fmt: skip


def arguments(frame: Frame, node: cst.Call) -> tuple[list[Operand], dict[str, Operand], bool]:
    """The positional and named arguments; the flag says that some were unpacked from what is not known."""
    positional: list[Operand] = []
    keywords: dict[str, Operand] = {}
    starred = False
    for arg in node.args:
        value = frame.evaluate(arg.value)
        if arg.keyword is not None:
            keywords[arg.keyword.value] = Operand(value, arg.value)
        elif not arg.star:
            positional.append(Operand(value, arg.value))
        elif arg.star == "*":
            if value.items is not None:
                positional.extend(Operand(item, arg.value) for item in value.items)
            else:
                starred = True
        else:
            if value.kind == "dict" and isinstance(value.ref, dict):
                keywords.update({str(k): Operand(v, arg.value) for k, v in value.ref.items()})
            starred = True
    return positional, keywords, starred


def bind_op(
    frame: Frame,
    op: Op,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    unpacking: cst.Node | None = None,
) -> dict[str, Operand]:
    """Operands by parameter name; more positional ones than the op has parameters are dropped, but for sizes.

    Where `unpacking`, the call, has `*limits` of which nothing is known, these may give what else is not given.
    """
    bound = dict(zip(op.parameters, positional, strict=False))
    if len(positional) > len(op.parameters) and op.parameters and op.parameters[-1] in SIZES:
        bound[op.parameters[-1]] = _as_tuple(frame, positional[len(op.parameters) - 1 :])
    for name, operand in keywords.items():
        bound[RENAMED.get(name, name) if name not in op.parameters else name] = operand
    first = op.parameters[0] if op.parameters else None
    if first is not None and first in bound and next(iter(bound)) != first:
        bound = {first: bound.pop(first), **bound}
    if bound and isinstance(unpacking, cst.Call) and any(arg.star == "*" for arg in unpacking.args):
        for name in op.parameters:
            if name not in SIZES and name != "dtype":
                bound.setdefault(name, Operand(frame.unknown(), unpacking))
    return bound


def _as_tuple(frame: Frame, sizes: Sequence[Operand]) -> Operand:
    items = tuple(size.value for size in sizes)
    ident = frame.session.intern(("tuple", *[item.ident for item in items]))
    return Operand(Value("tuple", ident=ident, items=items), sizes[0].node)


def gathered(frame: Frame, op: Op, bound: dict[str, Operand]) -> dict[str, Operand]:
    """For `cat`, `stack` and the like: the elements of the list as one operand."""
    first = bound.get("input")
    if first is None or first.value.kind != "tuple":
        return bound
    value = first.value
    merged = nested.element(frame, value).but(items=value.items if op.name in nested.LITERAL else None)
    # several selections are seldom all empty, such as by a mask and its complement
    merged = merged.but(ident=value.ident) if value.items is None else merged.but(maybe_empty=False)
    if merged.kind != "tensor":
        known = merged.kind == "number" and merged.range is not None
        sure = (
            merged.reach
            if known
            else Confidence.POSSIBLE
            if merged.kind == "number"
            else min(merged.reach, Confidence.LIKELY)
        )
        merged = merged.but(kind="tensor", reach=sure)
    return {**bound, "input": Operand(merged, first.node)}
