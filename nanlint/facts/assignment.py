"""Binding values to targets: names, attributes, items, unpacking, and repair in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts import narrow, training
from nanlint.facts.apply import escape, record, repair
from nanlint.facts.builtin import element_of
from nanlint.facts.emptiness import is_mask
from nanlint.facts.fixed import made_from
from nanlint.facts.functions import Instance
from nanlint.facts.guarded import narrowed
from nanlint.facts.joined import join
from nanlint.facts.overwritten import overwritten
from nanlint.facts.value import Application, Operand, Value
from nanlint.finding import Confidence
from nanlint.interval import FINITE, Interval, at_least
from nanlint.source import nodes as cst

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame

__all__ = ["assign", "element_of", "rebind"]

NOT_FINITE = frozenset({"isnan", "isinf"})
# what is written into them is written into the tensor that they show, or into a part of it
SHARING = frozenset(
    "view view_as flatten reshape ravel t transpose permute squeeze unsqueeze swapaxes swapdims movedim".split()
)
PARTS = frozenset({"narrow", "select", "as_strided", "unfold", "index"})


def assign(frame: Frame, target: cst.BaseExpression, value: Value) -> None:
    """Bind the value to the target."""
    if value.made_by is not None:
        training.observe_store(frame, target, value)
    if isinstance(target, cst.Name):
        frame.env.vars[target.value] = value
    elif isinstance(target, cst.Attribute):
        owner = frame.evaluate(target.value)
        if isinstance(owner.ref, Instance):
            owner.ref.attrs[target.attr.value] = value
        else:
            escape(value)
        if owner.kind in ("tensor", "unknown") and target.attr.value == "data":
            rebind(frame, target.value, value.but(grad=owner.grad))
        if owner.kind == "tensor" and target.attr.value == "requires_grad" and value.is_literal:
            rebind(frame, target.value, owner.but(grad=bool(value.const)))
    elif isinstance(target, (cst.Tuple, cst.List)):
        _unpack(frame, target, value)
    elif isinstance(target, cst.Subscript):
        _store(frame, target, value)
    elif isinstance(target, cst.StarredElement):
        assign(frame, target.value, Value("tuple", ident=frame.session.fresh()))


def rebind(frame: Frame, node: cst.Node, value: Value) -> None:
    """After an in-place operation: the name or attribute now holds the new value."""
    if isinstance(node, cst.Name):
        before = frame.env.vars.get(node.value)
        if before is not None:
            frame.env.vars[node.value] = value
            _write_through(frame, before, value)
    elif isinstance(node, cst.Subscript):
        if frame.evaluate(node).arg("mask") is None:
            rebind(frame, node.value, _with_part(frame, frame.evaluate(node.value), value))
    elif isinstance(node, cst.Attribute):
        owner = frame.evaluate(node.value)
        if isinstance(owner.ref, Instance):
            owner.ref.attrs[node.attr.value] = value
        elif node.attr.value == "data":
            rebind(frame, node.value, value)
    elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        # `moment.mul_(beta).add_(gradient)` changes `moment` twice
        name = node.func.attr.value
        if (name.endswith("_") and not name.endswith("__")) or name in SHARING:
            rebind(frame, node.func.value, value)
        elif name in PARTS:
            rebind(frame, node.func.value, _with_part(frame, frame.evaluate(node.func.value), value))
        elif name == "diagonal":
            whole = frame.evaluate(node.func.value)
            parts, place = {"input": whole, "src": value}, frame.place(node)
            rebind(
                frame, node.func.value,
                join(frame, [whole, value]).but(
                    ident=frame.session.fresh(), made_by=Application("diagonal_scatter", parts, place), alternatives=()
                ),
            )  # fmt: skip


def _with_part(frame: Frame, whole: Value, part: Value) -> Value:
    """A tensor some elements of which are now those of `part`; which ones is not known."""
    merged = join(frame, [whole, part])
    reach = min(Confidence.LIKELY, merged.reach)
    return merged.but(kind=whole.kind, ident=frame.session.fresh(), made_by=None, alternatives=(), reach=reach)


def _shown(value: Value) -> Value:
    """The tensor whose memory a value shows."""
    while value.made_by is not None and value.arg("mask") is None and (value.op in SHARING or value.op in PARTS):
        value = next(iter(value.made_by.args.values()))
    return value


def _write_through(frame: Frame, before: Value, value: Value) -> None:
    """What was changed in place may be another name's tensor, or show it, or be shown by it."""
    root = _shown(before)
    variables = frame.env.vars
    for name, held in variables.items():
        if held.kind in ("tensor", "unknown") and held is not value and _shown(held) is root:
            variables[name] = value if held is before else _with_part(frame, held, value)


