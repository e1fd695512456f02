"""Patterns of expressions and what they match: values, by the operations that made them, whatever the spelling.

A pattern is written as Python with the canonical names of operations: `log(1 + exp(x))`, `sum(exp(x), dim=d)`.
Names stand for operands: the same name for equal ones; a name in capitals, for a keyword that may be absent.
`square(x)`, `number(x)` and the other names of `FORMS` and `TESTS` stand for what several operations write.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from nanlint.facts.frame import Applied
from nanlint.facts.relations import is_square
from nanlint.facts.value import Application, Operand, Value
from nanlint.ops import TABLE
from nanlint.slotted import Data

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.MatMult: "matmul",
}  # fmt: skip
COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
COMMUTATIVE = frozenset({"add", "mul"})
TESTS: dict[str, Callable[[Value], bool]] = {
    "number": lambda value: value.number is not None or (value.kind == "number" and not value.hazards),
    "literal": lambda value: value.number is not None,
    "tensor": lambda value: value.kind == "tensor",
    "masking": lambda value: value.number is not None and value.number <= -1e3,
    "wide": lambda value: not value.is_half,
    "nonnegative": lambda value: value.range is not None and value.range.lo >= 0,
}
INDEX = ("input", "mask")
Operands = Mapping[Application, Applied]


class Match(Data):
    """What the names of a pattern stand for, and the applications that it takes the place of."""

    names: Mapping[str, tuple[Operand, ...]] = MappingProxyType({})
    used: tuple[Applied, ...] = ()

    def binding(self, name: str, operand: Operand) -> Match | None:
        known = self.names.get(name, ())
        if known and not _equal(known[0].value, operand.value):
            return None
        return Match({**self.names, name: (*known, operand)}, self.used)

    def using(self, applied: Applied) -> Match:
        return Match(self.names, (*self.used, applied))


def _equal(one: Value, other: Value) -> bool:
    if one.ident == other.ident:
        return True
    both = one.items is not None and other.items is not None and len(one.items) == len(other.items)
    return both and all(_equal(a, b) for a, b in zip(one.items or (), other.items or (), strict=True))


def roots(pattern: ast.expr) -> frozenset[str]:
    """The operations of which one has made every value that the pattern matches."""
    if isinstance(pattern, ast.Call):
        name = _called(pattern)
        return FORMS[name].ops if name in FORMS else frozenset({name})
    if isinstance(pattern, ast.UnaryOp):
        return frozenset({"neg"})
    if isinstance(pattern, ast.BinOp):
        op = BINARY[type(pattern.op)]
        return frozenset({op, "rsub"} if op == "sub" else {op})
    if isinstance(pattern, ast.Subscript):
        return frozenset({"index"})
    raise ValueError(f"a pattern cannot be {ast.unparse(pattern)}")


def matches(pattern: ast.expr, operand: Operand, made: Operands, found: Match) -> Iterator[Match]:
    """The ways in which an operand can be read as the pattern, each a continuation of what is `found`."""
    value = operand.value
    if isinstance(pattern, ast.Name):
        bound = found.binding(pattern.id, operand)
        if bound is not None:
            yield bound
        return
    number = _number(pattern)
    if number is not None:
        if value.number == number:
            yield found
        return
    if isinstance(pattern, ast.Call) and _called(pattern) in TESTS:
        if TESTS[_called(pattern)](value):
            yield from matches(pattern.args[0], operand, made, found)
        return
    applied = made.get(value.made_by) if value.made_by is not None else None
    if applied is not None:
        yield from applications(pattern, applied, made, found)


def applications(pattern: ast.expr, applied: Applied, made: Operands, found: Match) -> Iterator[Match]:
    """As `matches`, for the value that an application gave."""
    operands, op = applied.operands, applied.op
    found = found.using(applied)
    if isinstance(pattern, ast.UnaryOp):
        if op == "neg":
            yield from matches(pattern.operand, operands["input"], made, found)
        return
    if isinstance(pattern, ast.Subscript):
        if op == "index" and "mask" in operands:
            for inner in matches(pattern.value, operands["input"], made, found):
                yield from matches(pattern.slice, operands["mask"], made, inner)
        return
    if isinstance(pattern, ast.BinOp):
        yield from _binary(pattern, applied, made, found)
        return
    if isinstance(pattern, ast.Compare):
        if op == COMPARED[type(pattern.ops[0])]:
            yield from _pair(pattern.left, pattern.comparators[0], applied, made, found)
        return
    assert isinstance(pattern, ast.Call)
    name = _called(pattern)
    if name in FORMS:
        inner_operand = FORMS[name].inner(applied)
        if inner_operand is not None:
            yield from matches(pattern.args[0], inner_operand, made, found)
        return
    if op == name:
        yield from _call(pattern, applied, made, found)


def _binary(pattern: ast.BinOp, applied: Applied, made: Operands, found: Match) -> Iterator[Match]:
    op = BINARY[type(pattern.op)]
    left, right = pattern.left, pattern.right
    if op == "pow":
        if applied.op == "pow" and set(applied.operands) == {"input", "exponent"}:
            for inner in matches(left, applied.operands["input"], made, found):
                yield from matches(right, applied.operands["exponent"], made, inner)
        return
    if op == "sub" and applied.op == "rsub":
        left, right = right, left
    elif applied.op != op:
        return
    yield from _pair(left, right, applied, made, found)
    if op in COMMUTATIVE:
        yield from _pair(right, left, applied, made, found)


def _pair(left: ast.expr, right: ast.expr, applied: Applied, made: Operands, found: Match) -> Iterator[Match]:
    if set(applied.operands) == {"input", "other"}:
        for inner in matches(left, applied.operands["input"], made, found):
            yield from matches(right, applied.operands["other"], made, inner)


def _call(pattern: ast.Call, applied: Applied, made: Operands, found: Match) -> Iterator[Match]:
    """Every operand of the application must be accounted for, or be what it is by default."""
    name = _called(pattern)
    wanted = dict(zip(TABLE[name].parameters, pattern.args, strict=False))
    wanted.update({keyword.arg: keyword.value for keyword in pattern.keywords if keyword.arg})
    if any(parameter not in wanted and not _is_default(parameter, o) for parameter, o in applied.operands.items()):
        return
    yield from _each(list(wanted.items()), applied, made, found)


def _each(wanted: list[tuple[str, ast.expr]], applied: Applied, made: Operands, found: Match) -> Iterator[Match]:
    if not wanted:
        yield found
        return
    (parameter, pattern), rest = wanted[0], wanted[1:]
    operand = applied.operands.get(parameter)
    if operand is None or (is_optional(pattern) and _is_default(parameter, operand)):
        if is_optional(pattern):
            yield from _each(rest, applied, made, found)
        return
    for inner in matches(pattern, operand, made, found):
        yield from _each(rest, applied, made, inner)


def is_optional(pattern: ast.expr) -> bool:
    return isinstance(pattern, ast.Name) and pattern.id.isupper()


def _is_default(parameter: str, operand: Operand) -> bool:
    value = operand.value
    return value.kind == "none" or (parameter in ("keepdim", "inplace") and value.const is False)


def _called(pattern: ast.Call) -> str:
    assert isinstance(pattern.func, ast.Name)
    return pattern.func.id


def _number(pattern: ast.expr) -> float | None:
    if isinstance(pattern, ast.Constant) and isinstance(pattern.value, (int, float)):
        return float(pattern.value)
    if isinstance(pattern, ast.UnaryOp) and isinstance(pattern.operand, ast.Constant):
        inner = _number(pattern.operand)
        return -inner if inner is not None else None
    return None


class Form(Data):
    """What several operations write; `inner` gives the operand of an application that does."""

    ops: frozenset[str]
    inner: Callable[[Applied], Operand | None]


def _squared(applied: Applied) -> Operand | None:
    return applied.operands["input"] if is_square(applied.result) and _exponent(applied) in (None, 2) else None


def _exponent(applied: Applied) -> float | None:
    exponent = applied.operands.get("exponent")
    return exponent.value.number if exponent is not None else None


def _root(applied: Applied) -> Operand | None:
    return applied.operands["input"] if applied.op == "sqrt" or _exponent(applied) == 0.5 else None


def _inverse(applied: Applied) -> Operand | None:
    if applied.op == "div":
        return applied.operands["other"] if applied.operands["input"].value.number == 1 else None
    return applied.operands["input"] if applied.op == "reciprocal" or _exponent(applied) == -1 else None


FORMS = {
    "square": Form(frozenset({"square", "pow", "mul"}), _squared),
    "root": Form(frozenset({"sqrt", "pow"}), _root),
    "inverse": Form(frozenset({"reciprocal", "pow", "div"}), _inverse),
}
