"""Expectation marks: a comment on the line that it expects.

    torch.log(torch.relu(x))  # flagged: log-of-nonpositive
    torch.log(x)              # flagged: log-of-nonpositive (possible)
    a / b                     # missed: division-by-zero-tensor

Several rules are separated by commas. A mark without a confidence wants what is reported by default, likely or
certain. `missed` states a known miss, which must not be flagged now. A line without a mark must have no finding of
default confidence from any rule; possible findings may stand anywhere.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nanlint.finding import Confidence, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT = Confidence.LIKELY
MARK = re.compile(r"#\s*(?P<verb>flagged|missed)\b(?::\s*(?P<names>[^#]*))?")
NAME = re.compile(r"(?P<name>[a-z0-9-]+)(?:\s*\((?P<confidence>certain|likely|possible)\))?")


@dataclass
class Marks:
    """`flagged`: (row, rule name, confidence word or "" for the default) with its count; `missed`: (row, rule name)."""

    flagged: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    missed: set[tuple[int, str]] = field(default_factory=set)


def read(text: str, subject: str = "") -> Marks:
    """The marks of a file; a bare `# flagged` means the rule `subject`. Raises ValueError for a mark it cannot read."""
    marks = Marks()
    for row, comment in comments(text):
        for mark in MARK.finditer(comment):
            names = mark["names"] if mark["names"] is not None else subject
            for item in names.split(","):
                entry = NAME.fullmatch(item.strip())
                if entry is None:
                    raise ValueError(f"line {row}: cannot read the mark {comment!r}")
                if mark["verb"] == "missed":
                    marks.missed.add((row, entry["name"]))
                else:
                    marks.flagged[row, entry["name"], entry["confidence"] or ""] += 1
    return marks


def comments(text: str) -> Iterable[tuple[int, str]]:
    """Row and text of each comment."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def differences(marks: Marks, findings: Iterable[Finding]) -> list[str]:
    """What the findings lack and what they have too much, in words; empty if they are as marked."""
    left = sorted(findings, key=lambda f: f.sort_key)
    lines: list[str] = []
    # marks with a confidence first, so that a bare one does not take their finding
    for row, name, word in sorted(marks.flagged.elements(), key=lambda m: (m[0], m[1], m[2] == "")):
        for finding in left:
            fits = finding.confidence.word == word if word else finding.confidence >= DEFAULT
            if (finding.start.row, finding.name) == (row, name) and fits:
                left.remove(finding)
                break
        else:
            lines.append(f"line {row}: not flagged: {name}{f' ({word})' if word else ''}")
    for finding in left:
        row = finding.start.row
        if finding.confidence < DEFAULT:
            continue
        if (row, finding.name) in marks.missed:
            lines.append(f"line {row}: {finding.name} is marked as missed but found now: promote the mark to `flagged`")
        else:
            lines.append(f"line {row}: unexpected: {finding.name} ({finding.confidence.word}): {finding.message}")
    return sorted(lines, key=lambda line: int(line.split(":")[0].split()[1]))
