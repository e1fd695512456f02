"""Remembering what a call gave, for later calls whose arguments look the same to the analysis."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from nanlint.facts.value import Application, Value

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame

PLAIN = (int, float, str, bool, type(None))
DEPTH = 3


def signature(values: Mapping[str, Value]) -> Hashable:
    """What of the arguments can change the outcome: ranges, types, makers, and which of them are related."""
    position: dict[int, int] = {}
    parts: list[Hashable] = []
    for i, (name, value) in enumerate(values.items()):
        related = tuple(position.get(arg.ident, -1) for arg in value.made_by.args.values()) if value.made_by else ()
        parts.append((name, position.get(value.ident, -1), related, _of(value, 2)))
        position.setdefault(value.ident, i)
    return tuple(parts)


def _of(value: Value, depth: int) -> Hashable:
    ref: Any = value.ref
    state: Hashable = 0
    if ref is not None:
        held = getattr(ref, "held", None)
        if held is not None:
            state = (id(ref.cls), id(ref) if ref.pending else 0, tuple(held), tuple([v.ident for v in held.values()]))
        elif isinstance(ref, tuple) and len(ref) > 1 and isinstance(ref[1], Value):
            state = (ref[0], _of(ref[1], depth - 1)) if depth else ref[0]
        else:
            state = ref if isinstance(ref, str) else id(ref)
    makers: Hashable = value.op
    if value.made_by is not None and depth:
        makers = (value.op, tuple(arg.op for arg in value.made_by.args.values()))
        if value.kind == "distribution":
            makers = (value.op, tuple(_of(arg, depth - 1) for arg in value.made_by.args.values()))
    return (
        value.kind, value.range, value.reach, value.dtype, value.grad, value.maybe_empty, bool(value.hazards), makers,
        state, value.const if value.is_literal and isinstance(value.const, PLAIN) else 0,
        tuple(_of(item, depth - 1) for item in value.items) if value.items is not None and depth else 0,
        tuple([_of(v, 0) for v in value.alternatives]) if depth and value.alternatives else 0,
    )  # fmt: skip


def transplant(frame: Frame, value: Value, numbers: dict[int, int], depth: int = DEPTH) -> Value:
    """The result of an earlier call as this call's own: value numbers of its arguments in place of the earlier ones."""
    ident = numbers.get(value.ident)
    if ident is None:
        ident = numbers[value.ident] = frame.session.fresh()
    made_by = value.made_by
    if made_by is not None:
        if depth:
            args = {k: transplant(frame, v, numbers, depth - 1) for k, v in made_by.args.items()}
            made_by = Application(made_by.op, args, made_by.place)
        else:
            made_by = None
    items = value.items
    if items is not None:
        items = tuple(transplant(frame, item, numbers, depth) for item in items)
    return value.but(ident=ident, made_by=made_by, items=items)
