"""Findings that are known: by rule, function and text, so that they stay known where lines move."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from nanlint.finding import Finding
from nanlint.source import Source, SourceError

VERSION = 1
Read = Callable[[str], bytes]
Key = tuple[str, str, str, str]
"""Path, code, function and text of a finding; the path is relative to a folder, with slashes."""


class BaselineError(Exception):
    """A baseline that cannot be read or written; the message names the file and says why."""


def keys(findings: Sequence[Finding], read: Read, root: Path) -> list[Key]:
    """The key of each finding. `read` gives the bytes of a file as they were checked, and may raise OSError."""
    sources = {path: _source(path, read) for path in dict.fromkeys(finding.path for finding in findings)}
    return [_key(finding, sources[finding.path], root) for finding in findings]


def new(findings: Sequence[Finding], found: Sequence[Key], known: Counter[Key]) -> tuple[Finding, ...]:
    """The findings without those that are known; of several alike, as many as are more than known."""
    left = known.copy()
    fresh = []
    for finding, key in zip(findings, found, strict=True):
        if left[key] > 0:
            left[key] -= 1
        else:
            fresh.append(finding)
    return tuple(fresh)


def write(file: Path, found: Iterable[Key]) -> int:
    """Write the keys to a file and say how many there are. Raises BaselineError."""
    counts = Counter(found)
    entries = [
        {"path": path, "code": code, "function": function, "text": text, "count": count}
        for (path, code, function, text), count in sorted(counts.items())
    ]
    try:
        file.write_text(json.dumps({"version": VERSION, "findings": entries}, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise BaselineError(f"{file}: cannot be written: {error.strerror}") from None
    return sum(counts.values())


def load(file: Path) -> Counter[Key]:
    """What `write` has written. Raises BaselineError."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["version"] != VERSION:
            raise BaselineError(f"{file}: written by another version of nanlint: write it again")
        return Counter(dict(_entries(stored["findings"])))
    except OSError as error:
        raise BaselineError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BaselineError(f"{file}: is no baseline of nanlint") from None


def _entries(stored: list[dict[str, str]]) -> Iterator[tuple[Key, int]]:
    for entry in stored:
        yield (entry["path"], entry["code"], entry["function"], entry["text"]), int(entry["count"])


def _source(path: str, read: Read) -> Source | None:
    try:
        source = Source(read(path), path)
        assert source.index
    except (OSError, SourceError):
        return None
    return source


def _key(finding: Finding, source: Source | None, root: Path) -> Key:
    path = Path(os.path.relpath(finding.path, root)).as_posix()
    if source is None:
        return (path, finding.code, "", "")
    row = finding.start.row
    around = [d for d in source.index.definitions if d.kind == "function" and d.first_row <= row <= d.last_row]
    function = min(around, key=lambda d: d.last_row - d.first_row).qualname if around else ""
    text = source.text[source.offset(finding.start) : source.offset(finding.end)]
    return (path, finding.code, function, "".join(text.split()))
