"""Comments that silence findings: `# noqa` as flake8 reads it, and `# nanlint: ignore`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nanlint.finding import Position
from nanlint.slotted import Data
from nanlint.source.lex import PROSE

# flake8.defaults.NOQA_INLINE_REGEX of flake8 7, with blanks allowed before the colon as ruff does
NOQA = r"#\s*noqa(?![a-z0-9_])(?:\s?:\s?(?P<items>[A-Z]+[0-9]*(?:[,\s]+[A-Z]+[0-9]+)*(?![a-z])))?"
IGNORE = r"#\s*nanlint:\s*ignore(?![\w-])(?:\[(?P<items>[^\]]*)\])?"


class Suppression(Data):
    """A comment at `position` that silences `items` (codes, their prefixes, rule names; None: everything).

    It covers the rows `first_row` to `last_row` of the statement that it stands in, as in flake8.
    """

    kind: str
    text: str
    position: Position
    items: tuple[str, ...] | None
    first_row: int
    last_row: int

    def covers(self, code: str, name: str, row: int) -> bool:
        return self.first_row <= row <= self.last_row and any(True for _ in self.naming(code, name))

    def naming(self, code: str, name: str) -> Iterator[str]:
        """The items that mean the rule; an empty one for a comment without any, which means every rule."""
        if self.items is None:
            yield ""
        yield from (item for item in self.items or () if code.startswith(item.upper()) or item.lower() == name)


class Suppressions:
    """The suppressing comments of a file in order. Never raises, whatever the text holds."""

    def __init__(self, text: str) -> None:
        small = text.lower()
        self.comments: tuple[Suppression, ...] = tuple(_find(text)) if "noqa" in small or "nanlint:" in small else ()

    def covers(self, code: str, name: str, row: int, noqa: bool = True) -> bool:
        """Whether a comment silences the rule in a row; without `noqa`, one of nanlint's own."""
        return any(comment.covers(code, name, row) for comment in self.comments if noqa or comment.kind != "noqa")

    def silencing(self, code: str, name: str, row: int) -> Iterator[tuple[Suppression, str]]:
        """The comments, each with its items, that silence the rule in a row."""
        for comment in self.comments:
            if comment.first_row <= row <= comment.last_row:
                yield from ((comment, item) for item in comment.naming(code, name))


def _find(text: str) -> list[Suppression]:
    """Read a text whose newlines are all LF."""
    found: list[Suppression] = []
    waiting: list[tuple[Position, re.Match[str], str]] = []
    row = first_row = 1
    row_start = place = depth = 0

    def close(last_row: int) -> None:
        for position, match, kind in waiting:
            items = match["items"]
            split = None if items is None else tuple(re.split(r"[,\s]+", items.strip(", \t")))
            found.append(Suppression(kind, match[0], position, split, first_row, last_row))
        waiting.clear()

    # code, comments and strings: what stands between two newlines of code is mostly one piece
    for number, part in enumerate(PROSE.split(text)):
        if number % 2 == 0:
            rows = part.split("\n")
            for code in rows[:-1]:
                depth = _depth(depth, code)
                if depth == 0 and not code.endswith("\\"):
                    if waiting:
                        close(row)
                    first_row = row + 1
                row += 1
                place += len(code) + 1
                row_start = place
            depth = _depth(depth, rows[-1])
            place += len(rows[-1])
            continue
        if part[0] == "#":
            for kind, pattern in (("noqa", NOQA), ("nanlint", IGNORE)) if _may_silence(part) else ():
                matches = re.finditer(pattern, part, re.IGNORECASE)
                waiting += ((Position(row, place + m.start() - row_start + 1), m, kind) for m in matches)
        elif "\n" in part:
            row += part.count("\n")
            row_start = place + part.rindex("\n") + 1
        place += len(part)
    close(row)
    return found


def _depth(depth: int, code: str) -> int:
    """How many brackets are open behind the code."""
    opened = code.count("(") + code.count("[") + code.count("{")
    closed = code.count(")") + code.count("]") + code.count("}")
    return max(depth + opened - closed, 0)


def _may_silence(comment: str) -> bool:
    small = comment.lower()
    return "noqa" in small or "nanlint" in small
