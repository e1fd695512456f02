"""The nodes of libcst for statements that Python's own parser has read."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from nanlint.source.lower_expressions import (
    ASYNC,
    BINARY,
    ExpressionLowering,
    lower_annotation,
    lower_arguments,
    lower_parameters,
)
from nanlint.source.nodes import make_attribute, make_element, make_from, make_name, maker, new

HEAD = re.compile(rb"(?:async(?:[ \t\f]|\\\n)+)?(?:def|class)(?:[ \t\f]|\\\n)+")
DOT = cst.Dot()

_module = maker(cst.Module, "body")
_block = maker(cst.IndentedBlock, "body")
_line = maker(cst.SimpleStatementLine, "body")
_expr = maker(cst.Expr, "value")
_assign = maker(cst.Assign, "targets", "value")
_target = maker(cst.AssignTarget, "target")
_ann_assign = maker(cst.AnnAssign, "target", "annotation", "value")
_aug_assign = maker(cst.AugAssign, "target", "operator", "value")
_return = maker(cst.Return, "value")
_raise = maker(cst.Raise, "exc", "cause")
_assert = maker(cst.Assert, "test", "msg")
_del = maker(cst.Del, "target")
_tuple = maker(cst.Tuple, "elements")
_global = maker(cst.Global, "names")
_nonlocal = maker(cst.Nonlocal, "names")
_name_item = maker(cst.NameItem, "name")
_import = maker(cst.Import, "names")
_import_from = maker(cst.ImportFrom, "module", "names", "relative")
_alias = maker(cst.ImportAlias, "name", "asname")
_as_name = maker(cst.AsName, "name")
_if = maker(cst.If, "test", "body", "orelse")
_else = maker(cst.Else, "body")
_finally = maker(cst.Finally, "body")
_while = maker(cst.While, "test", "body", "orelse")
_for = maker(cst.For, "target", "iter", "body", "orelse", "asynchronous")
_with = maker(cst.With, "items", "body", "asynchronous")
_with_item = maker(cst.WithItem, "item", "asname")
_match = maker(cst.Match, "subject", "cases")
_case = maker(cst.MatchCase, "pattern", "body", "guard")
_match_as = maker(cst.MatchAs, "pattern", "name")
_function = maker(cst.FunctionDef, "name", "params", "body", "decorators", "returns", "asynchronous")
_class = maker(cst.ClassDef, "name", "body", "bases", "keywords", "decorators")
_decorator = maker(cst.Decorator, "decorator")


class Lowering(ExpressionLowering):
    """Makes the nodes of statements, too."""

    def module(self, node: ast.Module) -> Any:
        """The node for a module."""
        made = _module(self.statements(node.body))
        if node.body:
            self.origins[made] = (node.body[0], node.body[-1])
        return made

    def block(self, statements: Sequence[ast.stmt]) -> Any:
        """The node for the body of a statement, also where it stands behind the colon."""
        made = _block(self.statements(statements))
        self.origins[made] = (statements[0], statements[-1])
        return made

    def statements(self, statements: Sequence[ast.stmt]) -> list[Any]:
        """The nodes for statements, each simple one in a line of its own."""
        return [self.statement(statement) for statement in statements]

    def statement(self, node: ast.stmt) -> Any:
        """The node for a statement."""
        make = COMPOUND.get(type(node))
        if make is not None:
            made = make(self, node)
        else:
            small = SIMPLE[type(node)](self, node)
            self.origins[small] = node
            made = _line([small])
        self.origins[made] = node
        return made


def _lower_assign(low: Lowering, node: ast.Assign) -> Any:
    value = low.expression(node.value)
    return _assign([_target(low.expression(target)) for target in node.targets], value)


def _lower_ann_assign(low: Lowering, node: ast.AnnAssign) -> Any:
    return _ann_assign(low.expression(node.target), lower_annotation(low, node.annotation), low.optional(node.value))


def _lower_aug_assign(low: Lowering, node: ast.AugAssign) -> Any:
    return _aug_assign(low.expression(node.target), BINARY[type(node.op)][1], low.expression(node.value))


def _lower_raise(low: Lowering, node: ast.Raise) -> Any:
    cause = None if node.cause is None else make_from(low.expression(node.cause))
    return _raise(low.optional(node.exc), cause)


def _lower_del(low: Lowering, node: ast.Delete) -> Any:
    targets = [low.expression(target) for target in node.targets]
    return _del(targets[0] if len(targets) == 1 else _tuple([make_element(target) for target in targets]))


def _names(names: Sequence[str]) -> list[Any]:
    return [_name_item(make_name(name)) for name in names]


def _dotted(name: str) -> Any:
    head, *rest = name.split(".")
    made = make_name(head)
    for part in rest:
        made = make_attribute(made, make_name(part))
    return made


def _aliases(low: Lowering, names: Sequence[ast.alias]) -> list[Any]:
    made = []
    for name in names:
        one = _alias(_dotted(name.name), None if name.asname is None else _as_name(make_name(name.asname)))
        low.origins[one] = name
        made.append(one)
    return made


def _lower_import_from(low: Lowering, node: ast.ImportFrom) -> Any:
    names = cst.ImportStar() if node.names[0].name == "*" else _aliases(low, node.names)
    return _import_from(None if node.module is None else _dotted(node.module), names, [DOT] * node.level)


def _lower_if(low: Lowering, node: ast.If) -> Any:
    test, body = low.expression(node.test), low.block(node.body)
    first = node.orelse[0] if node.orelse else None
    # `elif` stands where its `if` does, an `if` within `else` does not
    if isinstance(first, ast.If) and len(node.orelse) == 1 and first.col_offset == node.col_offset:
        return _if(test, body, low.statement(first))
    return _if(test, body, _otherwise(low, node.orelse))


def _otherwise(low: Lowering, statements: Sequence[ast.stmt], make: Callable[..., Any] = _else) -> Any:
    if not statements:
        return None
    made = make(low.block(statements))
    low.origins[made] = (statements[0], statements[-1])
    return made


def _lower_while(low: Lowering, node: ast.While) -> Any:
    return _while(low.expression(node.test), low.block(node.body), _otherwise(low, node.orelse))


def _lower_for(low: Lowering, node: ast.For | ast.AsyncFor) -> Any:
    return _for(
        low.expression(node.target), low.expression(node.iter), low.block(node.body), _otherwise(low, node.orelse),
        ASYNC if isinstance(node, ast.AsyncFor) else None,
    )  # fmt: skip


def _lower_with(low: Lowering, node: ast.With | ast.AsyncWith) -> Any:
    items = [
        _with_item(
            low.expression(item.context_expr),
            None if item.optional_vars is None else _as_name(low.expression(item.optional_vars)),
        )
        for item in node.items
    ]
    return _with(items, low.block(node.body), ASYNC if isinstance(node, ast.AsyncWith) else None)


def _try(cls: type[cst.CSTNode], handler: type[cst.CSTNode]) -> Callable[..., Any]:
    make, make_handler = maker(cls, "body", "handlers", "orelse", "finalbody"), maker(handler, "body", "type", "name")

    def lower(low: Lowering, node: ast.Try) -> Any:
        handlers = [
            make_handler(
                low.block(h.body), low.optional(h.type), None if h.name is None else _as_name(make_name(h.name))
            )
            for h in node.handlers
        ]
        low.origins.update(zip(handlers, node.handlers, strict=True))
        orelse, final = _otherwise(low, node.orelse), _otherwise(low, node.finalbody, _finally)
        return make(low.block(node.body), handlers, orelse, final)

    return lower


def _lower_match(low: Lowering, node: ast.Match) -> Any:
    cases = [_case(_pattern(c.pattern), low.block(c.body), low.optional(c.guard)) for c in node.cases]
    return _match(low.expression(node.subject), cases)


def _pattern(node: ast.pattern) -> Any:
    """Of patterns no more is asked than whether they match everything."""
    if isinstance(node, ast.MatchAs):
        inner = None if node.pattern is None else _pattern(node.pattern)
        return _match_as(inner, None if node.name is None else make_name(node.name))
    return new(cst.MatchClass)


def _defined(low: Lowering, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Any:
    """The name of a function or class, which has no place of its own in `ast`."""
    made = make_name(node.name)
    row, text = node.lineno, low.row(node.lineno)[node.col_offset :]
    while text.endswith(b"\\"):
        row += 1
        text += b"\n" + low.row(row)
    head = HEAD.match(text)
    assert head is not None
    column = head.end() - head[0].rfind(b"\n") - 1 + (0 if b"\n" in head[0] else node.col_offset)
    row = node.lineno + head[0].count(b"\n")
    end = column + len(node.name.encode())
    low.origins[made] = ast.Name(node.name, lineno=row, col_offset=column, end_lineno=row, end_col_offset=end)
    return made


def _lower_function(low: Lowering, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
    return _function(
        _defined(low, node), lower_parameters(low, node.args), low.block(node.body),
        _decorators(low, node.decorator_list), lower_annotation(low, node.returns),
        ASYNC if isinstance(node, ast.AsyncFunctionDef) else None,
    )  # fmt: skip


def _lower_class(low: Lowering, node: ast.ClassDef) -> Any:
    bases, keywords = lower_arguments(low, node.bases), lower_arguments(low, node.keywords)
    return _class(_defined(low, node), low.block(node.body), bases, keywords, _decorators(low, node.decorator_list))


def _decorators(low: Lowering, nodes: Sequence[ast.expr]) -> list[Any]:
    return [_decorator(low.expression(node)) for node in nodes]


SIMPLE: dict[type, Callable[[Lowering, Any], Any]] = {
    ast.Expr: lambda low, node: _expr(low.expression(node.value)), ast.Assign: _lower_assign,
    ast.AnnAssign: _lower_ann_assign, ast.AugAssign: _lower_aug_assign,
    ast.Return: lambda low, node: _return(low.optional(node.value)),
    ast.Raise: _lower_raise,
    ast.Assert: lambda low, node: _assert(low.expression(node.test), low.optional(node.msg)),
    ast.Delete: _lower_del, ast.Global: lambda low, node: _global(_names(node.names)),
    ast.Nonlocal: lambda low, node: _nonlocal(_names(node.names)),
    ast.Import: lambda low, node: _import(_aliases(low, node.names)), ast.ImportFrom: _lower_import_from,
    ast.Pass: lambda low, node: new(cst.Pass), ast.Break: lambda low, node: new(cst.Break),
    ast.Continue: lambda low, node: new(cst.Continue),
}  # fmt: skip
COMPOUND: dict[type, Callable[[Lowering, Any], Any]] = {
    ast.If: _lower_if, ast.While: _lower_while, ast.For: _lower_for, ast.AsyncFor: _lower_for, ast.With: _lower_with,
    ast.AsyncWith: _lower_with, ast.Try: _try(cst.Try, cst.ExceptHandler), ast.Match: _lower_match,
    ast.FunctionDef: _lower_function, ast.AsyncFunctionDef: _lower_function, ast.ClassDef: _lower_class,
}  # fmt: skip
if sys.version_info >= (3, 11):
    COMPOUND[ast.TryStar] = _try(cst.TryStar, cst.ExceptStarHandler)
if sys.version_info >= (3, 12):
    SIMPLE[ast.TypeAlias] = lambda low, node: new(cst.Pass)
