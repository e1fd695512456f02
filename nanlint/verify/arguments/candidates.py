"""All that a parameter may be given, the likeliest first."""

from __future__ import annotations

import ast
import inspect

from nanlint.verify.arguments.annotations import (
    compared_with,
    of_annotation,
    of_default,
    of_docstring,
    of_rank,
    says_tensor,
    written,
)
from nanlint.verify.arguments.names import of_name
from nanlint.verify.arguments.specs import (
    FIRST,
    LADDER,
    Keyed,
    Several,
    Spec,
    TensorSpec,
    Written,
    floats,
    numbers,
    plain,
)
from nanlint.verify.arguments.usage import Usage, usage

# None stands for leaving the argument out.
Candidates = list[Spec | None]


def candidates(parameter: inspect.Parameter, node: ast.AST | None, doc: str) -> Candidates:
    """`node` is the function's definition, `doc` its docstring and that of its class."""
    annotation = written(parameter)
    if parameter.default is not inspect.Parameter.empty:
        compared = compared_with(node, parameter.name) if node is not None else []
        return list(dict.fromkeys([None, *of_default(parameter.default, annotation, compared)]))
    named, noted = of_name(parameter.name), of_annotation(annotation)
    if not says_tensor(annotation):
        kinds = {spec.text[:1].isalpha() for spec in noted if isinstance(spec, Written)}
        fitting = [spec for spec in named if isinstance(spec, Written) and spec.text[:1].isalpha() in kinds]
        found = [*fitting, *noted, *named] if noted else [*named, *_any_tensor(), *_anything()]
    else:
        used = usage(node, parameter.name) if node is not None else Usage()
        tensors = [spec for spec in named if isinstance(spec, TensorSpec)]
        dtype = used.dtype or (tensors[0].dtype if tensors else "float")
        hints = [*(_used_as(used) if not annotation else []), *of_docstring(doc, parameter.name, dtype)]
        hints += _of_usage(used)
        sized = [TensorSpec(dtype, ("N", size)) for size in dict.fromkeys(used.last_sizes)]
        found = [*hints, *(tensors if annotation else named), *noted, *sized, *_any_tensor()]
        found += [] if annotation else _anything()
    if node is not None and not annotation:
        found += [plain(value) for value in compared_with(node, parameter.name)]
    return list(dict.fromkeys(found))


def _used_as(used: Usage) -> list[Spec]:
    if used.kind == "function":
        return [FIRST]
    if used.kind == "dict":
        keys = used.keys or ["a"]
        return [Keyed(tuple((key, floats(*shape)) for key in dict.fromkeys(keys))) for shape in LADDER[:3]]
    if used.kind == "int":
        return [plain(3)]
    if used.kind == "sequence":
        items: tuple[Spec, ...] = (floats("N", "C"), floats("N"), numbers("N"), floats())
        return [Several((item,) * used.length, tuple) for item in items]
    return []


def _of_usage(used: Usage) -> list[Spec]:
    if used.rank is not None:
        return [of_rank(used.rank, used.dtype or "float")]
    if used.least_rank > 2:
        return [of_rank(used.least_rank, used.dtype or "float")]
    if used.dtype:
        return [TensorSpec(used.dtype, ("N",)), TensorSpec(used.dtype, ("N", "C"))]
    return []


def _any_tensor() -> list[Spec]:
    return [
        *(floats(*shape) for shape in LADDER),
        *(numbers(*shape) for shape in LADDER[:6]),
        *(TensorSpec("bool", shape) for shape in LADDER[:4]),
    ]


def _anything() -> list[Spec]:
    return [plain(0.5), plain(3), plain(None), plain("mean")]
