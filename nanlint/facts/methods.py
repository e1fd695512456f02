"""Methods that the table of ops cannot describe: conversions, sizes, containers, registration on modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from nanlint.facts.apply import escape, join
from nanlint.facts.dtypes import dtype_name
from nanlint.facts.builtin import counted, element_of
from nanlint.facts.functions import Instance
from nanlint.facts.value import ABSENT, Application, Operand, Value
from nanlint.finding import Confidence
from nanlint.interval import exactly
from nanlint.ops import DTYPES, round_to

if TYPE_CHECKING:
    import libcst as cst

    from nanlint.facts.frame import Frame

Method = Callable[["Frame", Operand, Sequence[Operand], Mapping[str, Operand], "cst.CSTNode"], "Value | None"]
CASTS = {
    "half": "float16", "bfloat16": "bfloat16", "float": "float32", "double": "float64", "long": "int64", "int": "int32",
    "bool": "bool", "cfloat": "complex64", "cdouble": "complex128", "short": "int16", "byte": "uint8",
}  # fmt: skip
TENSORLIKE = ("tensor", "unknown")


def cast(frame: Frame, value: Value, dtype: str | None, node: cst.CSTNode) -> Value:
    """The value in another format: the same numbers, rounded."""
    if dtype is None:
        return value.but(dtype=None, made_by=Application("to", {"input": value}, frame.place(node)))
    range_ = value.range
    if range_ is not None and dtype in DTYPES and DTYPES[dtype].kind in ("float", "complex"):
        range_ = round_to(range_, dtype)
    integral = dtype == "bool" or dtype.lstrip("u").startswith("int")
    same = not integral and value.dtype is not None and not value.is_complex
    wide = dtype in ("float32", "float64") and not value.is_complex
    return value.but(
        dtype=dtype, range=range_ if not integral or dtype != "bool" else None, grad=False if integral else value.grad,
        made_by=Application("to", {"input": value}, frame.place(node)), kind=value.kind if value.kind != "number" else "tensor",
        ident=value.ident if (same or wide) else frame.session.intern(("to", value.ident, dtype)), const=ABSENT, alternatives=(),
    )  # fmt: skip


def _to(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
    value = base.value
    if value.kind in ("instance", "module"):
        return value
    if value.kind not in TENSORLIKE:
        return None
    for operand in (*positional, *keywords.values()):
        other = operand.value
        if isinstance(other.ref, str) and (dtype := dtype_name(other.ref)) is not None:
            return cast(frame, value, dtype, node)
        if other.op == "dtype":
            source = other.arg("input")
            return cast(frame, value, source.dtype if source else None, node)
        if other.kind == "tensor":
            return cast(frame, value, other.dtype, node)
    return value


def _cast(name: str) -> Method:
    def method(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
        if base.value.kind in ("instance", "module"):
            return base.value
        if base.value.kind not in TENSORLIKE or positional:
            return None
        if base.value.kind == "unknown":
            frame.session.tensors.add(base.value.ident)
        return cast(frame, base.value, CASTS[name], node)

    return method


def _itself(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
    return base.value


def _item(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
    value = base.value
    if value.kind == "dict":
        return None
    return value.but(kind="number", grad=False, items=None, ref=None, alternatives=())


def _size(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
    if base.value.kind not in TENSORLIKE:
        return None
    if positional or keywords:
        shape = frame.session.intern(("shape", base.value.ident))
        dim = positional[0].value.ident if positional else next(iter(keywords.values())).value.ident
        return counted(frame, "size", base.value, node).but(ident=frame.session.intern(("size", shape, dim)))
    ident = frame.session.intern(("shape", base.value.ident))
    return Value("unknown", ident=ident, made_by=Application("shape", {"input": base.value}, frame.place(node)))


def _numel(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
    return counted(frame, "numel", base.value, node)


def _backward(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
    escape(base.value)
    if base.value.kind == "unknown":
        frame.session.tensors.add(base.value.ident)
    return frame.unknown(kind="none")


def _append(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
    value = base.value
    for operand in positional:
        escape(operand.value)
    if value.kind == "tuple" and positional:
        added = positional[0].value
        known = [element_of(frame, value)] if value.items or isinstance(value.ref, tuple) else []
        element = join(frame, [*known, added])
        frame.rebind(base.node, Value("tuple", ident=frame.session.fresh(), ref=("each", element)))
    return frame.unknown(kind="none")


def _register_buffer(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
    instance = base.value.ref
    given = [*positional, *(keywords[k] for k in ("name", "tensor") if k in keywords)]
    if isinstance(instance, Instance) and len(given) >= 2 and isinstance(given[0].value.const, str):
        value = given[1].value
        instance.attrs[given[0].value.const] = value.but(grad=False) if value.kind != "none" else frame.unknown(kind="tensor")
    return frame.unknown(kind="none")


def _register_parameter(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
    instance = base.value.ref
    if isinstance(instance, Instance) and len(positional) >= 2 and isinstance(positional[0].value.const, str):
        instance.attrs[positional[0].value.const] = positional[1].value
    return frame.unknown(kind="none")


def _get(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
    value = base.value
    if value.kind == "dict" and isinstance(value.ref, dict) and positional and positional[0].value.is_literal:
        return value.ref.get(positional[0].value.const) or frame.unknown()
    return None


def _new(fill: float | None) -> Method:
    def method(frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode) -> Value | None:
        if base.value.kind not in TENSORLIKE:
            return None
        number = fill
        if fill is None:
            given = positional[1].value.number if len(positional) > 1 else None
            number = given
        return Value(
            "tensor", exactly(number) if number is not None else None, Confidence.CERTAIN, frame.session.fresh(), base.value.dtype, False
        )

    return method


SPECIAL_METHODS: dict[str, Method] = {
    "to": _to, "type": _to, "type_as": _to, "cuda": _itself, "cpu": _itself, "train": _itself, "eval": _itself,
    "requires_grad_": _itself, "item": _item, "size": _size, "numel": _numel, "nelement": _numel, "backward": _backward,
    "append": _append, "register_buffer": _register_buffer, "register_parameter": _register_parameter, "get": _get,
    "new_zeros": _new(0.0), "new_ones": _new(1.0), "new_full": _new(None), **{name: _cast(name) for name in CASTS},
}  # fmt: skip
