"""Each silent case of fixtures/guards is silent because of its guard: without it a rule fires there."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

import marks
import pytest
import unguarded
from conftest import ROOT, Check

from nanlint.facts.guarded import narrowed
from nanlint.facts.value import Value
from nanlint.finding import Confidence
from nanlint.interval import Interval, exactly

FILES = sorted((ROOT / "fixtures" / "guards").glob("*.py"))


def rows_with_findings(text: str) -> set[int]:
    found = marks.read(text)
    return {row for row, _, _ in found.flagged} | {row for row, _ in found.missed}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_silent_cases_are_flagged_without_their_guard(path: Path, check: Check) -> None:
    def names(program: ast.Module) -> set[str]:
        return {finding.name for finding in check(ast.unparse(program), confidence=Confidence.LIKELY).findings}

    text = path.read_text(encoding="utf-8")
    cases = list(unguarded.silent_cases(text, rows_with_findings(text)))
    assert len(cases) >= 3, f"{path.name} holds too few silent spellings"
    idle = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # `assert (x, y)` is a case
        for case in cases:
            before = names(case.program)
            if not any(names(program) - before for program in case.without_a_guard()):
                idle.append(f"{case.name} on line {case.row} guards nothing")
    assert not idle


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_guards_have_wrong_twins(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert rows_with_findings(text) or path.stem == "clipping_hooks", f"{path.name} holds no guard that is none"


def test_a_case_that_shows_nothing_is_seen(check: Check) -> None:
    text = "import torch\n\n\ndef f(x):\n    return torch.log(x.clamp(min=1e-6))\n\n\ndef g(x):\n    return x + 1\n"
    cases = {case.name: case for case in unguarded.silent_cases(text, set())}
    flagged = {
        name: any(check(ast.unparse(p), confidence=Confidence.LIKELY).findings for p in case.without_a_guard())
        for name, case in cases.items()
    }
    assert flagged == {"f": True, "g": False}


def test_none_does_not_pass_a_comparison_with_a_number() -> None:
    either = Value("unknown", alternatives=(Value("none", const=None), Value("number", exactly(3.0))))
    behind = narrowed(either, Interval(0.0, lo_open=True))
    assert [(each.kind, each.range) for each in behind.alternatives] == [("number", exactly(3.0))]


def test_steps_in_code_that_pytest_runs_want_no_clipping(check: Check) -> None:
    text = """
import torch

def train(model, optimizer, batches):
    for batch in batches:
        optimizer.zero_grad()
        model(batch).mean().backward()
        optimizer.step()
"""
    told = {path: check(text, path).findings for path in ("model.py", "contest.py", "test_model.py", "model_test.py")}
    assert {path: [f.confidence for f in found if f.code == "NAN601"] for path, found in told.items()} == {
        "model.py": [Confidence.LIKELY], "contest.py": [Confidence.LIKELY],
        "test_model.py": [Confidence.POSSIBLE], "model_test.py": [Confidence.POSSIBLE],
    }  # fmt: skip
