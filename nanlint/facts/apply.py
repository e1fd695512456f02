"""Applying an op of the table to values: range, dtype, gradient, reason, hazards, and the site for the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING

from nanlint.facts import autocast, emptiness, masking, needs, precision
from nanlint.facts.dtypes import FLOATS, is_complex, is_integral, result_dtype
from nanlint.facts.guarded import OVERFLOWING
from nanlint.facts.hazards import NOTHING, carried, slopes_of
from nanlint.facts.joined import MAX_ALTERNATIVES, join, tensor_if
from nanlint.facts.parts import FACTORS, parts
from nanlint.facts.reach import PASSES, reached
from nanlint.facts.refinement import refine
from nanlint.facts.relations import is_shifted_below_zero
from nanlint.facts.scalars import as_kernels_see
from nanlint.facts.value import Application, Kind, Operand, Reason, Value
from nanlint.finding import Confidence
from nanlint.interval import INF, Interval
from nanlint.ops.dtypes import round_to
from nanlint.site import Site

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame, Place
    from nanlint.ops.op import Op
    from nanlint.source import nodes as cst

IDENT = attrgetter("ident")
INPUTS = frozenset({"tensor", "unknown", "number", "distribution"})
# an infinite derivative that depends on two operands, which the table states of no single one
TRAPS = frozenset({"div", "pow"}).union(FACTORS)
REPAIRS: dict[str, Callable[[Frame, Mapping[str, Operand], Value, cst.Node], Value]] = {}
"""By op: what it takes out of its operands; `nanlint.facts.repairs` fills this table."""
# of what only goes into these, such as sizes that are rounded, no gradient is wanted
STEPS = frozenset({"round", "floor", "ceil", "trunc", "sign"})
# the same elements under another shape or place: equal to the input element by element where the shape is kept
SAME_ELEMENTS = frozenset({"clone", "detach", "contiguous", "positive", "alias", "identity"})


class Operands:
    """The `Call` that a shape function sees."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = values

    def range(self, parameter: str) -> Interval | None:
        value = self.values.get(parameter)
        return value.range if value is not None else None

    def const(self, parameter: str) -> object:
        value = self.values.get(parameter)
        if value is None or value.kind == "none":
            return None
        if value.is_literal:
            return value.const
        if value.items is not None:
            return tuple(item.const if item.is_literal else None for item in value.items)
        return value.number

    def given(self, parameter: str) -> bool:
        value = self.values.get(parameter)
        return value is not None and value.kind != "none"


def apply(frame: Frame, op: Op, operands: dict[str, Operand], node: cst.Node) -> Value:
    """The result of `op` on the operands (by parameter name); records the site if a rule listens to the op."""
    # `x.new_full()` takes nothing but its format from x
    split: list[str] = []
    for name, operand in operands.items():
        alternatives = operand.value.alternatives
        of_format = name == "like" and op.name.startswith("new_")
        if alternatives and 1 < len(alternatives) <= MAX_ALTERNATIVES and not of_format:
            split.append(name)
    if frame.autocast is not None:
        operands = autocast.cast(frame.autocast, op.name, operands)
    values: dict[str, Value] = {}
    inputs: list[Value] = []
    sloped: list[Value] = []
    emptied = hazardous = False
    for name, operand in operands.items():
        values[name] = value = operand.value
        if value.hazards:
            hazardous = True
        if value.kind in INPUTS:
            inputs.append(value)
            emptied = emptied or value.maybe_empty
            if value.slopes and value.grad is not False:
                sloped.append(value)
    if len(split) == 1 and not (op.name == "sub" and is_shifted_below_zero(values["input"], values["other"])):
        name, node_of = split[0], operands[split[0]].node
        results = [
            apply(frame, op, {**operands, name: Operand(alternative, node_of)}, node)
            for alternative in operands[name].value.alternatives
        ]
        # the whole keeps its own identity, so that relations between such wholes are seen
        whole = join(frame, results)
        if name == "min" and op.name in ("clamp", "clamp_min"):
            # a limit that is chosen from several is chosen to fit, such as by the dtype
            whole = whole.but(reach=Confidence.POSSIBLE, alternatives=())
        made = Application(op.name, values, frame.place(node))
        return frame.keep(whole.but(ident=_ident(frame, op, values), made_by=made), operands)
    session, place = frame.session, frame.place(node)
    dtype = result_dtype(op, values, session.default_dtype)
    args = Operands(as_kernels_see(op.name, values, dtype))
    range_ = op.shape(args)
    reach = reached(op, inputs, range_)
    refined = refine(frame, op, values, range_, reach)
    own_reason = False
    if refined is not None:
        own_reason = range_ is None or refined[0] != range_
        range_, reach = refined
    integral = is_integral(dtype)
    if is_complex(dtype):
        # complex numbers have no order, so no interval holds them
        range_ = None
    elif range_ is not None and not integral:
        range_ = round_to(range_, dtype if dtype in FLOATS else "float32")
    grad = False if integral else _grad(frame, op, values)
    follows = grad is not False and op.name not in STEPS
    maybe_empty, of_nothing = emptiness.empties(frame.env, op, values) if emptied else (False, None)
    result = Value(
        _kind(op, values), range_, reach, _ident(frame, op, values), dtype, grad, Application(op.name, values, place),
        _because(op, values, range_, place, own_reason) if range_ is not None else None,
        carried(op, values) if hazardous else NOTHING, slopes_of(sloped) if sloped and follows else NOTHING,
        maybe_empty=maybe_empty, tensor_if=tensor_if(inputs),
    )  # fmt: skip
    if op.name in REPAIRS:
        result = REPAIRS[op.name](frame, operands, result, node)
    listened = session.listened
    if of_nothing is not None and "empty-reduction" in listened:
        site = record(frame, "empty-reduction", operands, node, result, (op.name, of_nothing))
        result = result.but(hazards=result.hazards | {site})
        site.result = result
    if "uninitialised" in listened:
        from nanlint.facts.uninitialised import read

        if (empty := read(frame, op.name, operands)) is not None:
            record(frame, "uninitialised", {"input": empty}, node, result)
    unmet = needs.unmet(op, values)
    if op.name in listened or unmet:
        site = _record(frame, op.name, operands, place, result)
        site.unmet = unmet
        if result.kind in ("tensor", "unknown"):
            overflows = op.name in OVERFLOWING and range_ is not None and INF in range_
            lost = precision.cancels(op.name, values)
            if unmet or overflows or lost or masking.is_nan_by_shape(op.name, values):
                result = result.but(hazards=result.hazards | {site})
            if grad is not False and (unmet or op.trap or op.singular or op.name in TRAPS):
                result = result.but(slopes=result.slopes | {site})
            site.result = result
    if session.applied is not None:
        frame.keep(result, operands)
    return parts(frame, op, result) if op.returns == "tuple" else result


