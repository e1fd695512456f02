"""The value of operators: arithmetic, comparison and identity."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nanlint.facts.apply import apply, record
from nanlint.facts.dtypes import dtype_name
from nanlint.facts.value import Operand, Value, literal
from nanlint.ops import TABLE
from nanlint.source import nodes as cst

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.ops.op import Op


BINARY: dict[type, str] = {
    cst.Add: "add", cst.Subtract: "sub", cst.Multiply: "mul", cst.Divide: "div", cst.FloorDivide: "floor_divide",
    cst.Modulo: "remainder", cst.Power: "pow", cst.MatrixMultiply: "matmul", cst.BitAnd: "bitwise_and",
    cst.BitOr: "bitwise_or", cst.BitXor: "bitwise_xor",
}  # fmt: skip

AUGMENTED: dict[type, str] = {
    cst.AddAssign: "add", cst.SubtractAssign: "sub", cst.MultiplyAssign: "mul", cst.DivideAssign: "div",
    cst.FloorDivideAssign: "floor_divide", cst.ModuloAssign: "remainder", cst.PowerAssign: "pow",
    cst.MatrixMultiplyAssign: "matmul", cst.BitAndAssign: "bitwise_and", cst.BitOrAssign: "bitwise_or",
}  # fmt: skip

COMPARISONS: dict[type, str] = {
    cst.LessThan: "lt", cst.LessThanEqual: "le", cst.GreaterThan: "gt", cst.GreaterThanEqual: "ge",
    cst.Equal: "eq", cst.NotEqual: "ne",
}  # fmt: skip
# on literals
FOLDED: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "floor_divide": operator.floordiv, "remainder": operator.mod, "pow": operator.pow, "lt": operator.lt,
    "le": operator.le, "gt": operator.gt, "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip


def binary(frame: Frame, name: str, left: Operand, right: Operand, node: cst.Node) -> Value:
    """A Python operator on two operands."""
    a, b = left.value, right.value
    if a.kind == "number" and b.kind == "number" and (folded := _fold(frame, name, a, b)) is not None:
        return folded
    if a.kind == b.kind == "name" and name in ("eq", "ne") and dtype_name(str(a.ref)) and dtype_name(str(b.ref)):
        decided = (dtype_name(str(a.ref)) == dtype_name(str(b.ref))) == (name == "eq")
        return literal(decided, frame.session.intern(("const", repr(decided))))
    if a.kind in ("string", "tuple", "dict") or b.kind in ("string", "dict"):
        if name == "add" and a.items is not None and b.items is not None:
            return Value("tuple", ident=frame.session.fresh(), items=(*a.items, *b.items))
        if name == "mul" and a.items is not None and b.kind == "number":
            return Value("tuple", ident=frame.session.fresh())
        return frame.unknown()
    if name == "pow" and a.number == math.e and b.kind != "number":
        return apply(frame, TABLE["exp"], {"input": right}, node)
    op = TABLE.get(name)
    if op is None:
        return frame.unknown()
    parameters = op.parameters
    return apply(frame, op, {parameters[0]: left, parameters[1]: right}, node)


def _fold(frame: Frame, name: str, a: Value, b: Value) -> Value | None:
    if not (a.is_literal and b.is_literal and isinstance(a.const, (int, float)) and isinstance(b.const, (int, float))):
        return None
    x, y = a.const, b.const
    operation = FOLDED.get(name)
    if operation is None or (name == "pow" and (abs(y) > 1024 or abs(x) > 1e100)):
        return None
    try:
        result = operation(x, y)
    except (ArithmeticError, ValueError):
        return None
    if isinstance(result, complex):
        return None
    return literal(result, frame.session.intern(("const", repr(result))))


def binary_operation(frame: Frame, node: cst.BinaryOperation) -> Value:
    left = Operand(frame.evaluate(node.left), node.left)
    right = Operand(frame.evaluate(node.right), node.right)
    name = BINARY.get(type(node.operator))
    return binary(frame, name, left, right, node) if name else frame.unknown()


def unary_operation(frame: Frame, node: cst.UnaryOperation) -> Value:
    operand = Operand(frame.evaluate(node.expression), node.expression)
    value = operand.value
    if isinstance(node.operator, cst.Minus):
        if value.is_literal and isinstance(value.const, (int, float, complex)):
            return literal(-value.const, frame.session.intern(("const", repr(-value.const))))
        return apply(frame, TABLE["neg"], {TABLE["neg"].parameters[0]: operand}, node)
    if isinstance(node.operator, cst.Plus):
        return value
    if isinstance(node.operator, cst.Not):
        if value.is_literal:
            return literal(not value.const, frame.session.intern(("const", repr(not value.const))))
        return apply(frame, TABLE["logical_not"], {TABLE["logical_not"].parameters[0]: operand}, node)
    op: Op | None = TABLE.get("bitwise_not")
    return apply(frame, op, {op.parameters[0]: operand}, node) if op else frame.unknown()


def comparison(frame: Frame, node: cst.Comparison) -> Value:
    links = comparisons(frame, node)
    return links[0] if len(links) == 1 else frame.unknown(kind="number")


def comparisons(frame: Frame, node: cst.Comparison) -> list[Value]:
    """The links of a chain such as `0 < x < 1`, all of which are to hold."""
    left = Operand(frame.evaluate(node.left), node.left)
    links: list[Value] = []
    for target in node.comparisons:
        right = Operand(frame.evaluate(target.comparator), target.comparator)
        name = COMPARISONS.get(type(target.operator))
        if name is not None:
            result = binary(frame, name, left, right, node)
            links.append(result.but(dtype="bool") if result.kind == "unknown" else result)
        else:
            links.append(_identity(frame, target.operator, left.value, right.value))
            if "identity-test" in frame.session.listened:
                how = type(target.operator).__name__
                record(frame, "identity-test", {"input": left, "other": right}, node, links[-1], how)
        left = right
    return links


def _identity(frame: Frame, how: cst.BaseCompOp, left: Value, right: Value) -> Value:
    decided: bool | None = None
    if isinstance(how, (cst.Is, cst.IsNot)) and right.kind == "none":
        if left.kind == "none":
            decided = True
        elif left.kind != "unknown" and not left.alternatives:
            decided = False
        if decided is not None:
            decided = decided == isinstance(how, cst.Is)
    elif isinstance(how, (cst.In, cst.NotIn)) and left.is_literal and _are_literals(right.items):
        decided = any(item.const == left.const for item in right.items or ()) == isinstance(how, cst.In)
    if decided is None:
        return frame.unknown(kind="number")
    return literal(decided, frame.session.intern(("const", repr(decided))))


def _are_literals(items: tuple[Value, ...] | None) -> bool:
    return items is not None and all(item.is_literal for item in items)
