"""The syntax tree that the analysis walks: libcst's nodes by name and attribute, without blanks and parentheses.

They are made of Python's own `ast`, or of libcst's nodes where Python is too old for the syntax. That they are classes
of their own keeps libcst out of nearly every run: importing it takes longer than importing all of nanlint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nanlint.source.operators import *  # noqa: F403
from nanlint.source.operators import (
    BaseAugOp,
    BaseBinaryOp,
    BaseBooleanOp,
    BaseCompOp,
    BaseExpression,
    BaseSlice,
    BaseSmallStatement,
    BaseStatement,
    BaseUnaryOp,
    Node,
)


# fmt: off
class Asynchronous(Node): ...
class Dot(Node): ...
class ImportStar(Node): ...
class ParamStar(Node): ...
class Ellipsis(BaseExpression): ...
class Pass(BaseSmallStatement): ...
class Break(BaseSmallStatement): ...
class Continue(BaseSmallStatement): ...
class Pattern(Node): ...


class Name(BaseExpression):
    value: str

class Attribute(BaseExpression):
    value: BaseExpression
    attr: Name

class Integer(BaseExpression):
    value: str

class Float(BaseExpression):
    value: str

class Imaginary(BaseExpression):
    value: str

class SimpleString(BaseExpression):
    value: str | bytes

class FormattedString(BaseExpression):
    parts: Sequence[BaseExpression]

class BinaryOperation(BaseExpression):
    left: BaseExpression
    operator: BaseBinaryOp
    right: BaseExpression

class UnaryOperation(BaseExpression):
    operator: BaseUnaryOp
    expression: BaseExpression

class BooleanOperation(BaseExpression):
    left: BaseExpression
    operator: BaseBooleanOp
    right: BaseExpression

class ComparisonTarget(Node):
    operator: BaseCompOp
    comparator: BaseExpression

class Comparison(BaseExpression):
    left: BaseExpression
    comparisons: Sequence[ComparisonTarget]

class IfExp(BaseExpression):
    test: BaseExpression
    body: BaseExpression
    orelse: BaseExpression

class Element(Node):
    value: BaseExpression

class StarredElement(BaseExpression):
    value: BaseExpression

class Tuple(BaseExpression):
    elements: Sequence[Element | StarredElement]

class List(BaseExpression):
    elements: Sequence[Element | StarredElement]

class Set(BaseExpression):
    elements: Sequence[Element | StarredElement]

class DictElement(Node):
    key: BaseExpression
    value: BaseExpression

class StarredDictElement(Node):
    value: BaseExpression

class Dict(BaseExpression):
    elements: Sequence[DictElement | StarredDictElement]

class NamedExpr(BaseExpression):
    target: BaseExpression
    value: BaseExpression

class Annotation(Node):
    annotation: BaseExpression

class Param(Node):
    name: Name
    annotation: Annotation | None
    default: BaseExpression | None
    star: str

class Parameters(Node):
    params: Sequence[Param]
    star_arg: Param | ParamStar | None
    kwonly_params: Sequence[Param]
    star_kwarg: Param | None
    posonly_params: Sequence[Param]

class Lambda(BaseExpression):
    params: Parameters
    body: BaseExpression

class CompIf(Node):
    test: BaseExpression

class CompFor(Node):
    target: BaseExpression
    iter: BaseExpression
    ifs: Sequence[CompIf]
    inner_for_in: CompFor | None
    asynchronous: Asynchronous | None

class ListComp(BaseExpression):
    elt: BaseExpression
    for_in: CompFor

class SetComp(BaseExpression):
    elt: BaseExpression
    for_in: CompFor

class GeneratorExp(BaseExpression):
    elt: BaseExpression
    for_in: CompFor

class DictComp(BaseExpression):
    key: BaseExpression
    value: BaseExpression
    for_in: CompFor

class Index(BaseSlice):
    value: BaseExpression
    star: str | None

class Slice(BaseSlice):
    lower: BaseExpression | None
    upper: BaseExpression | None
    step: BaseExpression | None

class SubscriptElement(Node):
    slice: BaseSlice

class Subscript(BaseExpression):
    value: BaseExpression
    slice: Sequence[SubscriptElement]

class Arg(Node):
    value: BaseExpression
    keyword: Name | None
    star: str

class Call(BaseExpression):
    func: BaseExpression
    args: Sequence[Arg]

class Await(BaseExpression):
    expression: BaseExpression

class From(Node):
    item: BaseExpression

class Yield(BaseExpression):
    value: BaseExpression | From | None


class Module(Node):
    body: Sequence[BaseStatement]

class IndentedBlock(Node):
    body: Sequence[BaseStatement]

class SimpleStatementLine(BaseStatement):
    body: Sequence[BaseSmallStatement]

class Expr(BaseSmallStatement):
    value: BaseExpression

class AssignTarget(Node):
    target: BaseExpression

class Assign(BaseSmallStatement):
    targets: Sequence[AssignTarget]
    value: BaseExpression

class AnnAssign(BaseSmallStatement):
    target: BaseExpression
    annotation: Annotation
    value: BaseExpression | None

class AugAssign(BaseSmallStatement):
    target: BaseExpression
    operator: BaseAugOp
    value: BaseExpression

class Return(BaseSmallStatement):
    value: BaseExpression | None

class Raise(BaseSmallStatement):
    exc: BaseExpression | None
    cause: From | None

class Assert(BaseSmallStatement):
    test: BaseExpression
    msg: BaseExpression | None

class Del(BaseSmallStatement):
    target: BaseExpression

class NameItem(Node):
    name: Name

class Global(BaseSmallStatement):
    names: Sequence[NameItem]

class Nonlocal(BaseSmallStatement):
    names: Sequence[NameItem]

class AsName(Node):
    name: BaseExpression

class ImportAlias(Node):
    name: Attribute | Name
    asname: AsName | None

class Import(BaseSmallStatement):
    names: Sequence[ImportAlias]

class ImportFrom(BaseSmallStatement):
    module: Attribute | Name | None
    names: Sequence[ImportAlias] | ImportStar
    relative: Sequence[Dot]

class Else(Node):
    body: IndentedBlock

class Finally(Node):
    body: IndentedBlock

class If(BaseStatement):
    test: BaseExpression
    body: IndentedBlock
    orelse: If | Else | None

class While(BaseStatement):
    test: BaseExpression
    body: IndentedBlock
    orelse: Else | None

class For(BaseStatement):
    target: BaseExpression
    iter: BaseExpression
    body: IndentedBlock
    orelse: Else | None
    asynchronous: Asynchronous | None

class WithItem(Node):
    item: BaseExpression
    asname: AsName | None

class With(BaseStatement):
    items: Sequence[WithItem]
    body: IndentedBlock
    asynchronous: Asynchronous | None

class MatchAs(Pattern):
    pattern: Pattern | None
    name: Name | None

class MatchCase(Node):
    pattern: Pattern
    body: IndentedBlock
    guard: BaseExpression | None

class Match(BaseStatement):
    subject: BaseExpression
    cases: Sequence[MatchCase]

class ExceptHandler(Node):
    body: IndentedBlock
    type: BaseExpression | None
    name: AsName | None

class Try(BaseStatement):
    body: IndentedBlock
    handlers: Sequence[ExceptHandler]
    orelse: Else | None
    finalbody: Finally | None

class Decorator(Node):
    decorator: BaseExpression

class FunctionDef(BaseStatement):
    name: Name
    params: Parameters
    body: IndentedBlock
    decorators: Sequence[Decorator]
    returns: Annotation | None
    asynchronous: Asynchronous | None

class ClassDef(BaseStatement):
    name: Name
    body: IndentedBlock
    bases: Sequence[Arg]
    keywords: Sequence[Arg]
    decorators: Sequence[Decorator]
# fmt: on


def is_alike(one: Any, two: Any) -> bool:
    """Two nodes, or sequences of nodes, mean the same, whatever blanks and parentheses they have."""
    if isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)):
        return len(one) == len(two) and all(map(is_alike, one, two))
    if not isinstance(one, Node):
        return bool(one == two)
    return type(one) is type(two) and all(is_alike(getattr(one, name), getattr(two, name)) for name in type(one).fields)
