"""Which rules have something to do with a file, judged by its text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nanlint.rule import Rule
    from nanlint.source import Source


def mentioned(rules: Iterable[Rule], source: Source) -> list[Rule]:
    """The rules that have something to do with what the code speaks of, whatever its docstrings and comments do."""
    known: dict[str, bool] = {}
    return [rule for rule in rules if not rule.mentions or _is_mentioned(rule.mentions, source, known)]


def _is_mentioned(mentions: Iterable[str], source: Source, known: dict[str, bool]) -> bool:
    """Some of these texts stands in the code; what is known of them is kept for the next rule."""
    for text in mentions:
        stands = known.get(text)
        if stands is None:
            stands = known[text] = _part(text) in source.vocabulary and _stands(text, source.bare)
        if stands:
            return True
    return False


@cache
def _part(text: str) -> str:
    """What of a text stands within a word, so that it is looked for among the words of a file first."""
    found = re.search(r"\w+", text)
    return found[0] if found is not None else ""


def _stands(text: str, code: str) -> bool:
    """The text starts a word or a part of one: `polar` in `to_polar`, not in `bipolar`; `is_complex` makes none."""
    at = code.find(text)
    while at > 0 and text[0].isalnum() and (_is_letter(code[at - 1]) or code[max(at - 3, 0) : at] == "is_"):
        at = code.find(text, at + 1)
    return at >= 0


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()
