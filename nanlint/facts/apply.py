"""Applying an op of the table to values: range, dtype, gradient, reason, hazards, and the site for the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from nanlint.facts import autocast, emptiness, masking, needs, precision
from nanlint.facts.dtypes import FLOATS, is_complex, is_integral, result_dtype
from nanlint.facts.fixed import made_from
from nanlint.facts.guarded import OVERFLOWING
from nanlint.facts.hazards import NOTHING, carried, hazards_of, slopes_of
from nanlint.facts.parts import FACTORS, parts
from nanlint.facts.reach import PASSES, reached
from nanlint.facts.refinement import refine
from nanlint.facts.relations import is_shifted_below_zero
from nanlint.facts.scalars import as_kernels_see
from nanlint.facts.value import ABSENT, Application, Kind, Operand, Reason, Value
from nanlint.finding import Confidence
from nanlint.interval import INF, Interval
from nanlint.ops.dtypes import round_to
from nanlint.site import Site

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame, Place
    from nanlint.ops.op import Op
    from nanlint.source import nodes as cst

MAX_ALTERNATIVES = 4
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
    split = [
        name
        for name, operand in operands.items()
        if operand.value.alternatives
        and 1 < len(operand.value.alternatives) <= MAX_ALTERNATIVES
        and not (name == "like" and op.name.startswith("new_"))
    ]
    if frame.autocast is not None:
        operands = autocast.cast(frame.autocast, op.name, operands)
    values = {name: operand.value for name, operand in operands.items()}
    if len(split) == 1 and not (op.name == "sub" and is_shifted_below_zero(*values.values())):
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
    inputs = [v for v in values.values() if v.kind in INPUTS]
    dtype = result_dtype(op, values, session.default_dtype)
    args = Operands(as_kernels_see(op.name, values, dtype))
    range_ = op.shape(args)
    reach = reached(op, inputs, range_)
    refined = refine(frame, op, values, range_, reach)
    own_reason = False
    if refined is not None:
        own_reason = range_ is None or refined[0] != range_
        range_, reach = refined
    if is_complex(dtype):
        # complex numbers have no order, so no interval holds them
        range_ = None
    elif range_ is not None and not is_integral(dtype):
        range_ = round_to(range_, dtype if dtype in FLOATS else "float32")
    grad = False if is_integral(dtype) else _grad(frame, op, values)
    follows = grad is not False and op.name not in STEPS
    emptied = [v for v in inputs if v.maybe_empty]
    maybe_empty, of_nothing = emptiness.empties(frame.env, op, values) if emptied else (False, None)
    result = Value(
        _kind(op, values), range_, reach, _ident(frame, op, values), dtype, grad, Application(op.name, values, place),
        _because(op, values, range_, place, own_reason), carried(op, values),
        slopes_of([v for v in inputs if v.grad is not False]) if follows else NOTHING,
        maybe_empty=maybe_empty, tensor_if=_tensor_if(inputs),
    )  # fmt: skip
    if op.name in REPAIRS:
        result = REPAIRS[op.name](frame, operands, result, node)
    listened = session.listened
    if of_nothing is not None and "empty-reduction" in listened:
        site = record(frame, "empty-reduction", operands, node, result, (op.name, of_nothing))
        result = result.but(hazards=result.hazards | {site})
        site.result = result
    if "uninitialised" in listened:
        from nanlint.facts import uninitialised

        if (empty := uninitialised.read(frame, op.name, operands)) is not None:
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
    site = Site(
        op, operands, place, session, result, frame.calls, frame.no_grad, frame.qualname,
        payload=payload, marks=frame.env.marks, root=session.root,
    )  # fmt: skip
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
    for item in value.items or ():
        escape(item)
    held = value.ref
    if isinstance(held, dict):
        for item in held.values():
            if isinstance(item, Value):
                escape(item)
    elif isinstance(held, tuple) and len(held) == 2 and held[0] == "each" and isinstance(held[1], Value):
        escape(held[1])


def join(frame: Frame, values: list[Value]) -> Value:
    """What a variable is where several branches meet."""
    first = values[0]
    same = [v is first or (v.ident == first.ident and v.range == first.range) for v in values]
    if all(same):
        hazards, slopes = hazards_of(values), slopes_of(values)
        if any(v.dtype != first.dtype for v in values):
            # a test of it in one branch
            first = first.but(dtype=None)
        return (
            first if hazards == first.hazards and slopes == first.slopes else first.but(hazards=hazards, slopes=slopes)
        )
    flat: list[Value] = []
    for value in values:
        flat.extend(value.alternatives or (value,))
    lead, *others = flat
    range_, dtype, grad = lead.range, lead.dtype, lead.grad
    maybe_empty, kinds = lead.maybe_empty, {lead.kind}
    for value in others:
        range_ = range_.join(value.range) if range_ is not None and value.range is not None else None
        dtype = dtype if value.dtype == dtype else None
        grad = grad if value.grad is grad else None
        maybe_empty = maybe_empty or value.maybe_empty
        kinds.add(value.kind)
    kinds.discard("none")
    items = None
    if first.items is not None and all(v.items is not None and len(v.items) == len(first.items) for v in flat):
        items = tuple([join(frame, [v.items[i] for v in flat if v.items]) for i in range(len(first.items))])
    literal = first.const is not ABSENT and all(v.is_literal and v.const == first.const for v in flat)
    joined = Value(
        kinds.pop() if len(kinds) == 1 else "tensor" if kinds == {"tensor", "number"} else "unknown",
        range_, max([v.reach for v in flat if _is_at_end(v, range_)]), frame.session.fresh(), dtype, grad,
        because=_reason(flat, range_), hazards=hazards_of(flat), slopes=slopes_of(flat),
        const=first.const if literal else ABSENT, items=items,
        ref=first.ref if len({id(v.ref) for v in flat}) == 1 else None,
        alternatives=tuple(flat) if len(flat) <= MAX_ALTERNATIVES and items is None else (),
        maybe_empty=maybe_empty, tensor_if=_tensor_if(flat),
    )  # fmt: skip
    # attributes are worked out silently; elsewhere it would keep the values of all branches
    return made_from(frame.session, joined, flat) if frame.session.muted else joined


def _tensor_if(values: list[Value]) -> tuple[int, ...]:
    """The numbers of which each, if it is that of a tensor, makes one of what was made of these values."""
    unknown = [v for v in values if v.kind == "unknown"]
    if not unknown:
        return ()
    return tuple(dict.fromkeys([ident for v in unknown for ident in (v.ident, *v.tensor_if)]))[:8]


def _reason(values: list[Value], whole: Interval | None) -> Reason | None:
    """Why one of them is what the whole is feared for: of unknown range where that of the whole is, else the lowest."""
    told = [v for v in values if v.because is not None and (v.range is None or whole is not None)]
    lowest = (v for v in told if whole is not None and v.range is not None and v.range.lo == whole.lo)
    return next(lowest, told[0]).because if told else None


def _is_at_end(value: Value, whole: Interval | None) -> bool:
    """The value takes part in the ends of the range of all alternatives."""
    if whole is None or value.range is None:
        return True
    return value.range.lo == whole.lo or value.range.hi == whole.hi


OPERATORS = frozenset(
    {"add", "sub", "mul", "div", "floor_divide", "remainder", "pow", "neg", "eq", "ne", "lt", "le", "gt", "ge"}
)
MAKERS = frozenset({"tensor", "as_tensor"})


def _kind(op: Op, values: Mapping[str, Value]) -> Kind:
    match op.returns:
        case "tensor" | "tuple":
            if op.name not in OPERATORS:
                return "tensor"
            kinds = {v.kind for v in values.values()}
            return "tensor" if "tensor" in kinds else "number" if kinds <= {"number"} else "unknown"
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
    return frame.session.intern((op.name, *values, *[value.ident for value in values.values()]))


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


def _because(op: Op, values: Mapping[str, Value], range_: Interval | None, place: Place, own: bool) -> Reason | None:
    if range_ is None:
        return None
    fresh = own or op.name not in PASSES or op.name in MAKERS
    if not fresh:
        return next((v.because for v in values.values() if v.because is not None and v.kind != "number"), None)
    return Reason(f"{op.name} on line {{row}} gives {{range}}", place, range_)
