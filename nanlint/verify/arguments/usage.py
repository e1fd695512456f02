"""What the body of a function does with a parameter, and so what it can be."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass, field
from typing import Literal

from torch.nn import functional

from nanlint.verify.arguments.specs import LONGEST_AXIS, Dtype

_INDEX_TAKERS = {
    "one_hot", "index_select", "gather", "scatter_", "scatter", "bincount", "index_add_", "scatter_add_", "nll_loss",
    "scatter_add", "index_add",
}  # fmt: skip
_RANKED = {"conv1d": 3, "conv2d": 4, "avg_pool2d": 4, "max_pool2d": 4, "interpolate": 4, "conv3d": 5}
_DICT_METHODS = {"items", "keys", "values", "get"}
# What only complex tensors have or are asked for.
_OF_COMPLEX = {"is_complex", "imag", "view_as_real"}
# Losses whose targets are data: those of others, such as a distance, may be learned just as well.
_LOSSES = re.compile("cross_entropy|nll|margin|hinge")


@dataclass(slots=True)
class Usage:
    """`rank` is exact, `least_rank` a bound; `kind` is what it is used as, if not a tensor, `length` of a
    sequence, `keys` of a dict. `last_sizes` are those that its last axis is compared with.
    """

    rank: int | None = None
    least_rank: int = 0
    dtype: Dtype | None = None
    kind: Literal["", "sequence", "dict", "function", "int"] = ""
    length: int = 3
    keys: list[str] = field(default_factory=list)
    last_sizes: list[int] = field(default_factory=list)


def usage(node: ast.AST, name: str) -> Usage:
    found = Usage()
    for each in ast.walk(node):
        if isinstance(each, ast.Assign):
            _unpacked(each, name, found)
        elif isinstance(each, ast.Compare):
            _rank_compared(each, name, found)
            _last_size_compared(each, name, found)
        elif isinstance(each, ast.Subscript):
            _subscripted(each, name, found)
        elif isinstance(each, ast.Call):
            _called(each, name, found)
        elif isinstance(each, ast.Attribute) and each.attr in _OF_COMPLEX and _is(each.value, name):
            found.dtype = "complex"
        elif isinstance(each, ast.UnaryOp) and isinstance(each.op, ast.Invert) and _is(each.operand, name):
            found.dtype = "bool"
        elif isinstance(each, (ast.For, ast.comprehension)) and _is(each.iter, name):
            found.kind = found.kind or "sequence"
    return found


def targets(node: ast.AST) -> set[str]:
    """The names that are given to losses of torch as their targets."""
    found: set[str] = set()
    for each in ast.walk(node):
        if not isinstance(each, ast.Call):
            continue
        word = each.func.attr if isinstance(each.func, ast.Attribute) else getattr(each.func, "id", "")
        loss = getattr(functional, word, None) if _LOSSES.search(word) else None
        order = list(inspect.signature(loss).parameters) if callable(loss) else []
        given = [*zip(order, each.args, strict=False), *((one.arg, one.value) for one in each.keywords)]
        found |= {
            value.id for parameter, value in given if order and parameter == "target" and isinstance(value, ast.Name)
        }
    return found


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _shape_of(node: ast.AST, name: str) -> bool:
    """Whether it is `x.shape` or `x.size()`."""
    if isinstance(node, ast.Attribute) and node.attr == "shape":
        return _is(node.value, name)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "size"
        and not node.args
        and _is(node.func.value, name)
    )


def _unpacked(node: ast.Assign, name: str, found: Usage) -> None:
    if not isinstance(node.targets[0], ast.Tuple):
        return
    if _shape_of(node.value, name):
        found.rank = len(node.targets[0].elts)
    elif _is(node.value, name) and not found.kind:
        found.kind, found.length = "sequence", len(node.targets[0].elts)


def _rank_compared(node: ast.Compare, name: str, found: Usage) -> None:
    value = node.comparators[0]
    if not isinstance(value, ast.Constant) or type(value.value) is not int:
        return
    if not isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
        return
    left = node.left
    is_dim = (
        (isinstance(left, ast.Attribute) and left.attr == "ndim" and _is(left.value, name))
        or (
            isinstance(left, ast.Call)
            and isinstance(left.func, ast.Attribute)
            and left.func.attr in ("dim", "ndimension")
            and _is(left.func.value, name)
        )
        or (isinstance(left, ast.Call) and _is(left.func, "len") and bool(left.args) and _shape_of(left.args[0], name))
    )
    if is_dim and found.rank is None:
        found.rank = value.value


def _last_size_compared(node: ast.Compare, name: str, found: Usage) -> None:
    """`x.shape[-1] == 14`, `x.size(-1) not in (4, 14)`."""
    left, right = node.left, node.comparators[0]
    of_shape = isinstance(left, ast.Subscript) and _shape_of(left.value, name) and ast.unparse(left.slice) == "-1"
    if of_shape or ast.unparse(left) == f"{name}.size(-1)":
        items = right.elts if isinstance(right, (ast.List, ast.Tuple, ast.Set)) else [right]
        sizes = [each.value for each in items if isinstance(each, ast.Constant) and type(each.value) is int]
        found.last_sizes += [size for size in sizes if size <= LONGEST_AXIS]


def _subscripted(node: ast.Subscript, name: str, found: Usage) -> None:
    if _shape_of(node.value, name):
        _at_least(_axis(node.slice), found)
    elif _is(node.value, name) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        found.kind = "dict"
        found.keys.append(node.slice.value)
    elif _is(node.slice, name):
        found.dtype = found.dtype or "long"
    elif _is(node.value, name) and isinstance(node.slice, ast.Tuple):
        axes = [e for e in node.slice.elts if not (isinstance(e, ast.Constant) and e.value in (None, Ellipsis))]
        found.least_rank = max(found.least_rank, len(axes))


def _called(node: ast.Call, name: str, found: Usage) -> None:
    function = node.func
    word = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if _is(function, name):
        found.kind = "function"
    if isinstance(function, ast.Attribute) and _is(function.value, name):
        if word in ("size", "flatten", "unbind") and node.args:
            _at_least(_axis(node.args[0]), found)
        elif word in _DICT_METHODS:
            found.kind = "dict"
        elif word in ("append", "extend"):
            found.kind = "sequence"
    if any(_is(argument, name) for argument in node.args):
        if word in _INDEX_TAKERS and not _is(node.args[0], name) or word in ("one_hot", "bincount"):
            found.dtype = "long"
        if word in _RANKED and _is(node.args[0], name) and found.rank is None:
            found.rank = _RANKED[word]
        if word == "range":
            found.kind = "int"
        if word in _OF_COMPLEX:
            found.dtype = "complex"


def _axis(node: ast.AST) -> int | None:
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int and node.value >= 0 else None


def _at_least(axis: int | None, found: Usage) -> None:
    if axis is not None:
        found.least_rank = max(found.least_rank, axis + 1)