def record(
    frame: Frame, op: str, operands: Mapping[str, Operand], node: cst.Node, result: Value, payload: object = None
) -> Site:
    """Put a site on the list that the rules are shown after the definition has run."""
    return _record(frame, op, operands, frame.place(node), result, payload)


def _record(
    frame: Frame, op: str, operands: Mapping[str, Operand], place: Place, result: Value, payload: object = None
) -> Site:
    session = frame.session
    site = Site(frame, op, operands, place, result, payload)
    session.cyclic.append(site)
    if not session.muted and frame.is_here:
        session.sites.append(site)
    return site


def know_tensor(frame: Frame, value: Value) -> None:
    """The value is used as only a tensor can be, and so is the one unknown that arithmetic has made it from."""
    if value.kind != "unknown":
        return
    frame.session.tensors.add(value.ident)
    roots = {root.ident for root in _unknown_roots(value, 6)}
    if len(roots) == 1:
        frame.session.tensors |= roots


def _unknown_roots(value: Value, depth: int) -> list[Value]:
    if value.made_by is None or depth == 0 or value.op in ("index", "shape", "size", "dtype"):
        return [value]
    operands = [v for v in value.made_by.args.values() if v.kind in ("unknown", "tensor")]
    return [root for v in operands for root in ([v] if v.kind == "tensor" else _unknown_roots(v, depth - 1))]


def repair(
    frame: Frame, value: Value, node: cst.Node, range_: Interval | None = None, mask: Value | None = None
) -> Value:
    """The value after its bad elements were masked, filled or selected away at `node`."""
    if value.hazards and (mask is None or frame.is_here):
        for site in value.hazards:
            site.repaired.append(frame.place(node))
            if mask is not None:
                site.masks.append(mask)
        value = value.but(hazards=frozenset())
    return value if range_ is None else value.but(range=range_)


def escape(value: Value) -> None:
    """The value leaves the definition as it is: what is wrong inside goes with it."""
    for site in value.hazards:
        site.escaped = True
    if value.grad is not False:
        for site in value.slopes:
            site.flows = True
    if value.items is not None:
        for item in value.items:
            escape(item)
    held = value.ref
    if held is None:
        return
    if isinstance(held, dict):
        for item in held.values():
            if isinstance(item, Value):
                escape(item)
    elif isinstance(held, tuple) and len(held) == 2 and held[0] == "each" and isinstance(held[1], Value):
        escape(held[1])


OPERATORS = frozenset(
    {"add", "sub", "mul", "div", "floor_divide", "remainder", "pow", "neg", "eq", "ne", "lt", "le", "gt", "ge"}
)
MAKERS = frozenset({"tensor", "as_tensor"})


def _kind(op: Op, values: Mapping[str, Value]) -> Kind:
    match op.returns:
        case "tensor" | "tuple":
            if op.name not in OPERATORS:
                return "tensor"
            kind: Kind = "number"
            for value in values.values():
                if value.kind == "tensor":
                    return "tensor"
                if value.kind != "number":
                    kind = "unknown"
            return kind
        case "number":
            return "number"
        case "distribution":
            return "distribution"
        case _:
            return "unknown"


def _ident(frame: Frame, op: Op, values: Mapping[str, Value]) -> int:
    if op.random:
        return frame.session.fresh()
    if op.name in SAME_ELEMENTS and values:
        return next(iter(values.values())).ident
    return frame.session.intern((op.name, *values, *map(IDENT, values.values())))


def _grad(frame: Frame, op: Op, values: Mapping[str, Value]) -> bool | None:
    asked = values.get("requires_grad")
    if asked is not None and asked.const is True:
        return True
    if frame.no_grad or not op.differentiable or op.name == "detach":
        return False
    grad: bool | None = False
    for value in values.values():
        if value.grad is not False and value.kind in ("tensor", "unknown"):
            if value.grad:
                return True
            grad = None
    return grad


def _because(op: Op, values: Mapping[str, Value], range_: Interval, place: Place, own: bool) -> Reason | None:
    fresh = own or op.name not in PASSES or op.name in MAKERS
    if not fresh:
        reasons = [v.because for v in values.values() if v.because is not None and v.kind != "number"]
        several = sum(v.kind != "number" for v in values.values()) > 1
        # of several, a number other than 0 is not what brings a sum or a product to where it should not be
        told = (r for r in reasons if not (several and r.range is not None and r.range.point))
        return next(told, None)
    return Reason(f"{op.name} on line {{row}} gives {{range}}", place, range_)
