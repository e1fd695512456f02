"""The nodes for expressions that Python's own parser has read."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from nanlint.source import nodes as cst

# what a node stands for: a node of `ast`, or the first and the last of several
Origin: TypeAlias = "ast.AST | tuple[ast.AST, ast.AST]"


ASYNC = cst.Asynchronous()
BINARY: dict[type, tuple[cst.BaseBinaryOp, cst.BaseAugOp]] = {
    ast.Add: (cst.Add(), cst.AddAssign()), ast.Sub: (cst.Subtract(), cst.SubtractAssign()),
    ast.Mult: (cst.Multiply(), cst.MultiplyAssign()), ast.Div: (cst.Divide(), cst.DivideAssign()),
    ast.FloorDiv: (cst.FloorDivide(), cst.FloorDivideAssign()), ast.Mod: (cst.Modulo(), cst.ModuloAssign()),
    ast.Pow: (cst.Power(), cst.PowerAssign()), ast.MatMult: (cst.MatrixMultiply(), cst.MatrixMultiplyAssign()),
    ast.BitAnd: (cst.BitAnd(), cst.BitAndAssign()), ast.BitOr: (cst.BitOr(), cst.BitOrAssign()),
    ast.BitXor: (cst.BitXor(), cst.BitXorAssign()), ast.LShift: (cst.LeftShift(), cst.LeftShiftAssign()),
    ast.RShift: (cst.RightShift(), cst.RightShiftAssign()),
}  # fmt: skip
UNARY: dict[type, cst.BaseUnaryOp] = {
    ast.USub: cst.Minus(), ast.UAdd: cst.Plus(), ast.Not: cst.Not(), ast.Invert: cst.BitInvert()
}  # fmt: skip
BOOLEAN: dict[type, cst.BaseBooleanOp] = {ast.And: cst.And(), ast.Or: cst.Or()}
COMPARED: dict[type, cst.BaseCompOp] = {
    ast.Eq: cst.Equal(), ast.NotEq: cst.NotEqual(), ast.Lt: cst.LessThan(), ast.LtE: cst.LessThanEqual(),
    ast.Gt: cst.GreaterThan(), ast.GtE: cst.GreaterThanEqual(), ast.Is: cst.Is(), ast.IsNot: cst.IsNot(),
    ast.In: cst.In(), ast.NotIn: cst.NotIn(),
}  # fmt: skip


class ExpressionLowering:
    """Makes the nodes of one text, of which `row` gives a row in UTF-8. `origins` tells what each stands for.

    `formatted` collects what `ast` may have placed wrongly; see `Lowered`.
    """

    def __init__(self, row: Callable[[int], bytes]) -> None:
        self.origins: dict[cst.Node, Origin] = {}
        self.row = row
        self.formatted: list[ast.JoinedStr] = []

    def expression(self, node: ast.expr) -> Any:
        """The node for an expression."""
        made = EXPRESSIONS[type(node)](self, node)
        self.origins[made] = node
        return made

    def number(self, node: ast.Constant) -> str:
        """A number as it is written."""
        return self.row(node.lineno)[node.col_offset : node.end_col_offset].decode()

    def optional(self, node: ast.expr | None) -> Any:
        """The node for an expression that may be missing."""
        return None if node is None else self.expression(node)


def _lower_constant(low: ExpressionLowering, node: ast.Constant) -> Any:
    value = node.value
    match value:
        case bool() | None:
            return cst.Name(str(value))
        case int():
            return cst.Integer(low.number(node))
        case float():
            return cst.Float(low.number(node))
        case complex():
            return cst.Imaginary(low.number(node))
        case str() | bytes():
            return cst.SimpleString(value)
    return cst.Ellipsis()


def _lower_attribute(low: ExpressionLowering, node: ast.Attribute) -> Any:
    return cst.Attribute(low.expression(node.value), cst.Name(node.attr))


def _lower_binary(low: ExpressionLowering, node: ast.BinOp) -> Any:
    return cst.BinaryOperation(low.expression(node.left), BINARY[type(node.op)][0], low.expression(node.right))


def _lower_unary(low: ExpressionLowering, node: ast.UnaryOp) -> Any:
    return cst.UnaryOperation(UNARY[type(node.op)], low.expression(node.operand))


def _lower_boolean(low: ExpressionLowering, node: ast.BoolOp) -> Any:
    operator = BOOLEAN[type(node.op)]
    made = low.expression(node.values[0])
    for value in node.values[1:]:
        made = cst.BooleanOperation(made, operator, low.expression(value))
        low.origins[made] = (node, value)
    return made


def _lower_comparison(low: ExpressionLowering, node: ast.Compare) -> Any:
    pairs = zip(node.ops, node.comparators, strict=True)
    return cst.Comparison(
        low.expression(node.left),
        [cst.ComparisonTarget(COMPARED[type(op)], low.expression(right)) for op, right in pairs],
    )


def _lower_conditional(low: ExpressionLowering, node: ast.IfExp) -> Any:
    return cst.IfExp(low.expression(node.test), low.expression(node.body), low.expression(node.orelse))


def _elements(low: ExpressionLowering, nodes: Iterable[ast.expr]) -> list[Any]:
    return [
        cst.StarredElement(low.expression(node.value))
        if isinstance(node, ast.Starred)
        else cst.Element(low.expression(node))
        for node in nodes
    ]


def _sequence(make: type[cst.Tuple | cst.List | cst.Set]) -> Callable[..., Any]:
    return lambda low, node: make(_elements(low, node.elts))


def _lower_dict(low: ExpressionLowering, node: ast.Dict) -> Any:
    pairs = zip(node.keys, node.values, strict=True)
    return cst.Dict(
        [
            cst.StarredDictElement(low.expression(value))
            if key is None
            else cst.DictElement(low.expression(key), low.expression(value))
            for key, value in pairs
        ]
    )  # fmt: skip


def _lower_walrus(low: ExpressionLowering, node: ast.NamedExpr) -> Any:
    return cst.NamedExpr(low.expression(node.target), low.expression(node.value))


def _lower_lambda(low: ExpressionLowering, node: ast.Lambda) -> Any:
    return cst.Lambda(lower_parameters(low, node.args), low.expression(node.body))


def _generators(low: ExpressionLowering, clauses: Sequence[ast.comprehension]) -> Any:
    made = None
    for clause in reversed(clauses):
        made = cst.CompFor(
            low.expression(clause.target), low.expression(clause.iter),
            [cst.CompIf(low.expression(test)) for test in clause.ifs], made, ASYNC if clause.is_async else None,
        )  # fmt: skip
        low.origins[made] = (clause.target, clause.iter)
    return made


def _comprehension(make: type[cst.ListComp | cst.SetComp | cst.GeneratorExp]) -> Callable[..., Any]:
    return lambda low, node: make(low.expression(node.elt), _generators(low, node.generators))


def _lower_dict_comprehension(low: ExpressionLowering, node: ast.DictComp) -> Any:
    return cst.DictComp(
        low.expression(node.key), low.expression(node.value), _generators(low, node.generators)
    )  # fmt: skip


def _lower_subscript(low: ExpressionLowering, node: ast.Subscript) -> Any:
    index = node.slice
    several = index.elts if isinstance(index, ast.Tuple) and index.elts else [index]
    return cst.Subscript(
        low.expression(node.value), [cst.SubscriptElement(_lower_index(low, each)) for each in several]
    )


def _lower_index(low: ExpressionLowering, node: ast.expr) -> Any:
    made: cst.BaseSlice
    if isinstance(node, ast.Slice):
        made = cst.Slice(low.optional(node.lower), low.optional(node.upper), low.optional(node.step))
    elif isinstance(node, ast.Starred):
        made = cst.Index(low.expression(node.value), "*")
    else:
        made = cst.Index(low.expression(node), None)
    low.origins[made] = node
    return made


def _lower_call(low: ExpressionLowering, node: ast.Call) -> Any:
    given: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    if node.keywords and any(isinstance(arg, ast.Starred) for arg in node.args):
        given.sort(key=lambda arg: (arg.lineno, arg.col_offset))
    return cst.Call(low.expression(node.func), lower_arguments(low, given))


def lower_arguments(low: ExpressionLowering, given: Iterable[ast.expr | ast.keyword]) -> list[Any]:
    """The arguments of a call, or the bases of a class."""
    made = []
    for arg in given:
        if isinstance(arg, ast.keyword):
            one = cst.Arg(
                low.expression(arg.value), None if arg.arg is None else cst.Name(arg.arg), "" if arg.arg else "**"
            )
        elif isinstance(arg, ast.Starred):
            one = cst.Arg(low.expression(arg.value), None, "*")
        else:
            one = cst.Arg(low.expression(arg), None, "")
        low.origins[one] = arg
        made.append(one)
    return made


def _lower_formatted(low: ExpressionLowering, node: ast.JoinedStr) -> Any:
    low.formatted.append(node)
    parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    return cst.FormattedString([low.expression(part) for part in parts])


def _lower_await(low: ExpressionLowering, node: ast.Await) -> Any:
    return cst.Await(low.expression(node.value))


def _lower_yield(low: ExpressionLowering, node: ast.Yield) -> Any:
    return cst.Yield(low.optional(node.value))


def _lower_yield_from(low: ExpressionLowering, node: ast.YieldFrom) -> Any:
    return cst.Yield(cst.From(low.expression(node.value)))


def lower_parameters(low: ExpressionLowering, node: ast.arguments) -> Any:
    """The parameters of a function or lambda."""

    def one(arg: ast.arg, default: ast.expr | None, star: str = "") -> Any:
        made = cst.Param(cst.Name(arg.arg), lower_annotation(low, arg.annotation), low.optional(default), star)
        low.origins[made] = arg
        return made

    positional = [*node.posonlyargs, *node.args]
    defaults: list[ast.expr | None] = [*[None] * (len(positional) - len(node.defaults)), *node.defaults]
    made = [one(arg, default) for arg, default in zip(positional, defaults, strict=True)]
    ahead = len(node.posonlyargs)
    star: Any = cst.ParamStar() if node.kwonlyargs else None
    if node.vararg is not None:
        star = one(node.vararg, None, "*")
    named = [one(arg, default) for arg, default in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
    rest = None if node.kwarg is None else one(node.kwarg, None, "**")
    return cst.Parameters(made[ahead:], star, named, rest, made[:ahead])


def lower_annotation(low: ExpressionLowering, node: ast.expr | None) -> Any:
    return None if node is None else cst.Annotation(low.expression(node))


EXPRESSIONS: dict[type, Callable[[ExpressionLowering, Any], Any]] = {
    ast.Name: lambda low, node: cst.Name(node.id), ast.Constant: _lower_constant, ast.Attribute: _lower_attribute,
    ast.BinOp: _lower_binary, ast.UnaryOp: _lower_unary, ast.BoolOp: _lower_boolean, ast.Compare: _lower_comparison,
    ast.IfExp: _lower_conditional, ast.Tuple: _sequence(cst.Tuple), ast.List: _sequence(cst.List),
    ast.Set: _sequence(cst.Set), ast.Dict: _lower_dict, ast.NamedExpr: _lower_walrus, ast.Lambda: _lower_lambda,
    ast.ListComp: _comprehension(cst.ListComp), ast.SetComp: _comprehension(cst.SetComp),
    ast.GeneratorExp: _comprehension(cst.GeneratorExp), ast.DictComp: _lower_dict_comprehension,
    ast.Subscript: _lower_subscript, ast.Call: _lower_call, ast.JoinedStr: _lower_formatted, ast.Await: _lower_await,
    ast.Yield: _lower_yield, ast.YieldFrom: _lower_yield_from,
}  # fmt: skip
