"""The code of a file as fixes see it: expressions with what they stand in, and their text as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nanlint.finding import Edit, Position
from nanlint.lazily import cached_property
from nanlint.source import Source
from nanlint.source.stdlib import parse

Span = tuple[Position, Position]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
SCOPES = (*FUNCTIONS, ast.ClassDef)
NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
BLOCKS = ("body", "orelse", "finalbody")
WORD = re.compile(r"\w")


class Code:
    """Raises SyntaxError for a file that the running Python cannot parse."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tree = parse("\n".join(source.lines))
        self._parents: dict[ast.AST, ast.AST] = {}
        self._expressions: dict[Span, ast.expr] = {}
        for parent in ast.walk(self.tree):
            for child in ast.iter_child_nodes(parent):
                self._parents[child] = parent
                if isinstance(child, ast.expr):
                    self._expressions.setdefault(self.span(child), child)

    @cached_property
    def newline(self) -> str:
        """How the first row of the file ends."""
        found = re.search(r"\r\n|\r|\n", self.source.text)
        return found[0] if found else "\n"

    def span(self, node: ast.expr | ast.stmt) -> Span:
        return self._position(node.lineno, node.col_offset), self._position(
            node.end_lineno or node.lineno, node.end_col_offset or 0
        )

    def _position(self, row: int, column: int) -> Position:
        line = self.source.lines[row - 1]
        return Position(row, (column if line.isascii() else len(line.encode()[:column].decode())) + 1)

    def at(self, span: Span) -> ast.expr | None:
        """The expression that starts and ends there; the parentheses around it do not count."""
        return self._expressions.get(span)

    def text(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.range(node)
        return self.source.text[start:end]

    def range(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Its start and exclusive end in the text of the file."""
        start, end = self.span(node)
        return self.source.offset(start), self.source.offset(end)

    def edit(self, start: int, end: int, text: str) -> Edit:
        """The edit that puts a text between two places of the text of the file."""
        first, last = (self.source.byte_offset(self.source.position(offset)) for offset in (start, end))
        return Edit(first, last, text)

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self._parents.get(node)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What it stands in, the nearest first."""
        above = self._parents.get(node)
        while above is not None:
            yield above
            above = self._parents.get(above)

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that it is a part of."""
        return node if isinstance(node, ast.stmt) else next(n for n in self.above(node) if isinstance(n, ast.stmt))

    def scope(self, node: ast.AST) -> ast.AST:
        """The function, lambda, class or module that its names are looked up in."""
        return next(n for n in self.above(node) if isinstance(n, (*SCOPES, ast.Module)))

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements that it is one of."""
        parent = self._parents[statement]
        for name in BLOCKS:
            block = getattr(parent, name, None)
            if isinstance(block, list) and statement in block:
                return block
        return [statement]

    def within(self, inner: ast.AST, outer: ast.AST) -> bool:
        return inner is outer or any(node is outer for node in self.above(inner))

    def stores(self, scope: ast.AST) -> set[str]:
        """The names that a function or lambda binds, its parameters among them, and those of scopes within."""
        found: set[str] = set()
        for node in ast.walk(scope):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                found.add(node.id)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.alias):
                found.add((node.asname or node.name).partition(".")[0])
            elif isinstance(node, NAMED) and node is not scope and node.name:
                found.add(node.name)
        return found

    def padded(self, start: int, end: int, text: str) -> str:
        """The text, with blanks where words would else run into each other."""
        around = self.source.text
        before = " " if start and WORD.match(around[start - 1]) and WORD.match(text[0]) else ""
        after = " " if end < len(around) and WORD.match(around[end]) and WORD.match(text[-1]) else ""
        return f"{before}{text}{after}"
