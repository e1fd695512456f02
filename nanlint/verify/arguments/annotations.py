"""What the annotation of a parameter, its docstring and its default allow it to be."""

from __future__ import annotations

import ast
import enum
import inspect
import re
from typing import Any

from nanlint.verify.arguments.specs import (
    FIRST,
    OF_RANK,
    Dtype,
    Keyed,
    Several,
    Spec,
    TensorSpec,
    Written,
    floats,
    plain,
)

_SHAPED = re.compile(r"(Float|Int|Bool|Shaped|Num)\[\s*Tensor,\s*['\"]([^'\"]*)")
_AXES = {"b": "N", "n": "N", "c": "C", "h": "H", "w": "W", "d": "D", "t": "T"}
_IN_DOCS = {
    "N": "N", "B": "N", "b": "N", "C": "C", "H": "H", "W": "W", "D": "D", "T": "T", "d": "D", "K": "C", "P": "D",
    "L": "T", "M": "N", "n": "N",
}  # fmt: skip


def written(parameter: inspect.Parameter) -> str:
    """The annotation as text, without the names of the modules; "" where there is none."""
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return ""
    text = annotation if isinstance(annotation, str) else ""
    if not text:
        is_class = isinstance(annotation, type) and not hasattr(annotation, "__origin__")
        text = annotation.__name__ if is_class and not getattr(annotation, "__args__", None) else str(annotation)
    return text.replace("typing.", "").replace("torch.", "")


def says_tensor(annotation: str) -> bool:
    """Whether a tensor, by itself, is allowed."""
    if not annotation:
        return True
    holders = r"\b(List|Sequence|Tuple|Iterable|Dict|Mapping|Callable)\[.*\]"
    outside = re.sub(holders, "", annotation, flags=re.IGNORECASE)
    return "Tensor" in outside


def of_annotation(annotation: str) -> list[Spec]:
    """What it says besides of tensors of any shape."""
    shaped = _SHAPED.search(annotation)
    if shaped:
        axes = [axis.strip("#*") for axis in shaped[2].split() if axis != "..."]
        shape = tuple(int(axis) if axis.isdigit() else _AXES.get(axis[:1].lower(), "N") for axis in axes)
        kinds: dict[str, Dtype] = {"Int": "long", "Bool": "bool"}
        return [TensorSpec(kinds.get(shaped[1], "float"), shape)]
    found: list[Spec] = []
    if literal := re.search(r"Literal\[([^\]]*)\]", annotation):
        found += [Written(word.strip()) for word in literal[1].split(",")]
    if re.search(r"\b(List|Sequence|Tuple|Iterable)\[.*Tensor", annotation, re.IGNORECASE):
        of_tuple = re.search("tuple", annotation, re.IGNORECASE) is not None
        number = max(2, annotation.count("Tensor")) if of_tuple else 3
        return [
            Several((floats(*shape),) * number, tuple if of_tuple else list)
            for shape in (("N", "C"), ("N",), ("N", "C", "H", "W"))
        ]
    if re.search(r"\b(Dict|Mapping)\b", annotation, re.IGNORECASE):
        return [Keyed((("a", floats("N", "C")),)), Keyed(()), Keyed((("a", plain(1.0)),))]
    if re.search(r"\b(List|Sequence|Tuple)\[ *float", annotation, re.IGNORECASE):
        return [plain([0.5, 0.5, 0.5]), plain((0.5, 0.5))]
    if re.search(r"\b(List|Sequence|Tuple)\[ *int", annotation, re.IGNORECASE):
        return [plain((3, 3)), plain([3, 3, 3])]
    if re.search(r"\bCallable\b", annotation):
        return [FIRST]
    if re.search(r"\bModule\b", annotation):
        found.append(Written("torch.nn.Identity()"))
    for word, values in (
        ("int", (3, 1, 2, 8, 16, 64)), ("float", (0.5, 1.0)), ("bool", (False, True)), ("str", ("mean", "a")),
        (r"None|Optional", (None,)),
    ):  # fmt: skip
        if re.search(rf"\b({word})\b", annotation):
            found += map(plain, values)
    if re.search(r"\bdtype\b", annotation):
        found += [Written("torch.float32"), Written("torch.int64")]
    return found


