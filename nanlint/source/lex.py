"""A lexer of strings, comments, brackets and operators: never raises, and reads every version of Python alike."""

from __future__ import annotations

import re

from nanlint.patterns import pattern

# Reference manual, section 2.4.1: within a literal a backslash takes the next character along, in raw strings too.
STRING = (
    r"'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''"
    r'|"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""'
    r"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'"
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
)
# what says where comments and statements begin and end
LAYOUT = (
    rf"(?P<string>{STRING})|(?P<comment>\#[^\n]*)|(?P<open>[(\[{{])|(?P<close>[)\]}}])|(?P<newline>\n)|(?P<joined>\\\n)"
)
TOKEN = pattern(
    rf"{LAYOUT}|(?P<part>[,;])"
    r"|(?P<chain>[-+*/%@&|^~<>=.]+|\b(?:not|and|or|if|lambda|await|for)\b)",
    re.DOTALL,
)
# comments and strings; the first characters stand in front, so that text is searched for them alone, which is fast
PROSE = pattern(rf"(\#[^\n]*|{STRING})", re.DOTALL)
# `float("inf")` and `float("nan")` are code
NON_FINITE = frozenset("inf Inf infinity Infinity nan naN Nan NaN NAN".split())
APART = "".join(chr(i) if chr(i).isalnum() or chr(i) == "_" else " " for i in range(128))
FORMATTED = frozenset(("f", "fr", "rf"))
# a call within a formatted string is code
FORMATTED_CALL = pattern(r"\{([^{}]*\([^{}]*)\}")
KEYWORD = pattern(r"\b(?:not|and|or|if|lambda|await|for)\b")

# CPython's own bound on brackets (MAXLEVEL in its tokenizer). libcst 1.9's native parser overflows an 8 MiB stack
# at about 1,500 parentheses, 3,500 lambdas or comprehension clauses, 6,000 operands: measured on x86-64 Linux.
MAX_BRACKETS = 200
MAX_CHAIN = 1000


def without_prose(text: str) -> str:
    """The text, in its rows, without comments and what stands in strings, infinities, nan and formatted calls apart."""
    parts = PROSE.split(text)
    for at in range(1, len(parts), 2):
        prose = parts[at]
        parts[at] = "" if prose[0] == "#" else _bare(prose, parts[at - 1])
    return "".join(parts)


def _bare(string: str, before: str) -> str:
    if len(string) < 12 and string[2 if string[1] in "+-" else 1 : -1] in NON_FINITE:
        return string
    is_formatted = before[-1:] in _PREFIXES and before[-3:].translate(APART).rpartition(" ")[2].lower() in FORMATTED
    calls = FORMATTED_CALL.findall(string) if is_formatted and "(" in string else ()
    bare = " ".join(["''", *(call.replace("\n", " ") for call in calls)]) if calls else "''"
    return bare + "\n" * string.count("\n") if "\n" in string else bare


_PREFIXES = frozenset("fFrR")


def words_of(code: str) -> set[str]:
    """The words of code, those with underscores in front also without."""
    words = set(code.translate(APART).split())
    words.update([word.lstrip("_") for word in words if word[0] == "_"])
    return words


def too_deep(text: str) -> int | None:
    """The offset in `text` at which code nests too deeply for a recursive parser; None if it does not.

    A bound from above on the depth of the syntax tree: each operator, bracket and adjacent string adds a level, a
    comma or the end of the statement takes those of its bracket back.
    """
    if text.count("elif") > MAX_CHAIN:
        return text.find("elif")
    brackets = sum(map(text.count, "([{"))
    others = sum(map(text.count, "+-*/%@&|^~<>=.'\"")) + len(KEYWORD.findall(text))
    if brackets <= MAX_BRACKETS and brackets + others <= MAX_CHAIN:
        return None
    levels = [0]
    depth = 0
    for token in TOKEN.finditer(text):
        kind = token.lastgroup
        if kind in ("chain", "string", "open"):
            levels[-1] += 1
            depth += 1
            if kind == "open":
                levels.append(0)
            if depth > MAX_CHAIN or len(levels) > MAX_BRACKETS + 1:
                return token.start()
        elif kind == "close" and len(levels) > 1:
            depth -= levels.pop()
        elif kind == "part" or (kind == "newline" and len(levels) == 1):
            depth -= levels[-1]
            levels[-1] = 0
    return None
