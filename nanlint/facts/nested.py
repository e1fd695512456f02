"""Nested lists that become tensors: `torch.tensor([[1.0, 0.0]])`, and what a row or column of them holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nanlint.facts.dtypes import complex_of
from nanlint.facts.joined import join
from nanlint.facts.value import Value
from nanlint.facts.written_out import leaves

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame

LITERAL = frozenset({"tensor", "as_tensor"})
MAX_LEAVES = 256


def element(frame: Frame, value: Value) -> Value:
    """What any one element of the nested lists is; the lists themselves stay in `items`."""
    found: list[Value] = []
    for leaf in leaves(value):
        found.append(leaf)
        if len(found) > MAX_LEAVES:
            return frame.unknown()
    if not found:
        return frame.unknown()
    merged = join(frame, found).but(alternatives=())
    if any(leaf.is_complex for leaf in found):
        return merged.but(dtype=complex_of(leaf.dtype for leaf in found if leaf.kind == "tensor"), range=None)
    return merged


def part(frame: Frame, value: Value, indices: Sequence[Value]) -> Value | None:
    """What the elements at `indices` of a tensor made of literal lists are; None where that cannot be told."""
    source = value.arg("input") if value.op in LITERAL else None
    if source is None or source.items is None:
        return None
    chosen = _chosen(source, indices, frame.session.intern(("slice", 0, 0, 0)))
    return join(frame, [element(frame, v) for v in chosen]).but(alternatives=()) if chosen else None


def _chosen(value: Value, indices: Sequence[Value], everything: int) -> list[Value] | None:
    if not indices:
        return [value]
    items, index = value.items, indices[0]
    if items is None:
        return None
    if index.ident == everything:
        parts = [_chosen(item, indices[1:], everything) for item in items]
        return None if any(p is None for p in parts) else [v for p in parts if p is not None for v in p]
    position = index.const if index.is_literal else None
    if isinstance(position, bool) or not isinstance(position, int) or not -len(items) <= position < len(items):
        return None
    return _chosen(items[position], indices[1:], everything)
