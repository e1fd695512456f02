"""The text of a file without what stands in its functions, which is parsed in a sixth of the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.patterns import pattern
from nanlint.source.lex import PROSE

if TYPE_CHECKING:
    from nanlint.source.index import Rows

# In the shape of a text, "\0" stands at both ends of a string, "#" for a comment and "\f" for a newline that ends no
# row of code. A function whose body begins with what may be a docstring in another way stays as it is.
FUNCTION = pattern(
    r"\n([ \t]*)((?:async[ \t]+)?def[ \t]+\w+)[ \t]*\([^()]*(?:\([^()]*\)[^()]*)*\)[ \t]*(?:->([^:\n({]*))?:[ \t]*#?"
    r"((?:\n[ \t]*#?)*?\n[ \t]+[rRuU]?\0\f*\0[ \t]*(?=\n)|(?=\n)(?![ \t\n#]*\w?\w?[\0(]))"
    r"(?:\n(?:\1[ \t]+[^ \t\n\f#][^\n]*|[ \t]*#?(?=\n)))*"
)
# a brace that is text, or a replacement field whose braces and quotes pair up in every version of Python
FIELD = pattern(r"{{|}}|{[^{}'\"#\\]*(?:(?:'[^'\"{}\\\n]*'|\"[^'\"{}\\\n]*\"|{[^{}'\"#\\]*})[^{}'\"#\\]*)*}")


def outline(text: str, rows: list[str]) -> tuple[str, dict[int, Rows | None]] | None:
    """A text of the same rows some of whose functions do nothing, and those of their docstrings by the row of `def`.

    None for a text, with `rows`, whose strings cannot be told from its code for sure. The functions of the outline are
    those of the text, or else it cannot be parsed: a body seems to end too soon where a row in brackets is indented
    less than its function, and then what closes them is left over; a row of the body that is left over for another
    reason is indented where nothing may be.
    """
    shape = _shape(text)
    if shape is None:
        return None
    docstrings: dict[int, Rows | None] = {}
    kept: list[str] = []
    row = at = end = 0
    for found in FUNCTION.finditer(shape):
        indent, head, returned, docstring = found.groups()
        whole = found[0].rstrip(" \t\n#")
        # what comes last in its row may be no part of the last statement
        if whole[-1] in ":;\f" or (returned and returned.count("[") != returned.count("]")):
            continue
        start = found.start() + 1
        row += shape.count("\n", end, start) + shape.count("\f", end, start)
        last = row + whole.count("\n") - 1 + whole.count("\f")
        end = start + len(whole) - 1
        docstrings[row] = None
        if docstring:
            below = row + shape.count("\n", start, found.end(4)) + shape.count("\f", start, found.end(4))
            docstrings[row] = (below - docstring.count("\f"), below)
        kept += rows[at : row - 1]
        kept.append(indent + head + "(" + "\n" * (last - row) + "):pass")
        at = row = last
    kept += rows[at:]
    return "\n".join(kept), docstrings


def _shape(text: str) -> str | None:
    """The text, in its rows, with strings and comments as marks; see FUNCTION. None where their ends are unsure."""
    if "\f" in text:
        return None
    parts = PROSE.split(text)
    for at in range(1, len(parts), 2):
        prose = parts[at]
        if prose[0] == "#":
            parts[at] = "#"
            continue
        if "{" in prose and _is_formatted(parts[at - 1]):
            left = FIELD.sub("", prose)
            if "{" in left or "}" in left:
                return None
        parts[at] = "\0" + "\f" * prose.count("\n") + "\0" if "\n" in prose else "\0\0"
    shape = "".join(["\n", *parts, "\n"]).replace("\\\n", "\f")
    return None if "'" in shape or '"' in shape or "\\" in shape else shape


def _is_formatted(before: str) -> bool:
    return before[-1:] in _FORMATTING or (before[-1:] in _RAW and before[-2:-1] in _FORMATTING)


_FORMATTING = frozenset("fFtT")
_RAW = frozenset("rR")