def of_docstring(doc: str, name: str, dtype: Dtype) -> list[Spec]:
    """Tensors of the shapes, such as `(N, C)`, that an entry of a docstring gives a parameter."""
    found: list[Spec] = []
    for entry in docstring_entries(doc, name):
        for group in re.findall(r"\(([A-Za-z]\w*(?:\s*,\s*(?:[A-Za-z]\w*|\d+|\*|\.\.\.))*)\s*,?\)", entry):
            axes = [axis.strip() for axis in group.split(",") if axis.strip() not in ("...", "*")]
            if all(axis in _IN_DOCS or axis.isdigit() or re.fullmatch(r"[A-Z]_?\w?", axis) for axis in axes):
                shape = tuple(_IN_DOCS.get(axis, int(axis) if axis.isdigit() else "N") for axis in axes)
                found.append(TensorSpec(dtype, shape))
    return found


def docstring_entries(doc: str, name: str) -> list[str]:
    """What a docstring says of a parameter, in Google's style or Sphinx's: `name (type): text`, `:param name: text`."""
    pattern = (
        rf"(?m)^\s*(?:[-*]\s*|:param\s+(?:\w+\s+)?)?`*{re.escape(name)}`*\s*(\([^)\n]*\))?\s*:(.*(?:\n\s{{8,}}.*)*)"
    )
    return [f"{match[1] or ''} {match[2] or ''}" for match in re.finditer(pattern, doc)]


def of_default(default: Any, annotation: str, compared: list[Any]) -> list[Spec]:
    """Other values than the default of a parameter, among them those that the body compares it with."""
    found: list[Spec] = [plain(value) for value in compared]
    if isinstance(default, enum.Enum):
        found += members(type(default))
    elif isinstance(default, bool):
        found.append(plain(not default))
    elif isinstance(default, (int, float)):
        found += [plain(type(default)(value)) for value in (1, 2, 0.5, 0.1) if value != default]
    elif isinstance(default, str):
        found += [spec for spec in of_annotation(annotation) if isinstance(spec, Written)]
        found += [plain(word) for word in ("none", "mean", "sum")]
    elif default is None:
        found += of_annotation(annotation)
        if says_tensor(annotation):
            found += [floats("C"), floats("N"), floats("N", "C"), floats("N", 1)]
            found += [TensorSpec("long", ("N",)), TensorSpec("bool", ("N", "C"))]
        if not annotation:
            found += [plain(0.5), plain(True), plain(2)]
    return found


def members(kind: type) -> list[Spec]:
    """The members of an enumeration; none of any other class."""
    where = f'importlib.import_module("{kind.__module__}").{kind.__qualname__}'
    return [Written(f"{where}.{name}") for name in kind.__members__] if issubclass(kind, enum.Enum) else []


def compared_with(node: ast.AST, name: str) -> list[Any]:
    """The constants that a body compares a parameter, or the attribute of that name, with; numbers with their
    neighbours.
    """
    found: list[Any] = []
    for each in ast.walk(node):
        if not isinstance(each, ast.Compare) or len(each.comparators) != 1:
            continue
        sides = (each.left, each.comparators[0])
        for one, other in (sides, sides[::-1]):
            if _named(one) != name:
                continue
            items = other.elts if isinstance(other, (ast.Tuple, ast.List, ast.Set)) else [other]
            for item in items:
                if isinstance(item, ast.Constant):
                    value: Any = item.value
                    found += [value, value + 1, value - 1, value * 2] if type(value) in (int, float) else [value]
    return found


def _named(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return None


def of_rank(rank: int, dtype: Dtype) -> TensorSpec:
    return TensorSpec(dtype, OF_RANK.get(rank, ("N",) * rank))
