"""What a signature says of a parameter: its annotation and its default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nanlint.facts import distributions
from nanlint.facts.dtypes import dtype_name
from nanlint.facts.frame import Env, Frame
from nanlint.facts.value import ABSENT, Kind, Module, Value
from nanlint.finding import Confidence
from nanlint.patterns import pattern
from nanlint.source import nodes as cst

if TYPE_CHECKING:
    from nanlint.source import ClassEntry, Definition

TENSOR = pattern(r"\b(?:[A-Za-z]*Tensor|ndarray|NDArray|ArrayLike)\b")
COLLECTION = pattern(
    r"^(?:Optional\[)?(?:typing\.|t\.)?(?:List|Tuple|Sequence|Iterable|Iterator|Set|Collection|list|tuple|set|Dict|dict|Mapping)\b"
)
CALLABLE = pattern(r"\b(?:Callable|Type|type|Module|Optimizer|Dataset|DataLoader)\b")
NETWORK = pattern(r"(?:torch\.)?(?:nn\.)?Module")
NUMBER = pattern(r"\b(?:int|float|bool|complex|Number|Real|SupportsFloat)\b")
TEXT = pattern(r"\b(?:str|bytes|Path|PathLike|device|dtype|Generator|Literal)\b")
OBJECT = pattern(r"(?:\w+\.)*[A-Z]\w{2,}")
COMPLEX = pattern(r"\bComplex(?:64|128)?\[")
INTEGER = pattern(r"\b(?:LongTensor|IntTensor|Int(?:64|32)?\[)")
BOOLEAN = pattern(r"\b(?:BoolTensor|Bool\[)")


def annotated(frame: Frame, annotation: cst.Annotation | None, unit: Definition | ClassEntry) -> Value:
    """A value of which only the annotation is known, which stands in `unit`."""
    if annotation is None:
        return frame.unknown()
    text = unit.code_of(annotation.annotation).strip("'\" ")
    if COLLECTION.match(text):
        element = annotated_text(frame, text.partition("[")[2]) if "[" in text else frame.unknown()
        if re.match(r"^(?:Optional\[)?(?:typing\.|t\.)?(?:Dict|dict|Mapping)", text):
            return (
                frame.unknown(kind="dict", ref={}) if element.kind != "tensor" else frame.unknown(ref=("each", element))
            )
        return frame.unknown(kind="tuple", ref=("each", element))
    return annotated_text(frame, text)


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
    tensor, number = bool(TENSOR.search(text)), bool(NUMBER.search(TENSOR.sub("", text)))
    if NETWORK.fullmatch(text):
        return {"kind": "module"}
    if CALLABLE.search(text):
        return {}
    if tensor and (not number or "[" in text.partition("Union")[0]):
        dtype = "complex64" if COMPLEX.search(text) else "int64" if INTEGER.search(text) else None
        dtype = "bool" if BOOLEAN.search(text) else dtype
        grad = False if "ndarray" in text.lower() or dtype in ("int64", "bool") else None
        return {"kind": "tensor", "reach": Confidence.LIKELY, "dtype": dtype, "grad": grad}
    if number and not tensor:
        return {"kind": "number"}
    return {"kind": "string"} if TEXT.search(text) and not tensor else None


@lru_cache(maxsize=1024)
def _kind_of_object(text: str) -> Kind:
    is_object = OBJECT.fullmatch(text) and text.rsplit(".", 1)[-1] not in ("Any", "Array", "Self", "Module")
    return "instance" if is_object else "unknown"


def is_setting(annotation: cst.Annotation | None, unit: Definition | ClassEntry) -> bool:
    """What may be a Python number as well as a tensor is chosen by the caller, such as a temperature; it is no data."""
    if annotation is None:
        return False
    return _is_of_both(unit.code_of(annotation.annotation))


@lru_cache(maxsize=1024)
def _is_of_both(text: str) -> bool:
    return TENSOR.search(text) is not None and NUMBER.search(TENSOR.sub("", text)) is not None


def is_tensor(annotation: cst.Annotation | None, unit: Definition | ClassEntry) -> bool:
    """The annotation speaks of a tensor; an array or a list that configures an object is no data."""
    return annotation is not None and "Tensor" in unit.code_of(annotation.annotation)


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
