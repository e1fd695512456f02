"""The index of a file from the standard library's `ast`: statements only, no walk over expressions."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache

from nanlint.slotted import Data
from nanlint.source.index import ClassEntry, Index, Rows

SIMPLE = (ast.Assign, ast.AnnAssign)
BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")


class Parsed(Data):
    """A text, newlines as in its file, and what `ast.parse` makes of it."""

    text: str
    tree: ast.Module


def parse(text: str) -> ast.Module:
    """Raises SyntaxError, RecursionError, MemoryError or ValueError as `ast.parse` does; warns of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def is_python(text: str) -> bool:
    """Whether the running Python surely reads the text: parsed, but no tree is made of it."""
    from symtable import symtable

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symtable(text, "<unknown>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


@lru_cache(maxsize=2)
def tree_of(text: str) -> ast.Module | None:
    """The tree of a whole file, whose expressions are walked; None where the running Python cannot read it."""
    return parsed(text)


def parsed(text: str) -> ast.Module | None:
    """None where the running Python cannot read it."""
    try:
        return parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def fill(index: Index, tree: ast.Module, outlined: Mapping[int, Rows | None] | None = None) -> None:
    """Put into an index what the statements of a module define.

    In an outline some functions do nothing: `outlined` are the rows of their docstrings by the row of `def`.
    """
    index.add_module(_docstring(index, tree), tree)
    pending: list[tuple[ast.AST, ClassEntry | None]] = [(s, None) for s in reversed(tree.body)]
    while pending:
        node, owner = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            decorators = tuple(_text(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list)
            row = node.lineno
            docstring = outlined[row] if outlined and row in outlined else _docstring(index, node)
            index.add_function(node.name, _rows(index, node), owner, docstring, decorators, node)
            if outlined is not None:
                # a function that is read may have one in it that is not
                index.found[-1].forget_tree()
        elif isinstance(node, ast.ClassDef):
            made = index.add_class(
                node.name, _rows(index, node), owner, tuple(map(_text, node.bases)), _docstring(index, node), node
            )
            pending.extend((s, made) for s in reversed(node.body))
        elif isinstance(node, ast.Import):
            for name in node.names if owner is None else ():
                index.add_import(name.name, name.asname)
        elif isinstance(node, ast.ImportFrom):
            for name in node.names if owner is None else ():
                index.add_import_from("." * node.level + (node.module or ""), name.name, name.asname)
        elif not isinstance(node, ast.expr):
            if owner is None:
                rows = (node.lineno, node.end_lineno) if isinstance(node, SIMPLE) and node.end_lineno else None
                for bound in _bound(node):
                    index.add_bound(bound, rows)
            inner = [child for block in BLOCKS for child in getattr(node, block, ())]
            pending.extend((child, owner) for child in reversed(inner))


def _rows(index: Index, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Rows:
    assert node.end_lineno is not None
    first = node.lineno
    if node.decorator_list:
        # the position of a decorator is that of its expression, which may stand below its @
        first = node.decorator_list[0].lineno
        while first > 1 and not index.source.lines[first - 1].lstrip(" \t\f").startswith("@"):
            first -= 1
    return first, node.end_lineno


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement binds, those in its blocks left out."""
    targets: list[ast.expr | None] = [
        *getattr(node, "targets", ()),
        getattr(node, "target", None),
        *(item.optional_vars for item in getattr(node, "items", ())),
    ]
    while targets:
        target = targets.pop()
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, (ast.Tuple, ast.List)):
            targets.extend(target.elts)
        elif isinstance(target, ast.Starred):
            targets.append(target.value)
    if isinstance(node, ast.Global):
        yield from node.names
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.NamedExpr):
        yield node.value.target.id


def _docstring(index: Index, node: ast.ClassDef | ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> Rows | None:
    """The rows of a docstring that shares them with no code."""
    first = node.body[0] if node.body else None
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return None
    if not isinstance(first.value.value, str):
        return None
    lines = index.source.lines
    assert first.end_lineno is not None
    assert first.end_col_offset is not None
    before = lines[first.lineno - 1].encode()[: first.col_offset]
    after = lines[first.end_lineno - 1].encode()[first.end_col_offset :]
    return None if before.strip() or after.strip() else (first.lineno, first.end_lineno)


def _text(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ast.unparse(node)
