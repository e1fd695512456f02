"""What the source says its parameters are: inputs that break it prove nothing.

Read are comments such as `# nanlint: assume p in [0, 1]`, in the function or on the line above it, and docstring
entries that give a range. Assertions and raised errors need no reading: they run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nanlint.source.assumed import NUMBER, assumed
from nanlint.verify import tree
from nanlint.verify.arguments.annotations import docstring_entries
from nanlint.verify.arguments.names import usual_range

_BETWEEN = re.compile(
    rf"\b(?:in|range|interval|from|between)\b[^.\n]{{0,30}}?(?P<left>[\[(])\s*(?P<low>{NUMBER})\s*,"
    rf"\s*(?P<high>{NUMBER})\s*(?P<right>[\])])"
    rf"|\bbetween\s+`*(?P<first>{NUMBER})`*\s+and\s+`*(?P<second>{NUMBER})"
)
_POSITIVE = re.compile(
    r"\b(?:must|should) be (?:strictly )?positive\b|\bpositive (?:float|int|number|value|scalar|real)"
)
_NOT_NEGATIVE = re.compile(r"\bnon-?negative\b")
_PROBABILITY = re.compile(r"\bprobabilit(?:y|ies)\b")


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both allowed unless they are `open`; `hole` is a number that is not."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    hole: float | None = None

    def allows(self, value: Any) -> bool:
        """Whether all of a tensor, or a number, lies in it."""
        if isinstance(value, Tensor):
            if value.is_complex() or not value.numel():
                return True
            values = value.detach().double()
            least, most = float(values.min()), float(values.max())
            holed = self.hole is not None and bool((values == self.hole).any())
        elif isinstance(value, (int, float)):
            least = most = float(value)
            holed = value == self.hole
        else:
            return True
        above = least > self.low if self.open_low else least >= self.low
        below = most < self.high if self.open_high else most <= self.high
        return above and below and not holed


Contract = Mapping[str, Sequence[Range]]


def contract(lines: Sequence[str], span: tuple[int, int], doc: str, names: Sequence[str]) -> Contract:
    """The ranges of parameters, by name; `lines` are those of the file, `span` the rows of the function."""
    found: dict[str, list[Range]] = {name: [] for name in names}
    for stated in assumed(lines, *span):
        if stated.name in found:
            within = stated.range
            found[stated.name].append(Range(within.lo, within.hi, within.lo_open, within.hi_open, stated.excluded))
    for name in names:
        for entry in docstring_entries(doc, name):
            found[name] += _documented(entry)
    return {name: ranges for name, ranges in found.items() if ranges}


def usual(names: Sequence[str]) -> Contract:
    """What the names of parameters say, which no source states: nothing is proved of it."""
    ranges = {name: usual_range(name) for name in names}
    return {name: [Range(*each)] for name, each in ranges.items() if each is not None}


def holds(known: Contract, arguments: Mapping[str, Any]) -> bool:
    """Whether arguments keep to a contract."""
    for name, ranges in known.items():
        for _, leaf in tree.leaves(arguments.get(name), name):
            if not all(each.allows(leaf) for each in ranges):
                return False
    return True


def _interval(left: str, low: str, high: str, right: str) -> Range:
    return Range(float(low), float(high), left == "(", right == ")")


def _documented(entry: str) -> list[Range]:
    if match := _BETWEEN.search(entry):
        if match["first"] is not None:
            return [Range(float(match["first"]), float(match["second"]))]
        return [_interval(match["left"], match["low"], match["high"], match["right"])]
    if _POSITIVE.search(entry):
        return [Range(low=0, open_low=True)]
    if _NOT_NEGATIVE.search(entry):
        return [Range(low=0)]
    if _PROBABILITY.search(entry) and "logit" not in entry:
        return [Range(0, 1)]
    return []
