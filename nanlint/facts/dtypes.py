"""The dtype of a result: torch's promotion, as far as the dtypes of the operands are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nanlint.ops.dtypes import ALIASES, DTYPES

if TYPE_CHECKING:
    from nanlint.facts.value import Application, Value
    from nanlint.ops.op import Op

PYTHON = {"float": "float64", "complex": "complex128", "int": "int64", "bool": "bool"}
"""What torch and numpy take `dtype=float` and the like for."""
FLOATS = {"float16": 0, "bfloat16": 0, "float32": 1, "float64": 2}
COMPLEX = {"float64": "complex128", "float16": "complex32"}
REAL = {"complex128": "float64", "complex64": "float32", "complex32": "float16"}
# the second operand lends its shape, or takes the dtype of the first
ONE_SIDED = frozenset({"view_as", "reshape_as", "expand_as", "copy_", "masked_scatter", "scatter", "index_copy"})
COUNTING = frozenset({"sum", "nansum", "prod", "cumsum", "cumprod"})
DEFAULT_COMPLEX = "complex64"


def dtype_name(name: str) -> str | None:
    """The dtype that `torch.float`, `numpy.float32`, `builtins.complex` and the like name."""
    head, _, last = name.rpartition(".")
    if head == "builtins":
        return PYTHON.get(last)
    if head == "torch":
        last = ALIASES.get(last, last)
    elif head == "numpy":
        last = PYTHON.get(last.rstrip("_"), last)
    else:
        return None
    return last if last in DTYPES else None


def of_argument(given: Value | None) -> str | None:
    """The dtype that a `dtype=` argument asks for: a name, or the dtype of another tensor."""
    if given is None:
        return None
    if isinstance(given.ref, str):
        return dtype_name(given.ref)
    source = given.arg("input") if given.op == "dtype" else None
    return source.dtype if source is not None else None


def is_integral(dtype: str | None) -> bool:
    return dtype is not None and (dtype == "bool" or dtype.lstrip("u").startswith("int"))


def is_complex(dtype: str | None) -> bool:
    return dtype is not None and dtype.startswith("complex")


def complex_of(dtypes: Iterable[str | None]) -> str:
    """The complex dtype with the precision of the widest of these; complex64 where they do not tell."""
    known = list(dtypes)
    for dtype in known:
        if dtype in ("complex128", "float64"):
            return "complex128"
    return "complex32" if known and all(d in ("complex32", "float16") for d in known) else DEFAULT_COMPLEX


def complex_origin(value: Value) -> Application | None:
    """The application that first made complex numbers out of real ones, or a layer whose weights are complex."""
    found: Application | None = None
    for _ in range(40):
        made = value.made_by
        if made is None or not value.is_complex:
            break
        found = made
        if "dtype" in made.args:
            break
        before = [v for v in made.args.values() if v.is_complex and v.kind != "number"]
        if not before:
            break
        value = before[0]
    return found


def result_dtype(op: Op, values: Mapping[str, Value]) -> str | None:
    """The dtype of `op` applied to `values`; None when it is not known, or several are possible."""
    given = values.get("dtype")
    if given is not None and given.kind != "none" and "dtype" not in op.constructor:
        return of_argument(given)
    tensors = [v for name, v in values.items() if v.kind in ("tensor", "unknown") and name != "condition"]
    match op.dtype:
        case "bool":
            return "bool"
        case "integer":
            return "int64"
        case "complex":
            asked = values.get("return_complex")
            if asked is not None and asked.const is False:
                return REAL.get(tensors[0].dtype or "", tensors[0].dtype) if tensors else None
            return complex_of(v.dtype for v in tensors)
        case "argument":
            return _of_contents(op, values, tensors)
        case "real":
            kept = tensors[0].dtype if tensors else None
            return REAL.get(kept or "", kept)
        case "same":
            if not tensors:
                return None
            first = tensors[0].dtype
            if op.name in COUNTING and is_integral(first):
                return "int64"
            if op.name not in ONE_SIDED and any(v.is_complex for v in tensors[1:]):
                return complex_of(v.dtype for v in tensors)
            return first
        case _:
            return _promoted(op, values, tensors)


def dtypes_of_parts(op: Op, dtype: str | None) -> tuple[str | None, str | None]:
    """The dtypes of the first and of the later results of an op with several."""
    if op.rest is not None:
        return dtype, "int64"
    if is_complex(dtype):
        # eigenvalues of a Hermitian matrix, singular values and the logarithm of a magnitude are real
        real = REAL[dtype or ""]
        return {"eigh": (real, dtype), "slogdet": (dtype, real), "svd": (None, None)}.get(op.name, (dtype, dtype))
    return dtype, dtype


def _of_contents(op: Op, values: Mapping[str, Value], tensors: list[Value]) -> str | None:
    """Of what makes a tensor without being told a dtype: that of the tensor it is made like, or of its elements."""
    fill = values.get("fill_value")
    if fill is not None and fill.is_complex and "like" not in values:
        return DEFAULT_COMPLEX
    return tensors[0].dtype if tensors else None


def _promoted(op: Op, values: Mapping[str, Value], tensors: list[Value]) -> str | None:
    numbers = [v for v in values.values() if v.kind == "number"]
    dtypes = [v.dtype for v in tensors]
    if any(v.is_complex for v in (*tensors, *numbers)):
        return complex_of(dtypes) if tensors else "complex128"
    if not tensors or None in dtypes:
        return None
    floating = [d for d in dtypes if d in FLOATS]
    if floating:
        return max(floating, key=FLOATS.__getitem__) if len(set(floating)) == 1 or "float64" in floating else "float32"
    if op.dtype == "float" or any(isinstance(v.const, float) for v in numbers):
        return "float32"
    if any(not v.is_literal and v.dtype is None for v in numbers):
        return None
    if set(dtypes) == {"bool"} and any(v.dtype != "bool" for v in numbers):
        return "int64"
    return dtypes[0] if len(set(dtypes)) == 1 else next((d for d in dtypes if d != "bool"), None)
