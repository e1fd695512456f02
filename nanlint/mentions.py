"""Which rules have something to do with a file, judged by its text."""

from __future__ import annotations

from collections.abc import Iterable, Set
from functools import cache
from typing import TYPE_CHECKING

from nanlint.source import lex

if TYPE_CHECKING:
    from nanlint.rule import Rule
    from nanlint.source import Source

# between the letters of a word
APART = dict.fromkeys(map(ord, "0123456789_"), " ")


def mentioned(rules: Iterable[Rule], source: Source) -> list[Rule]:
    """The rules that have something to do with what the code speaks of, whatever its docstrings and comments do."""
    beginnings = {letters[:3] for letters in source.vocabulary.translate(APART).split()}
    known: dict[str, bool] = {}
    return [rule for rule in rules if not rule.mentions or _is_mentioned(rule.mentions, source, beginnings, known)]


def _is_mentioned(mentions: Iterable[str], source: Source, beginnings: Set[str], known: dict[str, bool]) -> bool:
    """Some of these texts stands in the code; what is known of them is kept for the next rule."""
    for text in mentions:
        stands = known.get(text)
        if stands is None:
            part, beginning = _parts(text)
            may_stand = not beginning or beginning in beginnings
            stands = known[text] = may_stand and part in source.vocabulary and _stands(text, source.bare)
        if stands:
            return True
    return False


@cache
def _parts(text: str) -> tuple[str, str]:
    """What of a text stands within a word, and the letters that a part of one begins with then, if it has as many."""
    part = next(iter(text.translate(lex.APART).split()), "")
    return part, part[:3] if part[:3].isalpha() and len(part) > 2 else ""


def _stands(text: str, code: str) -> bool:
    """The text starts a word or a part of one: `polar` in `to_polar`, not in `bipolar`; `is_complex` makes none."""
    at = code.find(text)
    while at > 0 and text[0].isalnum() and (_is_letter(code[at - 1]) or code[max(at - 3, 0) : at] == "is_"):
        at = code.find(text, at + 1)
    return at >= 0


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()
