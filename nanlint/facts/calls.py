"""What a call gives: an op of the table, a function or class of the file, a module, a builtin, or the unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nanlint.facts import builtin, constraints, distributions, training
from nanlint.facts.apply import apply, escape, know_tensor, record
from nanlint.facts.assignment import rebind
from nanlint.facts.attributes import attribute
from nanlint.facts.binding import arguments, bind_op, gathered
from nanlint.facts.classes import instantiate
from nanlint.facts.fixed import made_from
from nanlint.facts.functions import ClassRef, FunctionRef, Instance, invoke
from nanlint.facts.joined import join
from nanlint.facts.methods import SPECIAL_METHODS, weights_dtype
from nanlint.facts.modules import construct, output_of_part
from nanlint.facts.overwritten import overwritten
from nanlint.facts.torchcalls import SPECIAL_FUNCTIONS, foreign
from nanlint.facts.value import Application, Module, Operand, Value, literal
from nanlint.facts.writes import written
from nanlint.finding import Confidence
from nanlint.ops import by_spelling, is_module
from nanlint.ops.names import is_tensor_only
from nanlint.source import nodes as cst

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.ops.op import Op

# shared with numpy arrays, whose zeros and logarithms are no better
ARRAY_METHODS = frozenset(
    """sum mean std var max min prod cumsum cumprod any all argmax argmin view reshape squeeze transpose ravel flatten
    repeat swapaxes clip dot trace diagonal""".split()
)
MODULE_METHODS = frozenset(
    {"to", "type", "half", "float", "double", "bfloat16", "cuda", "cpu", "train", "eval", "requires_grad_"}
)
# what such functions do to their arguments is known to be harmless
READERS = frozenset(
    """builtins.print builtins.str builtins.repr builtins.format builtins.isinstance builtins.type
    builtins.hasattr builtins.id builtins.callable torch.is_tensor torch.isnan torch.isfinite torch.isinf
    math.isnan math.isfinite""".split()
)


def call(frame: Frame, node: cst.Call) -> Value:
    """Evaluate a call."""
    function = node.func
    if isinstance(function, cst.Attribute):
        base = Operand(frame.evaluate(function.value), function.value)
        name = function.attr.value
        kind = base.value.kind
        if kind == "super":
            positional, keywords, starred = arguments(frame, node)
            return _super_call(frame, base.value, name, positional, keywords, node, starred)
        if kind not in ("name", "file", "instance", "class", "module") or _is_foreign_method(base.value, name):
            positional, keywords, starred = arguments(frame, node)
            training.observe(frame, name, base.value, positional, keywords, node)
            return method_call(frame, base, name, positional, keywords, node, starred)
        callee = attribute(frame, base, name, function)
        positional, keywords, starred = arguments(frame, node)
        training.observe(frame, name, base.value, positional, keywords, node)
        if callee.kind == "unknown" and kind in ("instance", "module"):
            _know_model(frame, base.value, name)
            result = _unresolved(frame, callee, name, base.value, positional, keywords, node)
            return output_of_part(frame, base.value, callee, positional, result, node)
        return invoke_value(frame, callee, positional, keywords, node, starred)
    callee = frame.evaluate(function)
    positional, keywords, starred = arguments(frame, node)
    if isinstance(function, cst.Name) and frame.session.trains:
        training.observe(frame, function.value, frame.unknown(kind="name"), positional, keywords, node, callee)
    return invoke_value(frame, callee, positional, keywords, node, starred)


def invoke_value(
    frame: Frame,
    callee: Value,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    node: cst.Node,
    starred: bool = False,
) -> Value:
    """Call a value."""
    if len(callee.alternatives) > 1:
        return join(frame, [invoke_value(frame, c, positional, keywords, node, starred) for c in callee.alternatives])
    match callee.kind:
        case "name":
            return dotted_call(frame, str(callee.ref), positional, keywords, node, starred)
        case "function" if isinstance(callee.ref, FunctionRef):
            return invoke(frame, callee.ref, positional, keywords, node, starred)
        case "class" if isinstance(callee.ref, ClassRef):
            if (base := constraints.base_of(callee.ref)) is not None and constraints.is_inherited(callee.ref):
                return dotted_call(frame, base, positional, keywords, node, starred)
            return instantiate(frame, callee.ref, positional, keywords, node, starred)
        case "instance" if isinstance(callee.ref, Instance):
            method = callee.ref.cls.method("forward") or callee.ref.cls.method("__call__")
            if method is not None:
                return invoke(frame, method.bind(callee), positional, keywords, node, starred)
        case "module" if isinstance(callee.ref, Module):
            return module_call(frame, callee.ref, positional, keywords, node, callee.ident)
        case _:
            pass
    return _model_call(frame, callee, positional, keywords, node)


def _model_call(
    frame: Frame, callee: Value, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value:
    """A call of something not in view, which may be a model."""
    if "model-call" in frame.session.listened and positional:
        operands = {str(i): operand for i, operand in enumerate(positional)}
        record(frame, "model-call", operands, node, frame.unknown(), callee)
    return unknown_call(frame, positional, keywords)


def unknown_call(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand]) -> Value:
    """A call of something not in view: whatever goes in may be used there as it is."""
    for operand in (*positional, *keywords.values()):
        escape(operand.value)
    written(frame, [operand.value for operand in (*positional, *keywords.values())])
    return frame.unknown()


def dotted_call(
    frame: Frame,
    name: str,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    node: cst.Node,
    starred: bool = False,
) -> Value:
    """A call of an imported function or class."""
    special = SPECIAL_FUNCTIONS.get(name)
    if special is not None:
        return special(frame, positional, keywords, node)
    if name.startswith("builtins."):
        result = builtin.call(frame, name.removeprefix("builtins."), positional, keywords, node)
        if name not in READERS and result.kind == "unknown":
            for operand in (*positional, *keywords.values()):
                escape(operand.value)
        return result
    if name.startswith("math."):
        return builtin.math_call(frame, name, positional, node)
    op = by_spelling(name)
    if op is None:
        return foreign(frame, name, positional, keywords, node)
    if is_module(name):
        return construct(frame, name, op, positional, keywords)
    numpy = name.startswith("numpy.")
    bound = bind_op(frame, op, positional, keywords, node if starred else None)
    if not bound and op.parameters and op.parameters[0] == "input":
        return frame.unknown(kind="tensor", reach=Confidence.POSSIBLE)
    bound = gathered(frame, op, bound)
    if numpy and op.name in ("std", "var"):
        # numpy divides by n, torch by n - 1
        bound.setdefault("ddof", Operand(literal(0, frame.session.intern(("const", "0"))), node))
    if name.startswith("torch.Tensor."):
        numpy = False
    if not numpy and op.parameters and op.parameters[0] in ("input", "condition"):
        first = bound.get(op.parameters[0])
        if first is not None:
            know_tensor(frame, first.value)
    # numpy compares, sorts and clips complex numbers, by their real parts first; what is said of torch does not hold
    strange = numpy and any(o.value.is_complex for o in bound.values())
    if strange:
        bound = {k: Operand(o.value.but(dtype=None, range=None), o.node) for k, o in bound.items()}
    if numpy and "where" in keywords:
        # elsewhere it keeps what `out` holds
        return frame.unknown(kind="tensor", reach=Confidence.POSSIBLE)
    result = apply(frame, op, bound, node)
    written_to = keywords.get("out") or (positional[0] if name.endswith("_") and positional else None)
    if written_to is not None:
        rebind(frame, written_to.node, result)
    if strange or (numpy and result.is_complex):
        return result.but(grad=False, dtype=None, range=None)
    if numpy and result.kind in ("tensor", "unknown"):
        all_numbers = all(o.value.kind == "number" or o.value.op == "shape" for o in bound.values())
        kind = "number" if all_numbers and op.parameters[:1] == ("input",) else result.kind
        result = result.but(grad=False, dtype=result.dtype or "float64", kind=kind)
    return result


def method_call(
    frame: Frame,
    base: Operand,
    name: str,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    node: cst.Node,
    starred: bool,
) -> Value:
    """`x.name(...)` of a value that is no module, class or instance of the file."""
    value = base.value
    if value.kind == "distribution":
        drawn = distributions.method(frame, base, name, positional, keywords, node)
        if drawn is not None:
            return drawn
    _know_model(frame, value, name)
    special = SPECIAL_METHODS.get(name)
    if special is not None:
        result = special(frame, base, positional, keywords, node)
        if result is not None:
            return result
    op = by_spelling(f"torch.Tensor.{name}") if value.kind in ("tensor", "unknown", "number") else None
    if op is not None and (value.kind != "unknown" or _fits(op, positional, keywords, starred)):
        tensorial = name in ARRAY_METHODS or is_tensor_only(name)
        if tensorial:
            know_tensor(frame, value)
        bound = bind_op(frame, op, [base, *positional], keywords, node if starred else None)
        result = apply(frame, op, bound, node)
        if value.kind == "unknown" and not tensorial and result.kind == "tensor":
            result = result.but(kind="unknown")
        if name.endswith("_") and not name.endswith("__"):
            result = overwritten(value, result)
            rebind(frame, base.node, result)
        return result
    return _unresolved(frame, value, name, value, positional, keywords, node)


def _fits(op: Op, positional: Sequence[Operand], keywords: Mapping[str, Operand], starred: bool) -> bool:
    """The arguments can be those of the tensor method, so an unknown receiver may be a tensor."""
    if any(o.value.kind in ("string", "dict", "function", "class") for o in (*positional, *keywords.values())):
        return False
    return len(op.parameters) > 1 or not (positional or keywords)


def _is_foreign_method(value: Value, name: str) -> bool:
    """A method that a module, or an object of a class of the file, has from torch.nn.Module."""
    if value.kind == "module":
        return name in MODULE_METHODS
    if value.kind != "instance":
        return False
    if not isinstance(value.ref, Instance):
        return True
    instance = value.ref
    return (
        name not in instance.attrs
        and instance.cls.method(name) is None
        and instance.cls.attribute(name) is None
        and name in SPECIAL_METHODS
    )


def _unresolved(
    frame: Frame,
    callee: Value,
    name: str,
    receiver: Value,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    node: cst.Node,
) -> Value:
    """A method of something not in view."""
    # `cast` is listened to where a file speaks of half
    asked = name == "parameters" and "cast" in frame.session.listened
    if asked and (dtype := weights_dtype(receiver)) is not None:
        return frame.unknown(dtype=dtype, reach=Confidence.LIKELY if receiver.kind == "unknown" else Confidence.CERTAIN)
    result = _model_call(frame, callee, positional, keywords, node)
    known = receiver.kind != "unknown" or callee is not receiver
    return result if known else made_from(frame.session, result, (receiver, *(o.value for o in positional)))


def _know_model(frame: Frame, value: Value, name: str) -> None:
    if name in ("parameters", "named_parameters", "load_state_dict") and value.kind == "unknown":
        frame.session.models.add(value.ident)


def module_call(
    frame: Frame,
    module: Module,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    node: cst.Node,
    ident: int,
) -> Value:
    """Apply a torch.nn module to its inputs; `ident` is its value number, as two layers have weights of their own."""
    if module.children is not None and module.dotted.endswith("Sequential"):
        current = list(positional)
        result = positional[0].value if positional else frame.unknown()
        for child in module.children:
            result = invoke_value(frame, child, current, {}, node)
            if result.kind == "unknown":
                result = frame.unknown(
                    kind="tensor",
                    reach=Confidence.LIKELY,
                    grad=True,
                    made_by=Application("network", {}, frame.place(node)),
                )
            current = [Operand(result, node)]
        return result
    if module.op is None:
        for operand in positional:
            escape(operand.value)
        inputs = {str(i): operand.value for i, operand in enumerate(positional)}
        return frame.unknown(
            kind="tensor", reach=Confidence.LIKELY, grad=None if frame.no_grad else True,
            made_by=Application("network", inputs, frame.place(node)),
        )  # fmt: skip
    op = module.op
    bound = dict(zip((p for p in op.parameters if p not in op.constructor), positional, strict=False))
    bound.update({k: v for k, v in keywords.items() if k in op.parameters})
    for parameter, operand in module.arguments.items():
        bound.setdefault(parameter, operand)
    first = bound.get(op.parameters[0]) if op.parameters else None
    if first is not None:
        know_tensor(frame, first.value)
    result = apply(frame, op, bound, node)
    weighted = "weight" in op.parameters and op.name not in ("nll_loss", "cross_entropy")
    if not weighted:
        return result
    own = frame.session.intern(("layer", ident, result.ident))
    return result.but(ident=own, grad=result.grad if frame.no_grad else True)


def _super_call(
    frame: Frame,
    value: Value,
    name: str,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    node: cst.Node,
    starred: bool,
) -> Value:
    owner, receiver = value.ref
    method = owner.method(name, after=owner) if owner is not None else None
    if method is None and name == "__init__" and (base := constraints.base_of(owner)) is not None:
        # the constructor checks its parameters
        return dotted_call(frame, base, positional, keywords, node, starred)
    if method is None or receiver is None:
        return unknown_call(frame, positional, keywords)
    return invoke(frame, method.bind(receiver), positional, keywords, node, starred)
