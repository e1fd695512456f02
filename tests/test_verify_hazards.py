"""Known hazards, verified from their source alone: a part of what `benchmarks/hazards.py` runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import hazards
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
    assert set(wrong) == {entry["id"] for entry in PART if "stable_fails_at" in entry}, wrong
