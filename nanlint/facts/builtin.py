"""Python's own functions on values: `len`, `max`, `float`, `range`, and the module math."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nanlint.facts.apply import apply
from nanlint.facts.attributes import attribute, counted
from nanlint.facts.fixed import made_from
from nanlint.facts.joined import join
from nanlint.facts.value import ABSENT, Application, Operand, Value, literal
from nanlint.finding import Confidence
from nanlint.interval import FINITE_NONNEGATIVE, Interval
from nanlint.ops import TABLE, by_spelling
from nanlint.ops.names import is_absent

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.source import nodes as cst

NUMBERS: dict[str, Callable[[Any], float]] = {"float": float, "int": int, "bool": bool, "round": round}
SEQUENCES = frozenset({"list", "tuple", "sorted", "reversed", "set", "iter", "frozenset"})


def call(
    frame: Frame, name: str, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value:
    """The result of a builtin; unknown for those that say nothing about numbers."""
    values = [operand.value for operand in positional]
    first = values[0] if values else None
    session = frame.session
    if name == "super":
        receiver = next(iter(frame.env.vars.values()), None)
        owner = frame.owner
        return Value(
            "super", ident=session.fresh(), ref=(owner, receiver if receiver and receiver.kind == "instance" else None)
        )
    if first is None:
        return frame.unknown()
    if name == "len":
        if first.items is not None:
            return literal(len(first.items), session.intern(("const", repr(len(first.items)))))
        return counted(frame, "len", first, node)
    if name in ("max", "min"):
        return _extremum(frame, name, positional, node)
    if name in ("float", "int", "bool", "complex", "round"):
        return as_number(frame, name, first, node)
    if name == "abs":
        return apply(frame, TABLE["abs"], {"input": positional[0]}, node)
    if name == "pow" and len(positional) == 2:
        return apply(frame, TABLE["pow"], {"input": positional[0], "exponent": positional[1]}, node)
    if name == "range":
        return Value("tuple", ident=session.fresh(), ref=("range", *values[:3]))
    if name in SEQUENCES:
        return (
            first
            if first.kind == "tuple"
            else Value("tuple", ident=session.fresh(), ref=("each", element_of(frame, first)))
        )
    if name == "enumerate":
        pair = Value("tuple", ident=session.fresh(), items=(_count(frame), element_of(frame, first)))
        return Value("tuple", ident=session.fresh(), ref=("each", pair))
    if name == "zip":
        pair = Value("tuple", ident=session.fresh(), items=tuple(element_of(frame, v) for v in values))
        return Value("tuple", ident=session.fresh(), ref=("each", pair))
    if name == "sum" and first.kind == "tensor":
        return apply(frame, TABLE["sum"], {"input": positional[0]}, node)
    if name == "sum":
        element = element_of(frame, first)
        if element.kind in ("tensor", "number") and element.range is not None and "sum" in TABLE:
            total = apply(frame, TABLE["sum"], {"input": Operand(element.but(kind="tensor"), node)}, node)
            return total.but(kind=element.kind, ident=session.fresh(), reach=min(total.reach, Confidence.LIKELY))
        return frame.unknown(kind=element.kind if element.kind in ("tensor", "number") else "unknown")
    if name == "getattr" and len(values) > 1 and isinstance(values[1].const, str):
        if len(values) > 2 and first.kind == "name" and is_absent(f"{first.ref}.{values[1].const}"):
            return values[2]
        return attribute(frame, positional[0], values[1].const, node)
    if name in ("isinstance", "hasattr", "callable", "any", "all", "issubclass"):
        return frame.unknown(kind="number", dtype="bool")
    if name in ("str", "repr", "format", "input", "chr"):
        return frame.unknown(kind="string")
    if name in ("id", "hash", "ord"):
        return frame.unknown(kind="number")
    return frame.unknown()


def _count(frame: Frame) -> Value:
    return Value("number", FINITE_NONNEGATIVE, Confidence.CERTAIN, frame.session.fresh(), "int64", False)


def as_number(frame: Frame, name: str, value: Value, node: cst.Node) -> Value:
    """`float(x)` and the like: the number that a tensor or number holds."""
    if value.is_literal and isinstance(value.const, (int, float, str, bool)):
        try:
            const = NUMBERS[name](value.const)
        except (KeyError, ValueError, OverflowError, TypeError):
            return frame.unknown(kind="number")
        return literal(const, frame.session.intern(("const", repr(const))))
    keeps = name in ("float", "complex")
    ident = value.ident if keeps else frame.session.intern((name, value.ident))
    if value.kind == "tensor" or (value.kind == "number" and value.ident in frame.session.tensors):
        frame.session.tensors.add(ident)
    return value.but(
        kind="number", grad=False, const=ABSENT, items=None, alternatives=(), ref=None,
        range=value.range if keeps else None, ident=ident,
    )  # fmt: skip


def _extremum(frame: Frame, name: str, positional: Sequence[Operand], node: cst.Node) -> Value:
    op = TABLE["maximum" if name == "max" else "minimum"]
    if len(positional) < 2:
        return frame.unknown(kind="number" if positional[0].value.kind == "number" else "unknown")
    result = positional[0].value
    parameters = op.parameters
    for operand in positional[1:]:
        result = apply(frame, op, {parameters[0]: Operand(result, node), parameters[1]: operand}, node)
    if all(o.value.kind == "number" for o in positional):
        return result.but(kind="number")
    # max(n, 1) of a thing not known to be a tensor is a number as far as anybody can see
    return result.but(kind="unknown") if all(o.value.kind != "tensor" for o in positional) else result


def element_of(frame: Frame, value: Value) -> Value:
    """What iterating over the value gives."""
    if value.items is not None:
        return join(frame, list(value.items)) if value.items else frame.unknown()
    if isinstance(value.ref, tuple) and value.ref:
        if value.ref[0] == "each":
            session = frame.session
            return session.item(value.ref[1], session.fresh()) if isinstance(value.ref[1], Value) else frame.unknown()
        if value.ref[0] == "range":
            return _count(frame).but(ident=frame.session.fresh())
    if value.op == "nonzero":
        return frame.unknown(
            kind="tensor", made_by=value.made_by, dtype="int64", grad=False, maybe_empty=value.maybe_empty
        )
    if value.op in ("unique", "network"):
        return frame.unknown(kind=value.kind, made_by=value.made_by, grad=value.grad)
    if value.kind == "tensor":
        return value.but(
            ident=frame.session.fresh(), alternatives=(),
            made_by=Application("index", {"input": value}, value.made_by.place) if value.made_by else None,
        )  # fmt: skip
    return made_from(frame.session, frame.unknown(), (value,))


def math_call(frame: Frame, name: str, positional: Sequence[Operand], node: cst.Node) -> Value:
    """A function of the module math: numbers in, numbers out."""
    values = [operand.value for operand in positional]
    if name in ("math.isnan", "math.isinf", "math.isfinite") and len(values) == 1 and not values[0].is_literal:
        made = Application(name.removeprefix("math."), {"input": values[0]}, frame.place(node))
        return Value(
            "number", ident=frame.session.intern((name, values[0].ident)), dtype="bool", grad=False, made_by=made
        )
    function = getattr(math, name.removeprefix("math."), None)
    if callable(function) and values and all(v.is_literal and isinstance(v.const, (int, float)) for v in values):
        try:
            const = function(*(v.const for v in values))
        except (ValueError, OverflowError, TypeError, ArithmeticError):
            return frame.unknown(kind="number")
        if isinstance(const, (int, float)) and not (isinstance(const, float) and math.isnan(const)):
            return literal(const, frame.session.intern(("const", repr(const))))
    op = by_spelling("torch." + name.removeprefix("math."))
    if op is not None and len(values) == 1 and values[0].range is not None:
        range_ = op.shape(_One(values[0]))
        if range_ is not None:
            return Value(
                "number",
                range_,
                min(values[0].reach, op.attains),
                frame.session.intern((name, values[0].ident)),
                grad=False,
            )
    return Value("number", ident=frame.session.intern((name, *(v.ident for v in values))), grad=False)


class _One:
    """A call with one argument."""

    def __init__(self, value: Value) -> None:
        self.value = value

    def range(self, parameter: str) -> Interval | None:
        return self.value.range if parameter == "input" else None

    def const(self, parameter: str) -> object:
        return None

    def given(self, parameter: str) -> bool:
        return parameter == "input"
