"""The checked files again, as lines, for excerpts and for the places of edits."""

from __future__ import annotations

import codecs
import functools
import io
import re
import tokenize
from collections.abc import Callable

from nanlint.finding import Position

_NEWLINE = re.compile(r"\r\n|\r|\n")


class SourceText:
    """Text by path; `read` gives the bytes and may raise OSError, after which a file counts as empty."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self._file = functools.lru_cache(maxsize=4)(self._decoded)
        self._split = functools.lru_cache(maxsize=4)(lambda path: _NEWLINE.split(self._file(path)[2]))

    def lines(self, path: str) -> list[str]:
        """The lines without their ends; lines end as Python's do, so a form feed is part of one."""
        return self._split(path)

    def line(self, path: str, row: int) -> str:
        """The line of a row that counts from 1; empty where the file has changed and is shorter now."""
        lines = self.lines(path)
        return lines[row - 1] if 0 < row <= len(lines) else ""

    def position(self, path: str, offset: int) -> Position:
        """The place of a byte offset."""
        data, encoding, _ = self._file(path)
        bom = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
        rows = _NEWLINE.split(data[bom : max(offset, bom)].decode(encoding, "replace"))
        return Position(len(rows), len(rows[-1]) + 1)

    def _decoded(self, path: str) -> tuple[bytes, str, str]:
        try:
            data = self._read(path)
        except OSError:
            return b"", "utf-8", ""
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        except (SyntaxError, LookupError):
            encoding = "latin-1"
        bom = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
        encoding = "utf-8" if bom else encoding
        return data, encoding, data[bom:].decode(encoding, "replace")
