"""Rules never overlap on one defect: where findings of two rules share code, the two are known to be two defects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import Check
from test_rules import FILES, ids

from nanlint.finding import Confidence, Finding

# by the rules whose findings cover one another: the two inputs on which they fail, each with a cure of its own
TWO_DEFECTS = {
    ("division-by-zero-tensor", "inverse-out-of-domain"): "a divisor of 0; a quotient at the end of the domain",
    ("division-by-zero-tensor", "log-of-nonpositive"): "the two sides of a quotient whose log is taken",
    ("log-of-nonpositive", "spread-of-one-sample"): "constant data, the log of whose variance is -inf; one sample",
    ("softmax-of-all-masked", "zero-times-infinity"): "a row that is masked throughout; any masked element",
    ("spread-of-one-sample", "sqrt-gradient-at-zero"): "one sample; constant data, under a root",
}
Pair = tuple[str, str]


@pytest.fixture(scope="module")
def overlaps(check: Check) -> dict[str, list[tuple[int, Pair]]]:
    """By fixture: the rows in which findings of two rules cover one another, and the two rules."""
    return {
        ids(path): list(overlapping(check(path.read_bytes(), ids(path), Confidence.LIKELY).findings)) for path in FILES
    }


def overlapping(findings: tuple[Finding, ...]) -> Iterator[tuple[int, Pair]]:
    for i, one in enumerate(findings):
        for other in findings[i + 1 :]:
            if one.name != other.name and (lies_within(one, other) or lies_within(other, one)):
                first, second = sorted((one.name, other.name))
                yield one.start.row, (first, second)


def lies_within(inner: Finding, outer: Finding) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def test_one_defect_has_one_finding(overlaps: dict[str, list[tuple[int, Pair]]]) -> None:
    wrong = [
        f"{path}:{row}: {one} and {other}"
        for path, found in overlaps.items()
        for row, (one, other) in found
        if (one, other) not in TWO_DEFECTS
    ]
    assert not wrong, "two rules speak of one defect, or of two that TWO_DEFECTS should tell apart"


def test_what_is_told_apart_is_seen_together(overlaps: dict[str, list[tuple[int, Pair]]]) -> None:
    assert {pair for found in overlaps.values() for _, pair in found} == set(TWO_DEFECTS)
