"""The nodes of libcst for expressions that Python's own parser has read, without blanks and parentheses.

`libcst.parse_module` spends most of its time on nodes for the white space between the code, which nothing here asks
for. A node made here has the attributes that carry meaning; to ask it for another one is an AttributeError.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import libcst as cst

from nanlint.source.nodes import make_attribute, make_element, make_from, make_name, maker, new

# what a node stands for: a node of `ast`, or the first and the last of several
Origin: TypeAlias = "ast.AST | tuple[ast.AST, ast.AST]"

_integer = maker(cst.Integer, "value")
_float = maker(cst.Float, "value")
_imaginary = maker(cst.Imaginary, "value")
_string = maker(cst.SimpleString, "value")
_formatted = maker(cst.FormattedString, "parts")
_replacement = maker(cst.FormattedStringExpression, "expression")
_binary = maker(cst.BinaryOperation, "left", "operator", "right")
_unary = maker(cst.UnaryOperation, "operator", "expression")
_boolean = maker(cst.BooleanOperation, "left", "operator", "right")
_comparison = maker(cst.Comparison, "left", "comparisons")
_compared = maker(cst.ComparisonTarget, "operator", "comparator")
_conditional = maker(cst.IfExp, "test", "body", "orelse")
_starred = maker(cst.StarredElement, "value")
_pair = maker(cst.DictElement, "key", "value")
_starred_pair = maker(cst.StarredDictElement, "value")
_walrus = maker(cst.NamedExpr, "target", "value")
_lambda = maker(cst.Lambda, "params", "body")
_dict = maker(cst.Dict, "elements")
_dict_comprehension = maker(cst.DictComp, "key", "value", "for_in")
_for_in = maker(cst.CompFor, "target", "iter", "ifs", "inner_for_in", "asynchronous")
_if_in = maker(cst.CompIf, "test")
_subscript = maker(cst.Subscript, "value", "slice")
_subscript_element = maker(cst.SubscriptElement, "slice")
_index = maker(cst.Index, "value", "star")
_slice = maker(cst.Slice, "lower", "upper", "step")
_call = maker(cst.Call, "func", "args")
_arg = maker(cst.Arg, "value", "keyword", "star")
_await = maker(cst.Await, "expression")
_yield = maker(cst.Yield, "value")
_parameters = maker(
    cst.Parameters, "params", "star_arg", "kwonly_params", "star_kwarg", "posonly_params"
)  # fmt: skip
_parameter = maker(cst.Param, "name", "annotation", "default", "star")
_annotation = maker(cst.Annotation, "annotation")


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
        self.origins: dict[cst.CSTNode, Origin] = {}
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
            return make_name(str(value))
        case int():
            return _integer(low.number(node))
        case float():
            return _float(low.number(node))
        case complex():
            return _imaginary(low.number(node))
        case str() | bytes():
            return _string(repr(value))
    return new(cst.Ellipsis)


def _lower_attribute(low: ExpressionLowering, node: ast.Attribute) -> Any:
    return make_attribute(low.expression(node.value), make_name(node.attr))


def _lower_binary(low: ExpressionLowering, node: ast.BinOp) -> Any:
    return _binary(low.expression(node.left), BINARY[type(node.op)][0], low.expression(node.right))


def _lower_unary(low: ExpressionLowering, node: ast.UnaryOp) -> Any:
    return _unary(UNARY[type(node.op)], low.expression(node.operand))


def _lower_boolean(low: ExpressionLowering, node: ast.BoolOp) -> Any:
    operator = BOOLEAN[type(node.op)]
    made = low.expression(node.values[0])
    for value in node.values[1:]:
        made = _boolean(made, operator, low.expression(value))
        low.origins[made] = (node, value)
    return made


def _lower_comparison(low: ExpressionLowering, node: ast.Compare) -> Any:
    pairs = zip(node.ops, node.comparators, strict=True)
    return _comparison(
        low.expression(node.left), [_compared(COMPARED[type(op)], low.expression(right)) for op, right in pairs]
    )


def _lower_conditional(low: ExpressionLowering, node: ast.IfExp) -> Any:
    return _conditional(low.expression(node.test), low.expression(node.body), low.expression(node.orelse))


def _elements(low: ExpressionLowering, nodes: Iterable[ast.expr]) -> list[Any]:
    return [
        _starred(low.expression(node.value)) if isinstance(node, ast.Starred) else make_element(low.expression(node))
        for node in nodes
    ]


def _sequence(cls: type[cst.CSTNode]) -> Callable[..., Any]:
    make = maker(cls, "elements")
    return lambda low, node: make(_elements(low, node.elts))


def _lower_dict(low: ExpressionLowering, node: ast.Dict) -> Any:
    pairs = zip(node.keys, node.values, strict=True)
    return _dict(
        [
            _starred_pair(low.expression(value))
            if key is None
            else _pair(low.expression(key), low.expression(value))
            for key, value in pairs
        ]
    )  # fmt: skip


def _lower_walrus(low: ExpressionLowering, node: ast.NamedExpr) -> Any:
    return _walrus(low.expression(node.target), low.expression(node.value))


def _lower_lambda(low: ExpressionLowering, node: ast.Lambda) -> Any:
    return _lambda(lower_parameters(low, node.args), low.expression(node.body))


def _generators(low: ExpressionLowering, clauses: Sequence[ast.comprehension]) -> Any:
    made = None
    for clause in reversed(clauses):
        made = _for_in(
            low.expression(clause.target), low.expression(clause.iter),
            [_if_in(low.expression(test)) for test in clause.ifs], made, ASYNC if clause.is_async else None,
        )  # fmt: skip
        low.origins[made] = (clause.target, clause.iter)
    return made


def _comprehension(cls: type[cst.CSTNode]) -> Callable[..., Any]:
    make = maker(cls, "elt", "for_in")
    return lambda low, node: make(low.expression(node.elt), _generators(low, node.generators))


def _lower_dict_comprehension(low: ExpressionLowering, node: ast.DictComp) -> Any:
    return _dict_comprehension(
        low.expression(node.key), low.expression(node.value), _generators(low, node.generators)
    )  # fmt: skip


def _lower_subscript(low: ExpressionLowering, node: ast.Subscript) -> Any:
    index = node.slice
    several = index.elts if isinstance(index, ast.Tuple) and index.elts else [index]
    return _subscript(low.expression(node.value), [_subscript_element(_lower_index(low, each)) for each in several])


def _lower_index(low: ExpressionLowering, node: ast.expr) -> Any:
    if isinstance(node, ast.Slice):
        made = _slice(low.optional(node.lower), low.optional(node.upper), low.optional(node.step))
    elif isinstance(node, ast.Starred):
        made = _index(low.expression(node.value), "*")
    else:
        made = _index(low.expression(node), None)
    low.origins[made] = node
    return made


def _lower_call(low: ExpressionLowering, node: ast.Call) -> Any:
    given: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    if node.keywords and any(isinstance(arg, ast.Starred) for arg in node.args):
        given.sort(key=lambda arg: (arg.lineno, arg.col_offset))
    return _call(low.expression(node.func), lower_arguments(low, given))


def lower_arguments(low: ExpressionLowering, given: Iterable[ast.expr | ast.keyword]) -> list[Any]:
    """The arguments of a call, or the bases of a class."""
    made = []
    for arg in given:
        if isinstance(arg, ast.keyword):
            one = _arg(
                low.expression(arg.value), None if arg.arg is None else make_name(arg.arg), "" if arg.arg else "**"
            )
        elif isinstance(arg, ast.Starred):
            one = _arg(low.expression(arg.value), None, "*")
        else:
            one = _arg(low.expression(arg), None, "")
        low.origins[one] = arg
        made.append(one)
    return made


def _lower_formatted(low: ExpressionLowering, node: ast.JoinedStr) -> Any:
    low.formatted.append(node)
    parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    return _formatted([_replacement(low.expression(part)) for part in parts])


def _lower_await(low: ExpressionLowering, node: ast.Await) -> Any:
    return _await(low.expression(node.value))


def _lower_yield(low: ExpressionLowering, node: ast.Yield) -> Any:
    return _yield(low.optional(node.value))


def _lower_yield_from(low: ExpressionLowering, node: ast.YieldFrom) -> Any:
    return _yield(make_from(low.expression(node.value)))


def lower_parameters(low: ExpressionLowering, node: ast.arguments) -> Any:
    """The parameters of a function or lambda."""

    def one(arg: ast.arg, default: ast.expr | None, star: str = "") -> Any:
        made = _parameter(make_name(arg.arg), lower_annotation(low, arg.annotation), low.optional(default), star)
        low.origins[made] = arg
        return made

    positional = [*node.posonlyargs, *node.args]
    defaults: list[ast.expr | None] = [*[None] * (len(positional) - len(node.defaults)), *node.defaults]
    made = [one(arg, default) for arg, default in zip(positional, defaults, strict=True)]
    ahead = len(node.posonlyargs)
    star: Any = cst.ParamStar() if node.kwonlyargs else cst.MaybeSentinel.DEFAULT
    if node.vararg is not None:
        star = one(node.vararg, None, "*")
    named = [one(arg, default) for arg, default in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
    rest = None if node.kwarg is None else one(node.kwarg, None, "**")
    return _parameters(made[ahead:], star, named, rest, made[:ahead])


def lower_annotation(low: ExpressionLowering, node: ast.expr | None) -> Any:
    return None if node is None else _annotation(low.expression(node))


EXPRESSIONS: dict[type, Callable[[ExpressionLowering, Any], Any]] = {
    ast.Name: lambda low, node: make_name(node.id), ast.Constant: _lower_constant, ast.Attribute: _lower_attribute,
    ast.BinOp: _lower_binary, ast.UnaryOp: _lower_unary, ast.BoolOp: _lower_boolean, ast.Compare: _lower_comparison,
    ast.IfExp: _lower_conditional, ast.Tuple: _sequence(cst.Tuple), ast.List: _sequence(cst.List),
    ast.Set: _sequence(cst.Set), ast.Dict: _lower_dict, ast.NamedExpr: _lower_walrus, ast.Lambda: _lower_lambda,
    ast.ListComp: _comprehension(cst.ListComp), ast.SetComp: _comprehension(cst.SetComp),
    ast.GeneratorExp: _comprehension(cst.GeneratorExp), ast.DictComp: _lower_dict_comprehension,
    ast.Subscript: _lower_subscript, ast.Call: _lower_call, ast.JoinedStr: _lower_formatted, ast.Await: _lower_await,
    ast.Yield: _lower_yield, ast.YieldFrom: _lower_yield_from,
}  # fmt: skip
