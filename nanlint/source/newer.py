"""Index and syntax trees of a file from libcst, for syntax newer than the running Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import libcst as cst
from libcst import matchers
from libcst.helpers import get_full_name_for_node

from nanlint.finding import Position
from nanlint.source import nodes
from nanlint.source.errors import SourceError
from nanlint.source.index import ClassEntry, Index, Rows
from nanlint.source.tree import TOO_DEEP, Tree

RENAMED = {"TryStar": "Try", "ExceptStarHandler": "ExceptHandler"}


def fill(index: Index, tree: Tree) -> None:
    """Put into an index what the statements of a module define."""
    index.add_module(None)
    pending: list[tuple[cst.CSTNode, ClassEntry | None]] = [(s, None) for s in reversed(tree.body)]
    while pending:
        node, owner = pending.pop()
        if isinstance(node, cst.FunctionDef):
            called = [d.decorator.func if isinstance(d.decorator, cst.Call) else d.decorator for d in node.decorators]
            decorators = tuple(cst.Module([]).code_for_node(function) for function in called)
            index.add_function(node.name.value, _rows(tree, node), owner, None, decorators)
        elif isinstance(node, cst.ClassDef):
            bases = tuple(cst.Module([]).code_for_node(base.value) for base in node.bases)
            made = index.add_class(node.name.value, _rows(tree, node), owner, bases, None)
            pending.extend((s, made) for s in reversed(node.body.body))
        elif isinstance(node, (cst.Import, cst.ImportFrom)):
            if owner is None:
                _import(index, node)
        else:
            if owner is None:
                # more than it binds, which only costs a run of the module level
                names = [found for found in matchers.findall(node, matchers.Name()) if isinstance(found, cst.Name)]
                index.bound.update((name.value, None) for name in names)
            pending.extend((child, owner) for child in reversed(list(_blocks(node))))


def find_definition(tree: Tree, first_row: int) -> cst.FunctionDef | cst.ClassDef | None:
    """The function or class outside functions that starts in a row of the file, decorators included."""
    pending: list[cst.CSTNode] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            if _rows(tree, node)[0] == first_row:
                return node
            if isinstance(node, cst.ClassDef):
                pending.extend(node.body.body)
        else:
            pending.extend(_blocks(node))
    return None


class Converted:
    """Nodes of a tree of libcst's as those of `nanlint.source.nodes`. Raises SourceError if they nest too deeply."""

    def __init__(self, tree: Tree, body: Sequence[cst.CSTNode]) -> None:
        self._tree = tree
        self._origins: dict[nodes.Node, cst.CSTNode] = {}
        try:
            self.body: Sequence[nodes.Node] = self._converted(body)
        except RecursionError:
            raise SourceError(TOO_DEEP, Position(tree.row(1), 1)) from None
        self.module: nodes.Node = nodes.Module(self.body)
        self._origins[self.module] = tree.module

    def __contains__(self, node: object) -> bool:
        return node in self._origins

    def span(self, node: nodes.Node) -> tuple[Position, Position]:
        """Start and exclusive end in the file. Raises KeyError for a node that is not of this tree."""
        return self._tree.span(self._origins[node])

    def code(self, node: nodes.Node) -> str:
        """The text of a node. Raises KeyError as `span`."""
        return self._tree.code(self._origins[node])

    def _converted(self, what: Any) -> Any:
        if isinstance(what, (list, tuple)):
            return [self._converted(each) for each in what]
        if isinstance(what, cst.MaybeSentinel):
            return None
        if not isinstance(what, cst.CSTNode):
            return what
        made = self._node(what)
        self._origins[made] = what
        return made

    def _node(self, node: cst.CSTNode) -> nodes.Node:
        match node:
            case cst.SimpleString() | cst.ConcatenatedString() | cst.FormattedString():
                value = _evaluated(node)
                return nodes.SimpleString(value) if value is not None else nodes.FormattedString(self._formatted(node))
            case cst.SimpleStatementSuite():
                return nodes.IndentedBlock([nodes.SimpleStatementLine(self._converted(node.body))])
        name = type(node).__name__
        cls = getattr(nodes, RENAMED.get(name, name), nodes.Node)
        return cls(*(self._converted(getattr(node, field)) for field in cls.fields))

    def _formatted(self, node: cst.CSTNode) -> list[Any]:
        """The expressions in a string."""
        match node:
            case cst.ConcatenatedString():
                return [*self._formatted(node.left), *self._formatted(node.right)]
            case cst.FormattedString():
                found = (part for part in node.parts if isinstance(part, cst.FormattedStringExpression))
                return [self._converted(part.expression) for part in found]
        return []


def _evaluated(node: cst.CSTNode) -> str | bytes | None:
    """What a string is; None for a formatted one."""
    try:
        value: str | bytes | None = getattr(node, "evaluated_value", None)
    except (ValueError, SyntaxError):
        return None
    return value


def _blocks(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The statements and clauses directly within a statement, in order."""
    if isinstance(node, cst.SimpleStatementLine):
        yield from node.body
        return
    body = getattr(node, "body", None)
    if isinstance(body, (cst.IndentedBlock, cst.SimpleStatementSuite)):
        yield from body.body
    for name in ("handlers", "cases"):
        clauses: Sequence[cst.CSTNode] = getattr(node, name, ())
        yield from clauses
    for name in ("orelse", "finalbody"):
        clause = getattr(node, name, None)
        if clause is not None:
            yield clause


def _import(index: Index, node: cst.Import | cst.ImportFrom) -> None:
    if isinstance(node, cst.Import):
        for name in node.names:
            index.add_import(name.evaluated_name, name.evaluated_alias)
        return
    module = "." * len(node.relative)
    if node.module is not None:
        module += get_full_name_for_node(node.module) or ""
    if isinstance(node.names, cst.ImportStar):
        index.add_import_from(module, "*", None)
        return
    for name in node.names:
        index.add_import_from(module, name.evaluated_name, name.evaluated_alias)


def _rows(tree: Tree, node: cst.FunctionDef | cst.ClassDef) -> Rows:
    start, end = tree.span(node)
    first = min([start.row, *(tree.span(decorator)[0].row for decorator in node.decorators)])
    return first, end.row
