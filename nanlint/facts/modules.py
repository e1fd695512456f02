"""Objects of torch.nn classes, and what those that are not in view give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nanlint.facts.apply import record
from nanlint.facts.functions import Instance
from nanlint.facts.value import Application, Module, Operand, Value

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.ops.op import Op
    from nanlint.source import nodes as cst


def construct(
    frame: Frame, name: str, op: Op | None, positional: Sequence[Operand], keywords: Mapping[str, Operand]
) -> Value:
    """An object of a torch.nn class."""
    given = dict(zip(op.constructor, positional, strict=False)) if op is not None else {}
    given.update(keywords)
    children: tuple[Value, ...] | None = None
    last = name.rsplit(".", 1)[-1]
    if last in ("Sequential", "ModuleList"):
        listed = [o.value for o in positional]
        if len(listed) == 1 and listed[0].kind == "tuple":
            items = listed[0].items
            if items is None and isinstance(listed[0].ref, tuple):
                items = (listed[0].ref[1],)
            listed = list(items) if items is not None else [frame.unknown()]
        if len(listed) == 1 and listed[0].kind == "dict":
            listed = list((listed[0].ref or {}).values()) or [frame.unknown()]
        children = tuple(listed)
        if last == "ModuleList":
            return Value("tuple", ident=frame.session.fresh(), items=children or None)
    made = Value("module", ident=frame.session.fresh(), ref=Module(name, op, given, children))
    if op is not None and "eps" in given and "module-made" in frame.session.listened:
        record(frame, "module-made", given, given["eps"].node, made, op.name)
    return made


def output_of_part(
    frame: Frame, owner: Value, callee: Value, positional: Sequence[Operand], result: Value, node: cst.Node
) -> Value:
    """The result of a call of what a torch.nn.Module was constructed with: a network that is a part of it."""
    instance = owner.ref
    is_module = isinstance(instance, Instance) and instance.cls.is_module
    if not is_module or callee.made_by is not None or frame.session.arguments.get(callee.ident) != "private":
        return result
    inputs = {str(i): operand.value for i, operand in enumerate(positional)}
    return result.but(made_by=Application("network", inputs, frame.place(node)))
