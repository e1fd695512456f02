"""Known hazards, verified from their source alone: a part of what `benchmarks/hazards.py` runs, and what it counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import grist, hazards
from nanlint.finding import Position, Verdict
from nanlint.verify.verdicts import Verifier

PART = hazards.entries()[::5]
NEEDED = 0.9


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier() as made:
        yield made


def test_unsafe_forms_are_confirmed(verifier: Verifier, tmp_path: Path) -> None:
    results = list(hazards.judge(PART, "unsafe", verifier, tmp_path))
    missed = [f"{each.entry['id']}: {each.verdict.text}" for each in results if not each.verdict.is_confirmed]
    assert len(missed) <= (1 - NEEDED) * len(PART), "\n".join(missed)


def test_stable_forms_are_not_confirmed_at_ordinary_inputs(verifier: Verifier, tmp_path: Path) -> None:
    results = list(hazards.judge(PART, "stable", verifier, tmp_path))
    wrong = {each.entry["id"]: each.verdict.witness for each in results if each.verdict.status == "confirmed"}
    assert not wrong, wrong


def of_line(program: int, row: int, status: str) -> grist.Judged:
    return grist.Judged(program, "main.py", row, Verdict(status, ""), 0.1)


def test_a_published_program_counts_with_its_strongest_line() -> None:
    lines = [of_line(4, 9, "not-runnable"), of_line(4, 10, "confirmed"), of_line(4, 11, "confirmed"),
             of_line(5, 3, "confirmed-extreme"), of_line(5, 7, "not-reproduced")]  # fmt: skip
    assert {number: each.row for number, each in grist.best_of(lines).items()} == {4: 10, 5: 3}


def test_a_published_line_without_a_finding_is_verified_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "main.py"
    path.write_text("import torch\n\n\ndef f(x, y):\n    z = x + y\n    return z / y.sum()\n", encoding="utf-8")
    (whole,) = grist.at(path, 5)
    assert (whole.code, whole.start, whole.end) == ("NAN000", Position(5, 5), Position(5, 14))
    assert {each.code for each in grist.at(path, 6)} == {"NAN201"}


def test_the_bars_of_known_hazards_count_what_is_known_to_fail() -> None:
    def judged(status: str, **entry: object) -> hazards.Judged:
        return hazards.Judged(entry, Verdict(status, ""), 0.1)

    unsafe = [judged("confirmed")] * 8 + [judged("confirmed-extreme"), judged("not-reproduced")]
    stable = [judged("confirmed"), judged("confirmed-extreme", stable_asserts=["x > 0"])]
    lines = hazards.bars(unsafe, stable, 0.7)
    assert [line.split(":")[0] for line in lines] == ["- pass", "- miss", "- miss"]
    assert "90.0% of 10 unsafe" in lines[0]
    assert "1 of 2 state what they are meant for" in lines[1]
