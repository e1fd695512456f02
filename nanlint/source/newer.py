"""The index of a file from libcst, for syntax newer than the running Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst
from libcst import matchers
from libcst.helpers import get_full_name_for_node

from nanlint.source.index import ClassEntry, Index, Rows
from nanlint.source.tree import Tree


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