def _unpack(frame: Frame, target: cst.Tuple | cst.List, value: Value) -> None:
    elements = target.elements
    starred = any(isinstance(e, cst.StarredElement) for e in elements)
    for i, element in enumerate(elements):
        if value.items is not None and not starred and len(value.items) == len(elements):
            part = value.items[i]
        elif value.items is not None and len(value.items) == 2 and len(elements) > 2 and value.made_by:
            part = value.items[0]
        elif value.op == "unique" and i == len(elements) - 1 and value.arg("return_counts") is not None:
            part = frame.unknown(kind=value.kind, range=at_least(1.0), dtype="int64", grad=False)
        elif value.op == "shape":
            of = value.made_by
            part = Value(
                "number", None, Confidence.POSSIBLE, frame.session.intern(("size", value.ident, i)), "int64", False,
                made_by=type(of)("size", dict(of.args), of.place) if of else None,
            )  # fmt: skip
        else:
            part = element_of(frame, value)
        assign(frame, element.value, part)


def _store(frame: Frame, target: cst.Subscript, value: Value) -> None:
    base = frame.evaluate(target.value)
    if base.kind == "dict" and isinstance(base.ref, dict) and len(target.slice) == 1:
        index = target.slice[0].slice
        key = frame.evaluate(index.value) if isinstance(index, cst.Index) else None
        if key is not None and key.is_literal and isinstance(key.const, (str, int)):
            base.ref[key.const] = value
            escape(value)
            return
    escape(value)
    if base.kind not in ("tensor", "unknown"):
        return
    if base.dtype == "float16" and "store" in frame.session.listened:
        record(frame, "store", {"input": Operand(base, target.value), "value": Operand(value, target)}, target, base)
    indices = [frame.evaluate(e.slice.value) if isinstance(e.slice, cst.Index) else None for e in target.slice]
    mask = next((i for i in indices if i is not None and is_mask(i)), None)
    kept, env = base, frame.env.copy()
    if _is_first_of_range(base, indices):
        # 0, 1, 2, ... of which the 0 is written over
        kept = narrowed(base, at_least(1.0))
    if mask is not None:
        narrow.teach(env, mask, False)
        kept = repair(frame, base, target, mask=mask)
        if kept.range is not None and base.hazards:
            kept = repair(frame, kept, target, finite(kept), mask=mask)
        if base.ident in env.facts:
            kept = narrowed(kept, env.facts[base.ident])
    merged = join(frame, [kept, value.but(kind="tensor")])
    repairs = mask is not None and mask.op not in NOT_FINITE and (value.range is None or 0 not in value.range)
    if repairs and (kept.range is None or (0 in kept.range and base.ident not in env.facts)):
        # a mask that writes something else than zero over a divisor is there to repair it
        merged = merged.but(reach=Confidence.POSSIBLE)
    elif repairs:
        # what is written is no reason for what is kept to get to its ends
        merged = merged.but(reach=min(merged.reach, kept.reach))
    if mask is None:
        # which elements were written over is not known
        merged = merged.but(reach=min(Confidence.LIKELY, merged.reach))
    result = merged.but(
        kind=base.kind, ident=frame.session.fresh(), alternatives=(), made_by=None, dtype=base.dtype,
        reach=merged.reach if merged.range is not None else min(Confidence.LIKELY, kept.reach, merged.reach),
        maybe_empty=base.maybe_empty, tensor_if=base.tensor_if + ((base.ident,) if base.kind == "unknown" else ()),
        hazards=kept.hazards,
    )  # fmt: skip
    if mask is not None:
        operands = {"input": kept, "mask": mask, "value": value}
        result = result.but(made_by=Application("masked_fill", operands, frame.place(target)))
        nodes = {"input": target.value, "mask": target, "value": target}
        frame.keep(result, {name: Operand(operands[name], node) for name, node in nodes.items()})
    elif _is_diagonal(target, indices):
        result = result.but(made_by=Application("diagonal_scatter", {"input": base, "src": value}, frame.place(target)))
    result = made_from(frame.session, overwritten(base, result), (base, value))
    rebind(frame, target.value, result)


def _is_first_of_range(base: Value, indices: list[Value | None]) -> bool:
    start, step = base.arg("start"), base.arg("step")
    first = len(indices) == 1 and indices[0] is not None and indices[0].number == 0
    # a single argument is the end
    from_zero = base.arg("end") is None or (start is not None and start.number == 0)
    return base.op == "arange" and first and step is None and from_zero


def _is_diagonal(target: cst.Subscript, indices: list[Value | None]) -> bool:
    """`m.view(-1)[:: n + 1]`, or `m[i, i]`."""
    last = target.slice[-1].slice
    step = last.step if isinstance(last, cst.Slice) else None
    if isinstance(step, cst.BinaryOperation) and isinstance(step.operator, cst.Add):
        return isinstance(step.right, cst.Integer) and step.right.value == "1"
    row, column = indices[-2:] if len(indices) > 1 else (None, None)
    return row is not None and column is not None and row.ident == column.ident and row.number is None


def finite(value: Value) -> Interval:
    assert value.range is not None
    met = value.range.meet(FINITE)
    return value.range if met.empty else met
