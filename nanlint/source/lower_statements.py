"""The nodes for statements that Python's own parser has read."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nanlint.source import nodes as cst
from nanlint.source.lower_expressions import (
    ASYNC,
    BINARY,
    ExpressionLowering,
    lower_annotation,
    lower_arguments,
    lower_parameters,
)

# what may stand between a keyword and a name
BETWEEN = b" \t\f\\\n"
DOT = cst.Dot()


class Lowering(ExpressionLowering):
    """Makes the nodes of statements, too, with `pass` for those in `apart`."""

    def __init__(self, row: Callable[[int], bytes], apart: Iterable[ast.stmt] = ()) -> None:
        super().__init__(row)
        self.apart = frozenset(apart)

    def module(self, statements: Sequence[ast.stmt]) -> Any:
        """The node for a module."""
        made = cst.Module(self.statements(statements))
        if statements:
            self.origins[made] = (statements[0], statements[-1])
        return made

    def block(self, statements: Sequence[ast.stmt]) -> Any:
        """The node for the body of a statement, also where it stands behind the colon."""
        made = cst.IndentedBlock(self.statements(statements))
        self.origins[made] = (statements[0], statements[-1])
        return made

    def statements(self, statements: Sequence[ast.stmt]) -> list[Any]:
        """The nodes for statements, each simple one in a line of its own."""
        return [self.statement(statement) for statement in statements]

    def statement(self, node: ast.stmt) -> Any:
        """The node for a statement."""
        make = COMPOUND.get(type(node))
        if node in self.apart:
            made = cst.SimpleStatementLine([cst.Pass()])
        elif make is not None:
            made = make(self, node)
        else:
            small = SIMPLE[type(node)](self, node)
            self.origins[small] = node
            made = cst.SimpleStatementLine([small])
        self.origins[made] = node
        return made


def _lower_assign(low: Lowering, node: ast.Assign) -> Any:
    value = low.expression(node.value)
    return cst.Assign([cst.AssignTarget(low.expression(target)) for target in node.targets], value)


def _lower_ann_assign(low: Lowering, node: ast.AnnAssign) -> Any:
    return cst.AnnAssign(low.expression(node.target), lower_annotation(low, node.annotation), low.optional(node.value))


def _lower_aug_assign(low: Lowering, node: ast.AugAssign) -> Any:
    return cst.AugAssign(low.expression(node.target), BINARY[type(node.op)][1], low.expression(node.value))


def _lower_raise(low: Lowering, node: ast.Raise) -> Any:
    cause = None if node.cause is None else cst.From(low.expression(node.cause))
    return cst.Raise(low.optional(node.exc), cause)


def _lower_del(low: Lowering, node: ast.Delete) -> Any:
    targets = [low.expression(target) for target in node.targets]
    return cst.Del(targets[0] if len(targets) == 1 else cst.Tuple([cst.Element(target) for target in targets]))


def _names(names: Sequence[str]) -> list[Any]:
    return [cst.NameItem(cst.Name(name)) for name in names]


def _dotted(name: str) -> Any:
    head, *rest = name.split(".")
    made: cst.Attribute | cst.Name = cst.Name(head)
    for part in rest:
        made = cst.Attribute(made, cst.Name(part))
    return made


def _aliases(low: Lowering, names: Sequence[ast.alias]) -> list[Any]:
    made = []
    for name in names:
        one = cst.ImportAlias(_dotted(name.name), None if name.asname is None else cst.AsName(cst.Name(name.asname)))
        low.origins[one] = name
        made.append(one)
    return made


def _lower_import_from(low: Lowering, node: ast.ImportFrom) -> Any:
    names = cst.ImportStar() if node.names[0].name == "*" else _aliases(low, node.names)
    return cst.ImportFrom(None if node.module is None else _dotted(node.module), names, [DOT] * node.level)


def _lower_if(low: Lowering, node: ast.If) -> Any:
    arms, orelse = [node], node.orelse
    # `elif` stands where its `if` does, an `if` within `else` does not
    while len(orelse) == 1 and isinstance(orelse[0], ast.If) and orelse[0].col_offset == node.col_offset:
        arms.append(orelse[0])
        orelse = orelse[0].orelse
    made = _otherwise(low, orelse)
    for arm in reversed(arms):
        made = cst.If(low.expression(arm.test), low.block(arm.body), made)
        low.origins[made] = arm
    return made


def _otherwise(low: Lowering, statements: Sequence[ast.stmt], make: Callable[..., Any] = cst.Else) -> Any:
    if not statements:
        return None
    made = make(low.block(statements))
    low.origins[made] = (statements[0], statements[-1])
    return made


def _lower_while(low: Lowering, node: ast.While) -> Any:
    return cst.While(low.expression(node.test), low.block(node.body), _otherwise(low, node.orelse))


def _lower_for(low: Lowering, node: ast.For | ast.AsyncFor) -> Any:
    return cst.For(
        low.expression(node.target), low.expression(node.iter), low.block(node.body), _otherwise(low, node.orelse),
        ASYNC if isinstance(node, ast.AsyncFor) else None,
    )  # fmt: skip


def _lower_with(low: Lowering, node: ast.With | ast.AsyncWith) -> Any:
    items = [
        cst.WithItem(
            low.expression(item.context_expr),
            None if item.optional_vars is None else cst.AsName(low.expression(item.optional_vars)),
        )
        for item in node.items
    ]
    return cst.With(items, low.block(node.body), ASYNC if isinstance(node, ast.AsyncWith) else None)


def _lower_try(low: Lowering, node: ast.Try | ast.TryStar) -> Any:
    handlers = [
        cst.ExceptHandler(
            low.block(h.body), low.optional(h.type), None if h.name is None else cst.AsName(cst.Name(h.name))
        )
        for h in node.handlers
    ]
    low.origins.update(zip(handlers, node.handlers, strict=True))
    orelse, final = _otherwise(low, node.orelse), _otherwise(low, node.finalbody, cst.Finally)
    return cst.Try(low.block(node.body), handlers, orelse, final)


def _lower_match(low: Lowering, node: ast.Match) -> Any:
    cases = [cst.MatchCase(_pattern(c.pattern), low.block(c.body), low.optional(c.guard)) for c in node.cases]
    return cst.Match(low.expression(node.subject), cases)


def _pattern(node: ast.pattern) -> Any:
    """Of patterns no more is asked than whether they match everything."""
    if isinstance(node, ast.MatchAs):
        inner = None if node.pattern is None else _pattern(node.pattern)
        return cst.MatchAs(inner, None if node.name is None else cst.Name(node.name))
    return cst.Pattern()


def _defined(low: Lowering, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Any:
    """The name of a function or class, which has no place of its own in `ast`."""
    made = cst.Name(node.name)
    row, text = node.lineno, low.row(node.lineno)[node.col_offset :]
    while text.endswith(b"\\"):
        row += 1
        text += b"\n" + low.row(row)
    keyword = b"class" if isinstance(node, ast.ClassDef) else b"def"
    behind = text[text.index(keyword) + len(keyword) :].lstrip(BETWEEN)
    head = text[: len(text) - len(behind)]
    column = len(head) - head.rfind(b"\n") - 1 + (0 if b"\n" in head else node.col_offset)
    row = node.lineno + head.count(b"\n")
    end = column + len(node.name.encode())
    low.origins[made] = ast.Name(node.name, lineno=row, col_offset=column, end_lineno=row, end_col_offset=end)
    return made


def _lower_function(low: Lowering, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
    return cst.FunctionDef(
        _defined(low, node), lower_parameters(low, node.args), low.block(node.body),
        _decorators(low, node.decorator_list), lower_annotation(low, node.returns),
        ASYNC if isinstance(node, ast.AsyncFunctionDef) else None,
    )  # fmt: skip


def _lower_class(low: Lowering, node: ast.ClassDef) -> Any:
    bases, keywords = lower_arguments(low, node.bases), lower_arguments(low, node.keywords)
    return cst.ClassDef(
        _defined(low, node), low.block(node.body), bases, keywords, _decorators(low, node.decorator_list)
    )


def _decorators(low: Lowering, nodes: Sequence[ast.expr]) -> list[Any]:
    return [cst.Decorator(low.expression(node)) for node in nodes]


SIMPLE: dict[type, Callable[[Lowering, Any], Any]] = {
    ast.Expr: lambda low, node: cst.Expr(low.expression(node.value)), ast.Assign: _lower_assign,
    ast.AnnAssign: _lower_ann_assign, ast.AugAssign: _lower_aug_assign,
    ast.Return: lambda low, node: cst.Return(low.optional(node.value)),
    ast.Raise: _lower_raise,
    ast.Assert: lambda low, node: cst.Assert(low.expression(node.test), low.optional(node.msg)),
    ast.Delete: _lower_del, ast.Global: lambda low, node: cst.Global(_names(node.names)),
    ast.Nonlocal: lambda low, node: cst.Nonlocal(_names(node.names)),
    ast.Import: lambda low, node: cst.Import(_aliases(low, node.names)), ast.ImportFrom: _lower_import_from,
    ast.Pass: lambda low, node: cst.Pass(), ast.Break: lambda low, node: cst.Break(),
    ast.Continue: lambda low, node: cst.Continue(),
}  # fmt: skip
COMPOUND: dict[type, Callable[[Lowering, Any], Any]] = {
    ast.If: _lower_if, ast.While: _lower_while, ast.For: _lower_for, ast.AsyncFor: _lower_for, ast.With: _lower_with,
    ast.AsyncWith: _lower_with, ast.Try: _lower_try, ast.Match: _lower_match,
    ast.FunctionDef: _lower_function, ast.AsyncFunctionDef: _lower_function, ast.ClassDef: _lower_class,
}  # fmt: skip
if sys.version_info >= (3, 11):
    COMPOUND[ast.TryStar] = _lower_try
if sys.version_info >= (3, 12):
    SIMPLE[ast.TypeAlias] = lambda low, node: cst.Pass()
