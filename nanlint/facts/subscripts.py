"""The value of `x[...]`: an item of a sequence, a part of a tensor, or the elements that a mask selects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts import emptiness, nested
from nanlint.facts.apply import IDENT, repair
from nanlint.facts.relations import first_arg, same, strip_views
from nanlint.facts.repairs import selected
from nanlint.facts.value import Application, Operand, Value
from nanlint.finding import Confidence
from nanlint.interval import FINITE_NONNEGATIVE
from nanlint.source import nodes as cst

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame


def subscript(frame: Frame, node: cst.Subscript) -> Value:
    base = Operand(frame.evaluate(node.value), node.value)
    indices = [_index(frame, element.slice) for element in node.slice]
    value = base.value
    only = indices[0] if len(indices) == 1 else None
    if value.items is not None and only is not None and only.is_literal and isinstance(only.const, int):
        if -len(value.items) <= only.const < len(value.items):
            return value.items[only.const]
        return frame.unknown()
    if value.kind == "dict" and isinstance(value.ref, dict) and only is not None and only.is_literal:
        found = value.ref.get(only.const)
        return found if found is not None else frame.unknown()
    if isinstance(value.ref, tuple) and value.ref[0] == "each":
        if only is None or only.kind == "slice":
            return value
        return frame.session.item(value.ref[1], frame.session.intern(("item", value.ident, only.ident)))
    if value.op == "shape":
        of = value.arg("input")
        if only is not None and only.kind == "slice":
            return value.but(ident=frame.session.intern(("item", value.ident, only.ident)))
        key = ("size", value.ident, only.ident if only is not None else 0)
        made = value.made_by
        return Value(
            "number", FINITE_NONNEGATIVE, Confidence.POSSIBLE, frame.session.intern(key), "int64", False,
            made_by=made and type(made)("size", {"input": of} if of else {}, made.place),
        )  # fmt: skip
    if value.kind in ("name", "file", "class"):
        return value
    if value.kind not in ("tensor", "unknown"):
        return Value(ident=frame.session.intern(("item", value.ident, *(i.ident for i in indices))))
    for element in node.slice:
        if isinstance(element.slice, cst.Index) and isinstance(element.slice.value, cst.Ellipsis):
            # nothing but an array takes an ellipsis
            frame.session.tensors.add(value.ident)
    return select(frame, base, indices, node)


def select(frame: Frame, base: Operand, indices: list[Value], node: cst.Node) -> Value:
    """`x[...]` of a tensor: a boolean index may select nothing, and selecting by one repairs what it leaves out."""
    value = base.value
    key = ("index", value.ident, *map(IDENT, indices))
    masks = list(filter(emptiness.is_mask, indices))
    element = {"element": indices[0]} if len(indices) == 1 and indices[0].number is not None else {}
    if indices and indices[-1].kind == "slice" and not element:
        element = {"piece": indices[-1]}
    whole = frame.session.intern(("slice", 0, 0, 0))
    # `x[:, None]` holds all that `x` does
    how = "unsqueeze" if all(i.kind == "none" or i.ident == whole for i in indices) else "index"
    picked = value.but(
        ident=frame.session.intern(key),
        made_by=Application(how, {"input": value, **element}, frame.place(node)),
        items=None,
        alternatives=(),
        tensor_if=tuple(dict.fromkeys((value.ident, *value.tensor_if)))[:8],
    )
    elements = nested.part(frame, value, indices) if value.op in nested.LITERAL else None
    if elements is not None and elements.range is not None:
        picked = picked.but(range=elements.range, reach=elements.reach)
    if masks:
        picked = repair(frame, selected(frame.env, value, picked, masks[0]), node, mask=masks[0])
        empty = not any(emptiness.selects_some(frame.env, m) for m in masks)
        selection = picked.but(maybe_empty=empty, made_by=_with_mask(picked, masks[0]))
        return frame.keep(selection, {"input": base, "mask": Operand(masks[0], _only(node))})
    chosen = next((i for i in indices if i.maybe_empty), None)
    if chosen is not None:
        places = strip_views(chosen)
        if places.op == "nonzero" and _is_about(value, first_arg(places)):
            # the places where what it was made from is not zero
            picked = picked.but(reach=min(picked.reach, Confidence.POSSIBLE))
        empty = not emptiness.selects_some(frame.env, chosen)
        return picked.but(maybe_empty=empty, made_by=_with_mask(picked, chosen))
    return picked


def _only(node: cst.Node) -> cst.Node:
    """The index, where there is one."""
    indices = node.slice if isinstance(node, cst.Subscript) else ()
    only = indices[0].slice if len(indices) == 1 else None
    return only.value if isinstance(only, cst.Index) else node


def _is_about(value: Value, condition: Value | None, depth: int = 3) -> bool:
    """The condition is the value, or what it was made from."""
    if condition is None or depth == 0:
        return False
    if same(value, condition):
        return True
    return any(_is_about(v, condition, depth - 1) for v in (value.made_by.args.values() if value.made_by else ()))


def _with_mask(picked: Value, mask: Value) -> Application | None:
    made = picked.made_by
    return made and Application(made.op, {**made.args, "mask": mask}, made.place)


def _index(frame: Frame, element: cst.BaseSlice) -> Value:
    if isinstance(element, cst.Index):
        return frame.evaluate(element.value)
    parts = (element.lower, element.upper, element.step) if isinstance(element, cst.Slice) else ()
    ends = [frame.evaluate(part) if part is not None else None for part in parts]
    ident = frame.session.intern(("slice", *(0 if end is None else end.ident for end in ends)))
    ref = tuple(None if end is None else end.number for end in ends[:2])
    return Value("slice", ident=ident, ref=ref)
