"""The dtype of a result: torch's promotion, as far as the dtypes of the operands are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from nanlint.ops.dtypes import ALIASES, DTYPES
from nanlint.patterns import pattern

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
TENSORS = frozenset({"tensor", "unknown"})
DEFAULT_COMPLEX = "complex64"
# torch.HalfTensor, torch.cuda.FloatTensor
LEGACY = {
    "HalfTensor": "float16", "BFloat16Tensor": "bfloat16", "FloatTensor": "float32", "DoubleTensor": "float64",
    "ByteTensor": "uint8", "CharTensor": "int8", "ShortTensor": "int16", "IntTensor": "int32", "LongTensor": "int64",
    "BoolTensor": "bool",
}  # fmt: skip
SET_DEFAULT = pattern(r"set_default_(?<=\bset_default_)(?:dtype|tensor_type)\(\s*[\"']?((?:\w+\.)*)(\w+)")
# made with the default dtype unless told another one
FLOAT_MAKERS = frozenset("""zeros ones eye linspace logspace empty empty_strided rand randn hann_window""".split())
INTEGER_MAKERS = frozenset({"randint", "randperm", "tril_indices"})
# made of what they are given
CONTENTS = {"tensor": "input", "as_tensor": "input", "scalar_tensor": "s", "full": "fill_value"}
# one number out of all elements, unless told a dimension
WHOLE = frozenset(
    "sum nansum mean nanmean median nanmedian prod std var norm amax amin max min argmax argmin any all".split()
)
# of numbers without dimensions, a number without dimensions
ELEMENTWISE = frozenset(
    """add sub mul div neg pow sqrt rsqrt exp log abs square reciprocal clamp clamp_min clamp_max sigmoid tanh relu
    gelu silu softplus maximum minimum where lt le gt ge eq ne cumsum cumprod softmax log_softmax floor ceil round sign
    zeros_like ones_like full_like rand_like randn_like detach clone to float half double bfloat16 cuda cpu type type_as
    contiguous""".split()
)
MANY = 1000


def dtype_name(name: str) -> str | None:
    """The dtype that `torch.float`, `numpy.float32`, `builtins.complex` and the like name."""
    head, _, last = name.rpartition(".")
    if head == "builtins":
        return PYTHON.get(last)
    if head in ("torch", "torch.cuda"):
        last = ALIASES.get(last, last) if head == "torch" else ""
        last = LEGACY.get(name.rpartition(".")[2], last)
    elif head == "numpy":
        last = PYTHON.get(last.rstrip("_"), last)
    else:
        return None
    return last if last in DTYPES else None


def default_dtype(text: str) -> str | None:
    """The dtype that a file gives to floats that are told none; None when it sets several, or one that is not named."""
    if "set_default_" not in text:
        return "float32"
    asked = {LEGACY.get(last, ALIASES.get(last, last)) for _, last in SET_DEFAULT.findall(text)} or {"float32"}
    only = asked.pop()
    return only if not asked and only in FLOATS else None


def of_argument(given: Value | None) -> str | None:
    """The dtype that a `dtype=` argument asks for: a name, or the dtype of another tensor."""
    if given is None:
        return None
    if given.kind == "string":
        return dtype_name(str(given.const))
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


def is_scalar(value: Value, depth: int = 6) -> bool:
    """The tensor is known to have no dimension, so that it gives its dtype to none that has one."""
    made = value.made_by
    if made is None or depth == 0:
        return False
    if made.op in CONTENTS and made.op != "full":
        of = made.args.get(CONTENTS[made.op])
        return of is not None and (of.kind == "number" or is_scalar(of, depth - 1))
    if made.op not in WHOLE and made.op not in ELEMENTWISE:
        return False
    operands = [v for name, v in made.args.items() if name != "dtype" and v.kind in ("tensor", "unknown")]
    if made.op in WHOLE:
        pair = made.op in ("max", "min") and "other" in made.args
        told = made.args.get("dim")
        whole = not pair and (told is None or told.kind == "none")
        return whole or (bool(operands) and all(is_scalar(v, depth - 1) for v in operands))
    return bool(operands) and all(is_scalar(v, depth - 1) for v in operands)


def result_dtype(op: Op, values: Mapping[str, Value], default: str | None = None) -> str | None:
    """The dtype of `op` applied to `values`; None when it is not known, or several are possible.

    `default`: what torch makes floats of that are told no dtype.
    """
    given = values.get("dtype")
    if given is not None and given.kind != "none" and "dtype" not in op.constructor:
        return of_argument(given)
    tensors: list[Value] = []
    for name, value in values.items():
        if value.kind in TENSORS and name != "condition":
            tensors.append(value)
    if op.name.endswith("_loss") and not any(v.is_complex for v in tensors):
        # a wider target widens the difference
        return max((v.dtype for v in tensors if v.dtype in FLOATS), key=_width, default=None)
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
            return _of_contents(op, values, tensors, default)
        case "real":
            kept = tensors[0].dtype if tensors else None
            return REAL.get(kept or "", kept)
        case "same":
            if not tensors:
                return None
            first = tensors[0].dtype
            if op.name in COUNTING and is_integral(first):
                return "int64"
            if len(tensors) > 1 and op.name not in ONE_SIDED and any(v.is_complex for v in tensors[1:]):
                return complex_of(v.dtype for v in tensors)
            return first
        case _:
            return _promoted(op, values, tensors, default)


def dtypes_of_parts(op: Op, dtype: str | None) -> tuple[str | None, str | None]:
    """The dtypes of the first and of the later results of an op with several."""
    if op.rest is not None:
        return dtype, "int64"
    if is_complex(dtype):
        # eigenvalues of a Hermitian matrix, singular values and the logarithm of a magnitude are real
        real = REAL[dtype or ""]
        return {"eigh": (real, dtype), "slogdet": (dtype, real), "svd": (None, None)}.get(op.name, (dtype, dtype))
    return dtype, dtype


def _width(dtype: str | None) -> int:
    return FLOATS.get(dtype or "", -1)


def _of_contents(op: Op, values: Mapping[str, Value], tensors: list[Value], default: str | None) -> str | None:
    """Of what makes a tensor without being told a dtype: that of the tensor it is made like, or of its elements."""
    fill = values.get("fill_value")
    if fill is not None and fill.is_complex and "like" not in values:
        return DEFAULT_COMPLEX
    if op.name in CONTENTS:
        given = values.get(CONTENTS[op.name])
        return _of_elements([given], default) if given is not None else None
    if op.name in FLOAT_MAKERS:
        return default
    if op.name in INTEGER_MAKERS:
        return "int64"
    if op.name != "arange" and tensors:
        return tensors[0].dtype
    if op.name == "normal":
        return default
    if op.name == "arange":
        return _of_elements([values[name] for name in ("start", "end", "step") if name in values], default)
    return None


def _of_elements(values: Sequence[Value], default: str | None) -> str | None:
    """The dtype of a tensor of these: that of the widest kind of number; None if some of them is not known."""
    kinds: set[str | None] = set()
    queue = list(values)
    for value in queue:
        if len(queue) > MANY:
            return None
        if value.items is not None:
            queue.extend(value.items)
        elif value.kind == "tensor" and value.dtype is not None:
            kinds.add(value.dtype)
        elif value.kind == "number":
            kinds.add(_of_number(value, default))
        else:
            return None
    if len(kinds) == 1:
        return kinds.pop()
    if any(is_complex(kind) for kind in kinds):
        return complex_of(kinds)
    for wide in (default, "int64", "bool"):
        if wide in kinds and None not in kinds and kinds <= {default, "int64", "bool"}:
            return wide
    return None


def _of_number(value: Value, default: str | None) -> str | None:
    if value.is_complex:
        return DEFAULT_COMPLEX
    if value.is_literal:
        return "bool" if isinstance(value.const, bool) else "int64" if isinstance(value.const, int) else default
    return value.dtype if value.dtype in ("bool", "int64") else None


def _promoted(op: Op, values: Mapping[str, Value], tensors: list[Value], default: str | None) -> str | None:
    for value in values.values():
        if value.dtype is not None:
            break
    else:
        return None
    numbers = [v for v in values.values() if v.kind == "number"]
    if any(v.is_complex for v in (*tensors, *numbers)):
        return complex_of(v.dtype for v in tensors) if tensors else "complex128"
    if all(v.dtype is None for v in tensors):
        return None
    shaped = [v for v in tensors if not is_scalar(v)] if len(tensors) > 1 else tensors
    if shaped and len(shaped) < len(tensors):
        # what has no dimension only tells the kind
        if all(v.dtype in FLOATS for v in shaped):
            tensors = shaped
        elif any(v.dtype is None for v in tensors):
            return None
        else:
            truths = all(v.dtype == "bool" for v in shaped)
            tensors = [v for v in tensors if truths or v in shaped or v.dtype in FLOATS]
    dtypes = [v.dtype for v in tensors]
    if None in dtypes:
        return None
    floating = [d for d in dtypes if d in FLOATS]
    if floating:
        return max(floating, key=FLOATS.__getitem__) if len(set(floating)) == 1 or "float64" in floating else "float32"
    if op.dtype == "float" or any(isinstance(v.const, float) for v in numbers):
        return default or "float32"
    if any(not v.is_literal and v.dtype is None for v in numbers):
        return None
    if set(dtypes) == {"bool"} and any(v.dtype != "bool" for v in numbers):
        return "int64"
    return dtypes[0] if len(set(dtypes)) == 1 else next((d for d in dtypes if d != "bool"), None)
