"""What `x.name` is: of a tensor, an instance, an imported module, a constant of a dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts import absent, constraints, distributions
from nanlint.facts.apply import apply
from nanlint.facts.classes import is_record
from nanlint.facts.dtypes import dtype_name, is_complex
from nanlint.facts.fixed import made_from
from nanlint.facts.functions import ClassRef, Instance, invoke
from nanlint.facts.guarded import narrowed
from nanlint.facts.lookup import CONSTANTS, constant, dotted, member
from nanlint.facts.parts import named
from nanlint.facts.value import Application, Operand, Value, literal
from nanlint.finding import Confidence
from nanlint.interval import FINITE, FINITE_NONNEGATIVE
from nanlint.ops import DTYPES, TABLE

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.source import nodes as cst

VIEW_ATTRIBUTES = {"T": "t", "mT": "t", "H": "t", "mH": "t"}
WITH_INDICES = frozenset({"max", "min", "median", "nanmedian", "kthvalue", "mode", "sort", "topk", "cummax", "cummin"})
PROPERTIES = frozenset({"property", "cached_property", "lazy_property"})
NUMBER_ATTRIBUTES = frozenset(
    {"ndim", "itemsize", "nbytes", "requires_grad", "is_cuda", "is_leaf", "is_sparse", "device"}
)


def attribute(frame: Frame, base: Operand, name: str, node: cst.Node) -> Value:
    """The value of an attribute; an unknown one keeps its value number from use to use."""
    value = base.value
    match value.kind:
        case "name":
            return _of_name(frame, str(value.ref), name, node)
        case "file" if value.ref is not None:
            found = member(frame.session, value.ref, name)
            return found if found is not None else _unknown(frame, value, name)
        case "instance" if isinstance(value.ref, Instance):
            return _of_instance(frame, value, value.ref, name, node)
        case "instance" if isinstance(value.ref, tuple) and value.ref[0] == "finfo":
            return _of_finfo(frame, value.ref[1], name)
        case "class" if isinstance(value.ref, ClassRef):
            method = value.ref.method(name)
            if method is not None:
                bound = method.bind(value) if "classmethod" in method.decorators else method
                return Value("function", ident=frame.session.intern(("attr", value.ident, name)), ref=bound)
            found = value.ref.attribute(name)
            return found if found is not None else _unknown(frame, value, name)
        case "tensor" | "unknown" | "number":
            return _of_tensor(frame, base, name, node)
        case "tuple" if (part := named(value, name)) is not None:
            return part
        case "distribution":
            return distributions.attribute(frame, base, name, node) or _unknown(frame, value, name)
        case "super":
            return _unknown(frame, value, name)
        case _:
            return _unknown(frame, value, name)


def counted(frame: Frame, op: str, of: Value, node: cst.Node) -> Value:
    """A count of elements, rows or the like: not negative, and zero only for something empty."""
    return Value(
        "number", FINITE_NONNEGATIVE, Confidence.POSSIBLE, frame.session.intern((op, of.ident)), "int64", False,
        made_by=Application(op, {"input": of}, frame.place(node)),
    )  # fmt: skip


def _unknown(frame: Frame, base: Value, name: str) -> Value:
    session = frame.session
    value = session.once(("attr", base.ident, name), lambda ident: made_from(session, Value(ident=ident), (base,)))
    if base.kind == "unknown" and (base.ident in session.arguments or base.ident in session.fields):
        session.fields.add(value.ident)
    return value


def _of_name(frame: Frame, base: str, name: str, node: cst.Node) -> Value:
    full = f"{base}.{name}"
    if name in ("is_complex", "is_floating_point") and (dtype := dtype_name(base)) is not None:
        decided = is_complex(dtype) if name == "is_complex" else DTYPES[dtype].kind == "float"
        return literal(decided, frame.session.intern(("const", repr(decided))))
    if base in ("torch", "numpy", "math", "np") and name in CONSTANTS:
        return constant(frame, CONSTANTS[name])
    if base.startswith("torch"):
        absent.note(frame, full, node)
    return dotted(frame, full)


def _of_finfo(frame: Frame, dtype: str, name: str) -> Value:
    facts = DTYPES.get(dtype) or DTYPES["float32"]
    number = {
        "eps": facts.eps, "max": facts.max, "min": facts.min, "tiny": facts.smallest_normal,
        "smallest_normal": facts.smallest_normal,
        "resolution": facts.eps, "smallest_subnormal": facts.smallest,
    }.get(name)  # fmt: skip
    if number is None:
        return frame.unknown(kind="number")
    return literal(number, frame.session.intern(("finfo", dtype, name)))


def _of_instance(frame: Frame, value: Value, instance: Instance, name: str, node: cst.Node) -> Value:
    found = _held(frame, value, instance, name, node)
    within = constraints.of_attribute(instance.cls, name)
    if within == FINITE and found.made_by is None and found.range is None:
        # a caller may pass any of them, whatever the constructor is given in view
        declared = found.but(ident=frame.session.intern(("declared", found.ident)), kind="tensor", alternatives=())
        frame.session.arguments[declared.ident] = "public"
        return declared
    if within == FINITE:
        return found
    if within is not None and found.kind in ("tensor", "unknown"):
        if found.range is None:
            # any of them may be passed
            return found.but(range=within, reach=Confidence.LIKELY, alternatives=())
        return narrowed(found, within)
    if instance.cls.relates_parameters and name not in ("arg_constraints", "_validate_args"):
        constraints.order(frame, value, instance.cls, name, found, node)
    if name == "_validate_args" and found.made_by is None and constraints.is_distribution(instance.cls):
        # as it is unless it is turned off
        return literal(True, frame.session.intern(("const", "True")))
    return found


def _held(frame: Frame, value: Value, instance: Instance, name: str, node: cst.Node) -> Value:
    if name in instance.attrs:
        return instance.attrs[name]
    method = instance.cls.method(name)
    if method is not None:
        bound = method.bind(value)
        if any(d.rsplit(".", 1)[-1] in PROPERTIES for d in method.decorators):
            result = invoke(frame, bound, (), {}, node)
            if result.kind not in ("tensor", "number", "unknown"):
                return result
            # what is learned of it holds where it is read again, until something is assigned
            state = (held.ident for held in instance.attrs.values())
            return result.but(ident=frame.session.intern(("property", value.ident, name, *state)))
        return Value("function", ident=frame.session.intern(("attr", value.ident, name)), ref=bound)
    session = frame.session
    found = instance.cls.attribute(name)
    if found is not None and session.arguments.get(found.ident) != "state":
        return found
    own = _unknown(frame, value, name)
    session.attributes[own.ident] = (instance.cls, name)
    if found is None:
        return own
    # a state that the class only declares is another one for each class that inherits it; a record is given all of it
    origin = "public" if is_record(instance.cls) else "state"
    session.arguments[own.ident] = session.arguments.get(value.ident, origin)
    return found.but(ident=own.ident)


def _of_tensor(frame: Frame, base: Operand, name: str, node: cst.Node) -> Value:
    value = base.value
    session = frame.session
    if name in VIEW_ATTRIBUTES:
        return apply(frame, TABLE[VIEW_ATTRIBUTES[name]], {"input": base}, node)
    if name == "shape":
        ident = session.intern(("shape", value.ident))
        return Value("unknown", ident=ident, made_by=Application("shape", {"input": value}, frame.place(node)))
    if name == "data":
        return value.but(grad=False)
    if name == "size":
        # of numpy, which counts the elements; torch's is called
        return counted(frame, "numel", value, node)
    if name == "values" and value.op in WITH_INDICES:
        return value
    if name in ("real", "imag") and value.kind == "tensor":
        return apply(frame, TABLE[name], {"input": base}, node)
    if name in NUMBER_ATTRIBUTES:
        return Value("number", ident=session.intern(("attr", value.ident, name)))
    if name == "dtype" and value.dtype is not None:
        return dotted(frame, f"torch.{value.dtype}")
    if name == "dtype":
        return Value(
            ident=session.intern(("dtype", value.ident)),
            made_by=Application("dtype", {"input": value}, frame.place(node)),
        )
    if name == "grad":
        return Value("tensor", None, Confidence.LIKELY, session.intern(("attr", value.ident, name)), grad=False,
                     made_by=Application("grad", {"input": value}, frame.place(node)))  # fmt: skip
    found = value.ref.get(name) if value.kind == "unknown" and isinstance(value.ref, dict) else None
    return found if found is not None else _unknown(frame, value, name)
