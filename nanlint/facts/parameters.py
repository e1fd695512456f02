"""What a signature says: the annotation and the default of a parameter, what is given."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nanlint.facts import distributions
from nanlint.facts.dtypes import dtype_name
from nanlint.facts.frame import Env, Frame
from nanlint.facts.value import ABSENT, Kind, Module, Value
from nanlint.finding import Confidence
from nanlint.source import nodes as cst
from nanlint.source.lex import APART

if TYPE_CHECKING:
    from nanlint.source import ClassEntry, Definition

COLLECTIONS = frozenset("List Tuple Sequence Iterable Iterator Set Collection list tuple set".split())
MAPPINGS = frozenset({"Dict", "dict", "Mapping"})
ARRAYS = frozenset({"ndarray", "NDArray", "ArrayLike"})
NETWORKS = frozenset({"Module", "nn.Module", "torch.Module", "torch.nn.Module"})
CALLABLES = frozenset({"Callable", "Type", "type", "Module", "Optimizer", "Dataset", "DataLoader"})
NUMBERS = frozenset({"int", "float", "bool", "complex", "Number", "Real", "SupportsFloat"})
TEXTS = frozenset({"str", "bytes", "Path", "PathLike", "device", "dtype", "Generator", "Literal"})
NO_TENSORS = frozenset({"None", "bool", "str", "int", "nn.Module"})
NO_CLASSES = frozenset({"Any", "Array", "Self", "Module"})
# what a tensor holds, by its own name or by the name that its shape stands behind: `Int[Tensor, "b n"]`
DTYPES = (
    ("bool", frozenset({"BoolTensor"}), frozenset({"Bool"})),
    ("complex64", frozenset[str](), frozenset({"Complex", "Complex64", "Complex128"})),
    ("int64", frozenset({"LongTensor", "IntTensor"}), frozenset({"Int", "Int32", "Int64"})),
)


def annotated(frame: Frame, annotation: cst.Annotation | None, unit: Definition | ClassEntry) -> Value:
    """A value of which only the annotation is known, which stands in `unit`."""
    if annotation is None:
        return frame.unknown()
    text = unit.code_of(annotation.annotation).strip("'\" ")
    outer = _outer(text)
    if outer in COLLECTIONS or outer in MAPPINGS:
        element = annotated_text(frame, text.partition("[")[2]) if "[" in text else frame.unknown()
        if outer in MAPPINGS:
            return (
                frame.unknown(kind="dict", ref={}) if element.kind != "tensor" else frame.unknown(ref=("each", element))
            )
        return frame.unknown(kind="tuple", ref=("each", element))
    return annotated_text(frame, text)


def _outer(text: str) -> str:
    """The first word of an annotation, `List` of `Optional[typing.List[Tensor]]`."""
    bare = text.removeprefix("Optional[")
    module, dot, rest = bare.partition(".")
    return (rest if dot and module in ("typing", "t") else bare).translate(APART).partition(" ")[0]


def annotated_text(frame: Frame, text: str) -> Value:
    said = _said(text)
    if said is None:
        known = distributions.of_annotation(frame, text)
        find = frame.session.find_record
        if known is None and find is not None:
            known = find(frame.unit.source, text)
        return known if known is not None else frame.unknown(kind=_kind_of_object(text))
    if said.get("kind") == "module":
        return frame.unknown(kind="module", ref=Module(text, None, {}))
    return frame.unknown(**said)


@lru_cache(maxsize=1024)
def _said(text: str) -> Mapping[str, Any] | None:
    """The fields of a value that an annotation of a network, tensor, number or text tells; None for any other.

    Few texts stand for most annotations.
    """
    words = _words(text)
    tensor, number = _is_of_tensors(words), not words.isdisjoint(NUMBERS)
    if text in NETWORKS:
        return {"kind": "module"}
    if not words.isdisjoint(CALLABLES):
        return {}
    if tensor and (not number or "[" in text.partition("Union")[0]):
        dtype = _dtype(text, words)
        grad = False if "ndarray" in text.lower() or dtype in ("int64", "bool") else None
        return {"kind": "tensor", "reach": Confidence.LIKELY, "dtype": dtype, "grad": grad}
    if number and not tensor:
        return {"kind": "number"}
    return {"kind": "string"} if not tensor and not words.isdisjoint(TEXTS) else None


def _words(text: str) -> set[str]:
    return set(text.translate(APART).split())


def _is_of_tensors(words: Set[str]) -> bool:
    return any(word in ARRAYS or (word.endswith("Tensor") and word.isalpha()) for word in words)


def _dtype(text: str, words: Set[str]) -> str | None:
    """The dtype by which the name of a tensor differs from others."""
    for dtype, names, shaped in DTYPES:
        if not words.isdisjoint(names) or any(f"{name}[" in text for name in words & shaped):
            return dtype
    return None


@lru_cache(maxsize=1024)
def _kind_of_object(text: str) -> Kind:
    last = text.rpartition(".")[2]
    is_class = len(last) > 2 and last[0].isupper() and text.replace(".", "").isidentifier()
    return "instance" if is_class and last not in NO_CLASSES else "unknown"


def is_setting(annotation: cst.Annotation | None, unit: Definition | ClassEntry) -> bool:
    """What may be a Python number as well as a tensor is chosen by the caller, such as a temperature; it is no data."""
    if annotation is None:
        return False
    return _is_of_both(unit.code_of(annotation.annotation))


@lru_cache(maxsize=1024)
def _is_of_both(text: str) -> bool:
    words = _words(text)
    return _is_of_tensors(words) and not words.isdisjoint(NUMBERS)


def is_tensor(annotation: cst.Annotation | None, unit: Definition | ClassEntry) -> bool:
    """The annotation speaks of a tensor; an array or a list that configures an object is no data."""
    return annotation is not None and "Tensor" in unit.code_of(annotation.annotation)


def gives_no_tensor(code: str) -> bool:
    """A signature in it says that it gives anything but tensors."""
    before, *rest = code.split("->")
    for after in rest:
        annotation, colon, _ = after.partition(":")
        said = annotation.strip().strip("\"'")
        is_other = said in NO_TENSORS or said.replace("[", " ").partition(" ")[0] == "Callable"
        if is_other and colon and before.rstrip().endswith(")"):
            return True
        before = after
    return False


def parameter_value(frame: Frame, parameter: cst.Param, unit: Definition | ClassEntry) -> Value:
    """A parameter of which no argument is known. A numeric default gives its range, but decides no branch."""
    value = annotated(frame, parameter.annotation, unit)
    if parameter.default is None:
        return value
    default = Frame(frame.session, unit, Env()).evaluate(parameter.default)
    if default.range is not None and default.range.is_nan:
        # it stands for a number that is not given
        return value.but(kind="number") if value.kind == "unknown" else value
    if default.kind == "number" and default.dtype != "bool" and value.kind in ("unknown", "number"):
        return default.but(const=ABSENT, ident=value.ident, reach=Confidence.LIKELY)
    if default.kind == "number" and value.kind == "unknown":
        return value.but(kind="number")
    if (
        value.kind == "tuple"
        and default.items
        and all(i.kind == "number" and i.range is not None for i in default.items)
    ):
        items = (item.but(const=ABSENT, ident=frame.session.fresh(), reach=Confidence.LIKELY) for item in default.items)
        return value.but(items=tuple(items), ref=None)
    if default.kind == "name" and dtype_name(str(default.ref)) is not None:
        return default
    if default.kind == "string" and value.kind == "unknown":
        return value.but(kind="string")
    return value
