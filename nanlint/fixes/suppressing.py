"""Comments that silence findings: written behind them, and taken away where they silence nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from nanlint.finding import Confidence, Edit, Finding, Fix, Position
from nanlint.selection import UNUSED, Named
from nanlint.source import Source, Suppression
from nanlint.source.lex import TOKEN

LISTED = re.compile(r"(#\s*noqa\s?:\s?)([A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)", re.IGNORECASE)


def added(source: Source, findings: Iterable[Finding]) -> tuple[Edit, ...]:
    """The edits that put `# noqa: CODE` behind the statement of each finding, or the code into the comment there."""
    wanted: dict[int, set[str]] = {}
    for finding in findings:
        if finding.code != "NAN000":
            wanted.setdefault(_last_row(source, finding.start.row), set()).add(finding.code)
    edits = []
    for row, codes in sorted(wanted.items()):
        line = source.lines[row - 1]
        listed = LISTED.search(line)
        if listed is not None:
            more = codes.difference(re.split(r"[,\s]+", listed[2]))
            at, text = listed.end(), "".join(f", {code}" for code in sorted(more))
        else:
            at, text = len(line.rstrip()), f"  # noqa: {', '.join(sorted(codes))}"
        offset = source.byte_offset(Position(row, at + 1))
        edits.append(Edit(offset, offset, text))
    return tuple(edits)


def _last_row(source: Source, row: int) -> int:
    """The last row of the statement that the row is a part of: behind no string, and within no brackets."""
    text, depth, at, last = "\n".join(source.lines), 0, 1, 1
    for token in TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth = max(depth - 1, 0)
        at = last + token[0].count("\n")
        if kind == "newline" and depth == 0 and last >= row:
            return last
        last = at
    return last


def silencing_nothing(
    source: Source, rules: Sequence[Named], useful: set[tuple[Suppression, str]], *, noqa: bool, bare: bool, fixes: bool
) -> Iterator[Finding]:
    """A finding for each comment that names rules of ours, or all of them, and silences none of these.

    `useful` are comments with their items that do silence something. Without `noqa`, comments of that word are
    another program's, and without `bare` those that name no rule may mean one that was not asked.
    """
    for comment in source.suppressions.comments:
        if (comment.kind == "noqa" and (not noqa or comment.items is None)) or (comment.items is None and not bare):
            continue
        ours = [item for item in comment.items or ("",) if not item or any(_means(item, rule) for rule in rules)]
        unused = tuple(item for item in ours if (comment, item) not in useful)
        others = (other for other in source.suppressions.comments if other is not comment)
        if not unused or any(other.covers(UNUSED.code, UNUSED.name, comment.position.row) for other in others):
            continue
        words = ", ".join(f"`{item}`" for item in unused if item)
        message = f"this silences nothing{f' of {words}' if words else ''}: take it out"
        end = Position(comment.position.row, comment.position.column + len(comment.text))
        fix = Fix("Take the suppression out", "safe", (removed(source, comment, unused),)) if fixes else None
        yield Finding(
            UNUSED.code,
            UNUSED.name,
            message,
            source.path,
            comment.position,
            end,
            Confidence.CERTAIN,
            fixes=(fix,) if fix else (),
        )


def _means(item: str, rule: Named) -> bool:
    return rule.code.startswith(item.upper()) or item.lower() == rule.name


def removed(source: Source, comment: Suppression, unused: tuple[str, ...]) -> Edit:
    """The edit that takes the items out of a suppressing comment, and all of it where nothing is left of it."""
    line = source.lines[comment.position.row - 1]
    start = comment.position.column - 1
    end = start + len(comment.text)
    left = [item for item in comment.items or () if item not in unused]
    if left:
        kept = comment.text
        for item in unused:
            word = rf"\b{re.escape(item)}\b"
            shorter = re.sub(rf"{word}(?:,\s*|\s+)(?=[\w-])", "", kept, count=1)
            kept = shorter if shorter != kept else re.sub(rf"(?:,\s*|\s+){word}", "", kept, count=1)
        text = kept
    else:
        text = ""
        if not line[end:].strip():
            start, end = len(line[:start].rstrip()), len(line)
        elif line[end:].lstrip().startswith("#"):
            end = len(line) - len(line[end:].lstrip())
        else:
            text = "# "
            end = len(line) - len(line[end:].lstrip())
    row = comment.position.row
    first, last = (source.byte_offset(Position(row, column + 1)) for column in (start, end))
    return Edit(first, last, text)
