"""Comments that state what a parameter is: `# nanlint: assume p in [0, 1]`, `# nanlint: assume n > 0`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nanlint.interval import INF, Interval, at_least, at_most
from nanlint.patterns import pattern
from nanlint.slotted import Data

NUMBER = r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+|inf)"
ASSUMED = pattern(
    rf"#\s*nanlint:\s*assume\s+(?P<name>\w+)\s*"
    rf"(?:in\s*(?P<left>[\[(])\s*(?P<low>{NUMBER})\s*,\s*(?P<high>{NUMBER})\s*(?P<right>[\])])"
    rf"|(?P<sign>>=|<=|!=|>|<)\s*(?P<bound>{NUMBER}))",
    re.IGNORECASE,
)


class Assumed(Data):
    """Every element of the parameter lies in `range`, and none is `excluded`."""

    name: str
    range: Interval
    excluded: float | None = None


def assumed(lines: Sequence[str], first_row: int, last_row: int) -> Iterator[Assumed]:
    """What is stated in the rows of a function, counted from 1, or in the row above it; of the lines of the file."""
    for line in lines[max(first_row - 2, 0) : last_row]:
        for match in ASSUMED.finditer(line):
            yield _read(match)


def _read(match: re.Match[str]) -> Assumed:
    name, sign = match["name"], match["sign"]
    if sign is None:
        left, right = match["left"] == "(", match["right"] == ")"
        return Assumed(name, Interval(float(match["low"]), float(match["high"]), left, right))
    bound = float(match["bound"])
    if sign == "!=":
        return Assumed(name, Interval(hole=bound == 0), bound)
    if sign in (">", ">="):
        return Assumed(name, Interval(bound, INF, lo_open=True) if sign == ">" else at_least(bound))
    return Assumed(name, Interval(-INF, bound, hi_open=True) if sign == "<" else at_most(bound))
