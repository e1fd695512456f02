"""Fixed fixtures: Python still, nothing else changed, nothing left to fix, and each function run before and after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from fixed_fixtures import Outcome, outcomes
from fixture_recipes import DIFFERS, FAILS, FINITE, FINITE_RULES, NOT_RUN
from test_fixes import fixed

from benchmarks.fixes import bytes_outside
from nanlint import packs

RULES = {rule.name.replace("-", "_") for rule in packs.load()}
FILES = sorted(path for path in (ROOT / "fixtures").glob("*/*.py") if path.parent.name in RULES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_fixed_fixtures_compute_the_same_and_no_longer_fail(path: Path) -> None:
    file = f"{path.parent.name}/{path.name}"
    listed = {name for name in (*NOT_RUN, *DIFFERS, *FAILS, *FINITE) if name.startswith(f"{file} ")}
    made = fixed(path.read_bytes(), "unsafe").rewritten
    if made is None:
        assert not listed
        return
    compile(made.after, str(path), "exec")
    assert fixed(made.after, "unsafe").rewritten is None
    assert bytes_outside(made) == 0
    found = list(outcomes(str(path), made.before.decode(), made.after.decode(), NOT_RUN))
    wrong = [line for outcome in found for line in complaints(outcome)]
    assert not wrong, "\n".join(wrong)
    assert listed <= {outcome.name for outcome in found}


def complaints(outcome: Outcome) -> Iterator[str]:
    """What is not as it should be, or as it is listed."""
    name = outcome.name
    if outcome.not_run:
        if name not in NOT_RUN:
            yield f"{name} does not run: {outcome.not_run}"
        return
    if bool(outcome.differs) != (name in DIFFERS):
        yield f"{name}: {outcome.differs or 'computes the same, unlike what is listed'}"
    if bool(outcome.fails) != (name in FAILS):
        yield f"{name}: {outcome.fails or 'nothing fails any more'}"
    harmless = name in FINITE or name.partition("/")[0] in FINITE_RULES
    if not (outcome.cured or outcome.fails or harmless):
        yield f"{name}: nothing makes it fail"
    if outcome.cured and name in FINITE:
        yield f"{name} is listed as one that nothing makes fail, and something does"
    if not (outcome.agreed or outcome.cured or name in DIFFERS):
        yield f"{name}: was never finite before, and is not after"


def test_few_are_not_run() -> None:
    """Of some 580 functions; each with its reason."""
    assert len(NOT_RUN) <= 60
