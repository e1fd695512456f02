"""Names that torch does not have, and the guards under which code may ask for them all the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from nanlint.facts.apply import record
from nanlint.ops.names import is_absent
from nanlint.patterns import pattern
from nanlint.source.stdlib import tree_of

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.source import nodes as cst

ASKS = pattern(
    r"hasattr|getattr|(?i:version|available|supports|requires)|(?i:torch)_?\d|(?i:torch_(?:ge|gt|lt|le|geq)\b)|\bHAS_|_HAS_"
)
CATCHES = frozenset({"AttributeError", "ImportError", "ModuleNotFoundError", "Exception", "BaseException", "NameError"})
SUPPRESSES = pattern(r"suppress.*(?:Error|Exception)")
LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)
Block = list[ast.stmt]


def note(frame: Frame, full: str, node: cst.Node) -> None:
    """Show the rules the name `full` of torch at `node` if torch lacks it and no guard around asks for it."""
    session = frame.session
    if "unknown-name" not in session.listened or session.muted or not frame.is_here or not is_absent(full):
        return
    row = session.span(frame.place(node))[0].row
    place, _, name = full.rpartition(".")
    # torch.npu.empty_cache(): packages for other devices put their modules into torch
    if place == "torch" and re.search(rf"\b{name}\.\w", session.source.text):
        return
    if not is_guarded(session.source.text, row, name):
        record(frame, "unknown-name", {}, node, frame.unknown(), full)


def is_guarded(text: str, row: int, name: str) -> bool:
    """Code around that row copes with torch lacking the name: by `hasattr`, a test of the version or a `try`."""
    tree = tree_of(text)
    if tree is None:
        return True
    flags, added = _flags(text)
    if name in added:
        return True
    return any(_asks(node, row, flags) for node in (tree, *_around(tree, row)))


@lru_cache(maxsize=2)
def _flags(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Variables that hold the answer of such a test, and attributes that the file sets by itself."""
    tree = tree_of(text)
    flags: set[str] = set()
    added: set[str] = set()
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Assign):
            asks = ASKS.search(ast.unparse(node.value)) is not None
            for target in node.targets:
                if isinstance(target, ast.Name) and asks:
                    flags.add(target.id)
                if isinstance(target, ast.Attribute):
                    added.add(target.attr)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr":
            added.update(str(argument.value) for argument in node.args[1:2] if isinstance(argument, ast.Constant))
    return frozenset(flags), frozenset(added)


def _around(tree: ast.AST, row: int) -> Iterator[ast.AST]:
    """The nodes whose lines hold that row, outermost first."""
    for child in ast.iter_child_nodes(tree):
        first, last = getattr(child, "lineno", None), getattr(child, "end_lineno", None)
        if first is None or last is None:
            yield from _around(child, row)
            continue
        for decorator in getattr(child, "decorator_list", ()):
            first = min(first, decorator.lineno)
        if first <= row <= last:
            yield child
            yield from _around(child, row)


def _asks(node: ast.AST, row: int, flags: frozenset[str]) -> bool:
    if isinstance(node, (ast.If, ast.IfExp, ast.While, ast.Assert)):
        if _is_test(node.test, flags):
            return True
    elif isinstance(node, ast.BoolOp):
        if _is_test(node, flags):
            return True
    elif isinstance(node, ast.Try):
        if any(_catches(handler.type) for handler in node.handlers):
            return True
    elif isinstance(node, ast.With) and any(SUPPRESSES.search(ast.unparse(item.context_expr)) for item in node.items):
        return True
    for decorator in getattr(node, "decorator_list", ()):
        if _is_test(decorator, flags):
            return True
    return any(_leaves_first(block, row, flags) for block in _blocks(node))


def _is_test(test: ast.expr, flags: frozenset[str]) -> bool:
    if ASKS.search(ast.unparse(test)) is not None:
        return True
    return any(isinstance(n, ast.Name) and n.id in flags for n in ast.walk(test))


def _catches(type_: ast.expr | None) -> bool:
    if type_ is None:
        return True
    return any(isinstance(n, ast.Name) and n.id in CATCHES for n in ast.walk(type_))


def _blocks(node: ast.AST) -> Iterator[Block]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _leaves_first(block: Block, row: int, flags: frozenset[str]) -> bool:
    """A statement before that row, in the block, tests and leaves."""
    for statement in block:
        if statement.lineno > row:
            return False
        if not isinstance(statement, ast.If) or not isinstance(statement.body[-1], LEAVES):
            continue
        if (statement.end_lineno or row) < row and _is_test(statement.test, flags):
            return True
    return False
