"""Each rule finds exactly what its fixtures mark; seeds and clean code too."""

from __future__ import annotations

import tokenize
from pathlib import Path

import marks
import pytest
from conftest import ROOT, Check

from nanlint.finding import Confidence, Finding, Position
from nanlint.rule import Rule

FIXTURES = ROOT / "fixtures"
# a package of several files is for tests/test_cross_file.py, programs that run for tests/test_tracer.py
FILES = [path for path in sorted(FIXTURES.rglob("*.py")) if not {"project", "tracer", "paraphrased"} & set(path.parts)]
CLEAN = [path for path in FILES if path.parent.name == "clean"]


def ids(path: Path) -> str:
    return path.relative_to(FIXTURES).as_posix()


def text(path: Path) -> str:
    with tokenize.open(path) as file:
        return file.read()


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_findings_are_as_marked(path: Path, check: Check) -> None:
    result = check(path.read_bytes(), path.relative_to(ROOT).as_posix())
    assert not marks.differences(marks.read(text(path)), result.findings)


@pytest.mark.parametrize("path", CLEAN, ids=ids)
def test_clean_code_expects_nothing(path: Path) -> None:
    found = marks.read(text(path))
    assert not found.flagged, "fixtures/clean holds code at which no rule may fire"


def test_every_rule_has_cases(rules: tuple[Rule, ...]) -> None:
    for rule in rules:
        cases = FIXTURES / rule.check.__name__ / "cases.py"
        assert cases.is_file(), f"{rule.name} has no {cases.relative_to(ROOT)}"
        found = marks.read(text(cases))
        assert any(name == rule.name for _, name, _ in found.flagged), f"{cases} flags nothing as {rule.name}"


def test_marks_name_rules(rules: tuple[Rule, ...]) -> None:
    known = {rule.name for rule in rules} | {"invalid-file"}
    for path in FILES:
        found = marks.read(text(path))
        named = {name for _, name, _ in found.flagged} | {name for _, name in found.missed}
        assert named <= known, f"{path.relative_to(ROOT)} marks what is no rule: {sorted(named - known)}"


def finding(row: int, name: str, confidence: Confidence) -> Finding:
    return Finding("NAN999", name, "m", "p", Position(row, 1), Position(row, 2), confidence)


@pytest.mark.parametrize(
    ("source", "findings", "expected"),
    [
        ("x  # flagged: a", [finding(1, "a", Confidence.CERTAIN)], []),
        ("x  # flagged: a", [], ["line 1: not flagged: a"]),
        ("x  # flagged: a", [finding(1, "a", Confidence.POSSIBLE)], ["line 1: not flagged: a"]),
        ("x  # flagged: a (likely)", [finding(1, "a", Confidence.CERTAIN)],
         ["line 1: not flagged: a (likely)", "line 1: unexpected: a (certain): m"]),
        ("x  # flagged: a (possible)", [finding(1, "a", Confidence.POSSIBLE)], []),
        ("x", [finding(1, "a", Confidence.POSSIBLE)], []),
        ("x", [finding(1, "a", Confidence.LIKELY)], ["line 1: unexpected: a (likely): m"]),
        ("x  # flagged: a, a", [finding(1, "a", Confidence.LIKELY)], ["line 1: not flagged: a"]),
        ("x  # flagged: a, a (certain)",
         [finding(1, "a", Confidence.CERTAIN), finding(1, "a", Confidence.LIKELY)], []),
        ("x  # noqa: NAN1  # flagged: b", [finding(1, "b", Confidence.LIKELY)], []),
        ("x  # missed: a", [], []),
        ("x  # missed: a", [finding(1, "a", Confidence.LIKELY)],
         ["line 1: a is marked as missed but found now: promote the mark to `flagged`"]),
        ("x = '# flagged: a'", [], []),
    ],
)  # fmt: skip
def test_the_reader_of_marks(source: str, findings: list[Finding], expected: list[str]) -> None:
    assert marks.differences(marks.read(source), findings) == expected


def test_a_mark_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        marks.read("x\ny  # flagged: Log Of!")
