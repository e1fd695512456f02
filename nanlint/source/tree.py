"""Syntax trees of slices of a file, and the way back from their nodes to the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nanlint.finding import Position
from nanlint.lazily import cached_property
from nanlint.patterns import pattern
from nanlint.source.errors import SourceError
from nanlint.source.lex import too_deep

if TYPE_CHECKING:
    import libcst

    from nanlint.source.positions import Place

TOO_DEEP = "too deeply nested to parse"
NO_CODE = pattern(r"[ \t\f]*(?:#|$)")
LEADING = pattern(r"[ \t\f]*\f")


class Slice:
    """Rows of a file that are read by themselves; `numbers` are their row numbers in the file.

    Newlines are LF in `text` whatever they are in the file. Rows that are indented stand in the block of an `if`.
    """

    def __init__(self, rows: list[str], numbers: Sequence[int]) -> None:
        self.indented = bool(rows) and numbers[0] > 1 and LEADING.sub("", rows[0])[:1] in (" ", "\t")
        self.rows = ["if 1:", *rows] if self.indented else rows
        self._numbers = [numbers[0] - 1, *numbers] if self.indented else numbers

    def row(self, row: int) -> int:
        """The row in the file of a row of the text; behind the last one, the rows go on."""
        if not self._numbers:
            return max(row, 1)
        if row > len(self._numbers):
            return self._numbers[-1] + row - len(self._numbers)
        return max(self._numbers[max(row, 1) - 1], 1)


class Tree(Slice):
    """The concrete syntax tree of rows of a file, with all that stands between the code.

    Raises SourceError if the rows do not parse.
    """

    def __init__(self, rows: list[str], numbers: Sequence[int]) -> None:
        super().__init__(rows, numbers)
        text = "\n".join(self.rows)
        # Python forgets the column at a form feed before the code of a row, libcst does not: leave them out
        self._shifts: dict[int, int] = {}
        if "\f" in text:
            kept = text.split("\n")
            for number, row in enumerate(kept):
                if feed := LEADING.match(row):
                    self._shifts[number + 1] = feed.end()
                    kept[number] = row[feed.end() :]
            text = "\n".join(kept).replace("\f", " ")
        self.module = self._parse(text)
        self.body: Sequence[libcst.CSTNode] = self.module.body
        if self.indented:
            import libcst

            block = self.module.body[0]
            if isinstance(block, libcst.If) and isinstance(block.body, libcst.IndentedBlock):
                self.body = block.body.body

    def _parse(self, text: str) -> libcst.Module:
        deep = too_deep(text)
        if deep is not None:
            row = text.count("\n", 0, deep) + 1
            raise SourceError(TOO_DEEP, Position(self.row(row), deep - text.rfind("\n", 0, deep)))
        import libcst

        try:
            return libcst.parse_module(text)
        except libcst.ParserSyntaxError as error:
            message = " ".join(error.message.split())
            raise SourceError(message, Position(self.row(error.raw_line), error.raw_column + 1)) from None
        except (RecursionError, MemoryError):
            raise SourceError(TOO_DEEP, Position(self.row(1), 1)) from None
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the native parser is no Exception
            message = f"libcst cannot parse this: {type(error).__name__}"
            raise SourceError(message, Position(self.row(1), 1)) from error

    @cached_property
    def _spans(self) -> dict[libcst.CSTNode, tuple[Place, Place]]:
        from nanlint.source.positions import record

        try:
            return record(self.module)
        except (RecursionError, MemoryError):
            raise SourceError(TOO_DEEP, Position(self.row(1), 1)) from None

    def span(self, node: libcst.CSTNode) -> tuple[Position, Position]:
        """Start and exclusive end in the file. Raises KeyError for a node that is not of this tree."""
        start, end = self._spans[node]
        return self._in_file(start), self._in_file(end)

    def _in_file(self, place: Place) -> Position:
        row, column = place
        return Position(self.row(row), column + 1 + self._shifts.get(row, 0))

    def code(self, node: libcst.CSTNode) -> str:
        """The text of a node."""
        return self.module.code_for_node(node)


def masked(
    rows: list[str], first_row: int, children: list[tuple[int, int]], docstring: tuple[int, int] | None = None
) -> tuple[list[str], list[int]]:
    """The rows with each child and the docstring (first and last row in the file) as one `pass`, and their numbers."""
    kept: list[str] = []
    numbers: list[int] = []
    at = first_row
    for first, last in sorted([*children, docstring] if docstring is not None else children):
        if first < at:
            continue
        kept += rows[at - first_row : first - first_row]
        numbers += range(at, first)
        row = rows[first - first_row]
        kept.append(row[: len(row) - len(row.lstrip(" \t\f"))] + "pass")
        numbers.append(first)
        at = last + 1
    kept += rows[at - first_row :]
    numbers += range(at, first_row + len(rows))
    text = "\n".join(kept)
    if '"""' in text or "'''" in text or "\\\n" in text:
        return kept, numbers
    # rows that are blank or comments cost the parser as much as code
    code = [i for i, row in enumerate(kept) if not NO_CODE.match(row)] or [0]
    return [kept[i] for i in code], [numbers[i] for i in code]
