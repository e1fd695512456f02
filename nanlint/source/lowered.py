"""The syntax tree of a unit that Python's own parser has read, and the way back from its nodes to the file."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Sequence

from nanlint.finding import Position
from nanlint.source import nodes as cst
from nanlint.source.errors import SourceError
from nanlint.source.lower_statements import Lowering
from nanlint.source.stdlib import parse
from nanlint.source.tree import TOO_DEEP, Slice

PLACES_FORMATTED = sys.version_info >= (3, 12)


class Lowered(Slice):
    """The tree of rows of a file, or of statements of it that Python has `read`, with `pass` for those in `apart`.

    Raises SourceError if the running Python does not read the rows, or misplaces what stands in their strings.
    """

    def __init__(
        self,
        rows: list[str],
        numbers: Sequence[int],
        read: Sequence[ast.stmt] | None = None,
        apart: Iterable[ast.stmt] = (),
    ) -> None:
        super().__init__(rows, numbers)
        self._bytes: dict[int, bytes] = {}
        low = Lowering(self._row_bytes, apart)
        try:
            self.module: cst.Module = low.module(self._parsed() if read is None else read)
        except SyntaxError as error:
            raise SourceError(error.msg or "invalid syntax", Position(self.row(error.lineno or 1), 1)) from None
        except (RecursionError, MemoryError):
            raise SourceError(TOO_DEEP, Position(self.row(1), 1)) from None
        except (KeyError, ValueError) as error:
            raise SourceError(f"cannot read this: {error}", Position(self.row(1), 1)) from None
        self.body: Sequence[cst.Node] = self.module.body
        self._origins = low.origins
        for node in () if PLACES_FORMATTED else low.formatted:
            self._check_places(node)

    def _parsed(self) -> list[ast.stmt]:
        body = parse("\n".join(self.rows)).body
        if self.indented:
            assert isinstance(body[0], ast.If)
            return body[0].body
        return body

    def __contains__(self, node: object) -> bool:
        return node in self._origins

    def span(self, node: cst.Node) -> tuple[Position, Position]:
        """Start and exclusive end in the file. Raises KeyError for a node that is not of this tree."""
        start, end = self._places(node)
        return self._in_file(*start), self._in_file(*end)

    def code(self, node: cst.Node) -> str:
        """The text of a node, without the parentheses around it. Raises KeyError as `span`."""
        (first, start), (last, end) = self._places(node)
        if first == last:
            return self._row_bytes(first)[start:end].decode()
        middle = [self._row_bytes(row).decode() for row in range(first + 1, last)]
        return "\n".join([self._row_bytes(first)[start:].decode(), *middle, self._row_bytes(last)[:end].decode()])

    def _places(self, node: cst.Node) -> tuple[tuple[int, int], tuple[int, int]]:
        origin = self._origins.get(node)
        if origin is None:
            raise KeyError(type(node).__name__)
        first, last = origin if isinstance(origin, tuple) else (origin, origin)
        return _start(first), _end(last)

    def _row_bytes(self, row: int) -> bytes:
        """`ast` counts columns in the bytes of UTF-8."""
        found = self._bytes.get(row)
        if found is None:
            found = self._bytes[row] = self.rows[row - 1].encode()
        return found

    def _in_file(self, row: int, column: int) -> Position:
        return Position(self.row(row), len(self._row_bytes(row)[:column].decode()) + 1)

    def _check_places(self, formatted: ast.JoinedStr) -> None:
        """Before Python 3.12, `ast` misplaces what stands in some formatted strings: believe it where the rows agree.

        Raises SourceError where they do not.
        """
        for node in ast.walk(formatted):
            if isinstance(node, ast.Name):
                row = self._row_bytes(node.lineno) if node.lineno <= len(self.rows) else b""
                if row[node.col_offset : node.end_col_offset] != node.id.encode():
                    raise SourceError("misplaced", Position(self.row(formatted.lineno), 1))


def _start(node: ast.AST) -> tuple[int, int]:
    return node.lineno, node.col_offset  # type: ignore[attr-defined]


def _end(node: ast.AST) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
