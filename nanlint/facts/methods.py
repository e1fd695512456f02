"""Methods that the table of ops cannot describe: conversions, sizes, containers, registration on modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nanlint.facts.apply import escape, record
from nanlint.facts.assignment import rebind
from nanlint.facts.attributes import counted
from nanlint.facts.builtin import element_of
from nanlint.facts.constraints import validate_sample
from nanlint.facts.dtypes import dtype_name, is_complex, of_argument
from nanlint.facts.functions import Instance
from nanlint.facts.joined import join
from nanlint.facts.lookup import dotted
from nanlint.facts.value import ABSENT, Application, Module, Operand, Value, literal
from nanlint.finding import Confidence
from nanlint.ops import DTYPES, round_to
from nanlint.slotted import replace

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.source import nodes as cst

Method = Callable[["Frame", Operand, Sequence[Operand], Mapping[str, Operand], "cst.Node"], "Value | None"]
CASTS = {
    "half": "float16", "bfloat16": "bfloat16", "float": "float32", "double": "float64", "long": "int64", "int": "int32",
    "bool": "bool", "chalf": "complex32", "cfloat": "complex64", "cdouble": "complex128", "short": "int16",
    "byte": "uint8",
}  # fmt: skip
TENSORLIKE = ("tensor", "unknown")
WEIGHTED = frozenset({"rnn", "rnn_cell", "lstm_cell", "multi_head_attention", "transformer"})


def cast(frame: Frame, value: Value, dtype: str | None, node: cst.Node) -> Value:
    """The value in another format: the same numbers, rounded."""
    if dtype is None:
        return value.but(dtype=None, made_by=Application("to", {"input": value}, frame.place(node)))
    range_ = None if is_complex(dtype) else value.range
    if range_ is not None and dtype in DTYPES and DTYPES[dtype].kind == "float":
        range_ = round_to(range_, dtype)
    integral = dtype == "bool" or dtype.lstrip("u").startswith("int")
    same = not integral and value.dtype is not None and not value.is_complex
    wide = dtype in ("float32", "float64") and not value.is_complex
    result = value.but(
        dtype=dtype, range=range_ if not integral or dtype != "bool" else None, grad=False if integral else value.grad,
        made_by=Application("to", {"input": value}, frame.place(node)),
        kind=value.kind if value.kind != "number" else "tensor", const=ABSENT, alternatives=(),
        ident=value.ident if (same or wide) else frame.session.intern(("to", value.ident, dtype)),
    )  # fmt: skip
    if dtype == "float16" and "cast" in frame.session.listened:
        record(frame, "cast", {"input": Operand(value, node)}, node, result)
    return result


def _to(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    value = base.value
    if value.kind in ("instance", "module"):
        asked = [dtype for o in (*positional, *keywords.values()) if (dtype := of_argument(o.value)) is not None]
        if not asked:
            return value
        result = converted(frame, value, asked[0])
        rebind(frame, base.node, result)
        return result
    if value.kind not in TENSORLIKE:
        return None
    for operand in (*positional, *keywords.values()):
        other = operand.value
        if isinstance(other.ref, str) and (dtype := dtype_name(other.ref)) is not None:
            return cast(frame, value, dtype, node)
        if other.op == "dtype" or operand is keywords.get("dtype"):
            return cast(frame, value, of_argument(other), node)
        if other.kind == "tensor" or (other.kind == "unknown" and other.dtype is not None):
            return cast(frame, value, other.dtype, node)
    return value


def converted(frame: Frame, value: Value, dtype: str, depth: int = 4, complex_too: bool = True) -> Value:
    """A module with weights of another dtype; an object of a class of the file is changed in place, as torch does.

    `complex_too`: False for `half()` and the like, which leave complex weights as they are.
    """
    if value.kind == "instance" and isinstance(value.ref, Instance) and depth:
        for name, held in value.ref.attrs.items():
            value.ref.attrs[name] = converted(frame, held, dtype, depth - 1, complex_too)
    elif value.kind == "tuple" and value.items is not None:
        return value.but(items=tuple(converted(frame, item, dtype, depth, complex_too) for item in value.items))
    elif (value.op == "parameter" and (complex_too or not value.is_complex)) or _is_any_module(value):
        return value.but(dtype=dtype)
    elif value.kind == "module" and value.ref is not None:
        module: Any = value.ref
        before = module.arguments.get("dtype")
        if not complex_too and before is not None and is_complex(of_argument(before.value)):
            return value
        children = module.children
        if children is not None:
            children = tuple(converted(frame, child, dtype, depth, complex_too) for child in children)
        arguments = dict(module.arguments)
        if (
            module.op is not None
            and module.op.dtype == "same"
            and ("weight" in module.op.parameters or module.op.name in WEIGHTED)
        ):
            node = before.node if before is not None else next((o.node for o in arguments.values()), None)
            if node is not None:
                arguments["dtype"] = Operand(dotted(frame, f"torch.{dtype}"), node)
        return value.but(ref=replace(module, children=children, arguments=arguments))
    return value


def _is_any_module(value: Value) -> bool:
    """A module of which only that is known."""
    module = value.ref
    return isinstance(module, Module) and module.op is None and module.children is None and not module.arguments


def weights_dtype(value: Value, depth: int = 4) -> str | None:
    """The dtype that a module and all that it holds was converted to; None where it was not, or to several."""
    if value.op == "parameter" or value.kind == "unknown" or _is_any_module(value):
        return value.dtype
    held: list[Value] = []
    if value.kind == "instance" and isinstance(value.ref, Instance) and depth:
        held = [v for v in value.ref.attrs.values() if v.kind in ("module", "instance", "tuple") or v.op == "parameter"]
    elif value.kind == "tuple":
        held = list(value.items or ())
    elif value.kind == "module" and value.ref is not None:
        module: Any = value.ref
        if module.children is None:
            given = module.arguments.get("dtype")
            return of_argument(given.value) if given is not None else None
        held = list(module.children)
    known = {dtype for v in held if (dtype := weights_dtype(v, depth - 1)) is not None}
    return known.pop() if len(known) == 1 else None


def _cast(name: str) -> Method:
    def method(
        frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
    ) -> Value | None:
        if base.value.kind in ("instance", "module"):
            result = converted(frame, base.value, CASTS[name], complex_too=False)
            rebind(frame, base.node, result)
            return result
        if base.value.kind not in TENSORLIKE or positional:
            return None
        result = cast(frame, base.value, CASTS[name], node)
        if base.value.kind == "unknown":
            frame.session.tensors |= {base.value.ident, result.ident}
        return result

    return method


def _itself(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    return base.value


def _requires_grad(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    asked = positional[0].value if positional else keywords["requires_grad"].value if keywords else None
    if base.value.kind not in TENSORLIKE or (asked is not None and not asked.is_literal):
        return base.value
    value = base.value.but(grad=asked is None or bool(asked.const))
    rebind(frame, base.node, value)
    return value


def _item(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    value = base.value
    if value.kind == "dict":
        return None
    if value.kind == "tensor":
        frame.session.tensors.add(value.ident)
    return value.but(kind="number", grad=False, items=None, ref=None, alternatives=())


def _size(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    if base.value.kind not in TENSORLIKE:
        return None
    if positional or keywords:
        shape = frame.session.intern(("shape", base.value.ident))
        dim = positional[0].value.ident if positional else next(iter(keywords.values())).value.ident
        return counted(frame, "size", base.value, node).but(ident=frame.session.intern(("size", shape, dim)))
    ident = frame.session.intern(("shape", base.value.ident))
    return Value("unknown", ident=ident, made_by=Application("shape", {"input": base.value}, frame.place(node)))


def _is_complex(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    if base.value.kind not in TENSORLIKE or base.value.dtype is None:
        return None
    decided = base.value.is_complex
    return literal(decided, frame.session.intern(("const", repr(decided))))


def _numel(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    return counted(frame, "numel", base.value, node)


def _view(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    """`x.view(torch.int32)` reads the same bits as other numbers."""
    given = positional[0].value if positional else None
    if base.value.kind not in TENSORLIKE or given is None or (given.op != "dtype" and of_argument(given) is None):
        return None
    return frame.unknown(kind="tensor", reach=Confidence.POSSIBLE, dtype=of_argument(given))


def _backward(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    escape(base.value)
    if base.value.kind == "unknown":
        frame.session.tensors.add(base.value.ident)
    if (
        base.value.is_complex
        and not positional
        and "gradient" not in keywords
        and "complex-backward" in frame.session.listened
    ):
        record(frame, "complex-backward", {"input": base}, node, base.value)
    return frame.unknown(kind="none")


def _append(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    value = base.value
    for operand in positional:
        escape(operand.value)
    if value.kind == "tuple" and positional:
        added = positional[0].value
        known = [element_of(frame, value)] if value.items or isinstance(value.ref, tuple) else []
        element = join(frame, [*known, added])
        rebind(frame, base.node, Value("tuple", ident=frame.session.fresh(), ref=("each", element)))
    return frame.unknown(kind="none")


def _register_buffer(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    instance = base.value.ref
    given = [*positional, *(keywords[k] for k in ("name", "tensor", "default") if k in keywords)]
    if isinstance(instance, Instance) and len(given) >= 2 and isinstance(given[0].value.const, str):
        value = given[1].value
        if value.kind == "tuple":
            # a state of torchmetrics that is a list becomes a tensor where processes are synchronised
            return frame.unknown(kind="none")
        instance.attrs[given[0].value.const] = (
            value.but(grad=False) if value.kind != "none" else frame.unknown(kind="tensor")
        )
    return frame.unknown(kind="none")


def _register_parameter(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    instance = base.value.ref
    if isinstance(instance, Instance) and len(positional) >= 2 and isinstance(positional[0].value.const, str):
        instance.attrs[positional[0].value.const] = positional[1].value
    return frame.unknown(kind="none")


def _get(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    value = base.value
    if value.kind == "dict" and isinstance(value.ref, dict) and positional and positional[0].value.is_literal:
        return value.ref.get(positional[0].value.const) or frame.unknown()
    return None


SPECIAL_METHODS: dict[str, Method] = {
    "to": _to, "type": _to, "type_as": _to, "cuda": _itself, "cpu": _itself, "train": _itself, "eval": _itself,
    "requires_grad_": _requires_grad, "item": _item, "size": _size, "numel": _numel, "nelement": _numel,
    "backward": _backward, "view": _view, "is_complex": _is_complex, "append": _append,
    "register_buffer": _register_buffer, "add_state": _register_buffer, "register_parameter": _register_parameter,
    "get": _get, "_validate_sample": validate_sample,
    **{name: _cast(name) for name in CASTS},
}  # fmt: skip
