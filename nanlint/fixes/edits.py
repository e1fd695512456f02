"""Edits of the bytes of a file: whether they go together, what they make of it, and where its places are then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nanlint.finding import Edit


def overlap(one: Iterable[Edit], two: Iterable[Edit]) -> bool:
    """An edit of one touches what another edit of the other touches; both may have the same one, such as an import."""
    others = list(two)
    return any(a != b and a.start <= b.end and b.start <= a.end for a in one for b in others)


def merged(groups: Iterable[Sequence[Edit]]) -> tuple[Edit, ...]:
    """The edits of several fixes in the order of the file, what several of them insert alike only once."""
    return tuple(sorted({edit for group in groups for edit in group}, key=lambda edit: (edit.start, edit.end)))


def apply(data: bytes, edits: Iterable[Edit], encoding: str) -> bytes:
    """The bytes with each edit made. The edits are in order and do not overlap.

    Raises UnicodeEncodeError for a text that the encoding does not have.
    """
    parts: list[bytes] = []
    at = 0
    for edit in edits:
        parts += [data[at : edit.start], edit.text.encode(encoding)]
        at = edit.end
    return b"".join([*parts, data[at:]])


def moved(offset: int, edits: Iterable[Edit], encoding: str) -> tuple[int, int]:
    """Where a byte is after the edits: the first and last place that it can be at, which differ within an edit."""
    shift = 0
    for edit in edits:
        if edit.start > offset:
            break
        length = len(edit.text.encode(encoding))
        if offset < edit.end:
            return edit.start + shift, edit.start + shift + length
        shift += length - (edit.end - edit.start)
    return offset + shift, offset + shift
