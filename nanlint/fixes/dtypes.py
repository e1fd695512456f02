"""The dtype of an operand, in code."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from nanlint.facts import autocast
from nanlint.facts.dtypes import FLOATS
from nanlint.facts.value import Application, Value
from nanlint.fixes.code import Code
from nanlint.fixes.imports import named
from nanlint.fixes.writing import Unwritable
from nanlint.ops import TABLE

LOWERED = frozenset().union(*autocast.LOWERED.values())
KEEPING = frozenset({"same", "float", "promote"})
DEPTH = 8

if TYPE_CHECKING:
    from nanlint.facts.frame import Applied

PARTS = frozenset({"real", "imag", "angle", "conj", "resolve_conj", "conj_physical", "view_as_real"})
"""What is asked of complex numbers only."""
UNSIGNED = frozenset({"sqrt", "rsqrt", "exp", "square"})
"""What is never negative of a real number: its size is nothing to ask for."""


def is_taken_for_complex(made: Mapping[Application, Applied], value: Value) -> bool:
    """The code treats what an operation gave as complex, though nothing says of which dtype it is."""
    asked = PARTS | {"abs"} if value.op in UNSIGNED else PARTS
    uses = (operand.value for applied in made.values() if applied.op in asked for operand in applied.operands.values())
    return any(use.ident == value.ident for use in uses)


def dtype_of(
    code: Code, known: Sequence[tuple[ast.expr | None, Value]], tensors: Collection[int], *, exact: bool
) -> str:
    """The dtype of the whole by something short in it; whole numbers count as floats. Raises Unwritable.

    `known` are expressions with their values, the whole first; `tensors` the values that are tensors for sure. `exact`:
    float32 in the place of float16, which autocast makes of it, would not do.
    """
    whole, value = known[0]
    if whole is None:
        raise Unwritable("it is not there")
    sources = set(_sources(value, exact=exact))
    for node, value in known:
        if isinstance(node, (ast.Name, ast.Attribute)) and code.within(node, whole):
            sure = not exact and (value.kind == "tensor" or value.ident in tensors)
            if not sure and value.ident not in sources:
                continue
            if value.dtype in FLOATS or (value.dtype is None and value.grad is True):
                return f"{code.text(node)}.dtype"
            if value.kind in ("tensor", "unknown") and value.dtype is None:
                return f"{_result_type(code, whole)}({code.text(node)}, 1.0)"
    raise Unwritable("nothing short has its dtype")


def _sources(value: Value, depth: int = DEPTH, *, exact: bool) -> Iterator[int]:
    """The value and those among what it was made from that share its dtype."""
    yield value.ident
    op = TABLE.get(value.op)
    if depth and op is not None and op.dtype in KEEPING and not op.random and not (exact and op.name in LOWERED):
        for name in ("input", "other"):
            inner = value.arg(name)
            if inner is not None:
                yield from _sources(inner, depth - 1, exact=exact)


def _result_type(code: Code, at: ast.expr) -> str:
    try:
        text, edit = named(code, at, "torch.result_type")
    except LookupError:
        raise Unwritable("torch means something else here") from None
    if edit is not None:
        raise Unwritable("torch is not imported")
    return text
