"""Known hazards, as data: what is unsafe is told, what is stable on the same inputs or only believed unsafe is not.

`fixtures/hazards/value_families.json` holds hazards measured on torch 2.13: `unsafe` and `stable` are expressions of
`args`, `trigger_inputs` the tensors on which the unsafe one fails. `benchmarks.told` makes functions of annotated
tensors of them, with and without what they state; in another program here the inputs are literals.
`fixtures/hazards/paraphrased` says the same in other words, with a comment above each definition: `# unsafe LOG-01` or
`# stable LOG-01`. `(missed)` and `(told)` state what is not as it should be: that of a stable form holds what is unsafe
by itself, such as the log of an argument.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
import torch
from conftest import ROOT, Check

from benchmarks import hazards, told
from nanlint.finding import Confidence
from nanlint.rule import Rule

HEAD = "import math\n\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n"
HEAD += "MHA = nn.MultiheadAttention(4, 1, batch_first=True)\n\n\n"
HAZARDS = ROOT / "fixtures" / "hazards"
ENTRIES: list[dict[str, Any]] = json.loads((HAZARDS / "value_families.json").read_text("utf-8"))
ids = [entry["id"] for entry in ENTRIES]


def of_literals(entry: dict[str, Any], form: str) -> str:
    """A function of nothing, in which the inputs stand as literals; where the gradient fails, they want one."""
    names = ", ".join(entry["args"]) + ("," if len(entry["args"]) == 1 else "")
    inputs = re.sub(r"\bT\(", "torch.tensor(", entry["trigger_inputs"])
    backward = any(kind in ("BN", "BI") for kind in entry["failing"])
    wanted = "".join(f"    {name}.requires_grad_(True)\n" for name in entry["args"] if backward)
    return f"{HEAD}def f():\n    {names} = {inputs}\n{wanted}    return {entry[form]}\n"


def codes(check: Check, program: str) -> list[str]:
    return [finding.code for finding in check(program, "f.py", Confidence.LIKELY).findings]


@pytest.fixture(scope="module")
def results(rules: tuple[Rule, ...]) -> list[told.Judged]:
    return told.judge(rules, hazards.entries())


def test_known_hazards_are_told_where_what_they_state_is_said(results: list[told.Judged]) -> None:
    stated = [each for each in results if each.reading == "stated"]
    unsafe = [each for each in stated if each.form == "unsafe"]
    assert len(unsafe) == len(stated) - len(unsafe) == 174
    missed = [each.entry["id"] for each in unsafe if each.is_wrong]
    assert len(unsafe) - len(missed) >= told.UNSAFE, missed
    assert not [each.entry["id"] for each in stated if each.form == "stable" and each.is_wrong]


def test_a_hazard_that_is_not_as_it_should_be_has_a_reason_and_no_other_has(results: list[told.Judged]) -> None:
    assert not [told.listed([each]) for each in results if each.is_wrong and not told.reason(each)]
    assert not told.idle(results)


def test_a_reason_of_the_bare_reading_excuses_no_other() -> None:
    entry = next(entry for entry in ENTRIES if entry["id"] == "HALF-11")
    assert told.reason(told.Judged(entry, "bare", "unsafe", ()))
    assert not told.reason(told.Judged(entry, "stated", "unsafe", ()))
    assert "no reason is known" in told.listed([told.Judged(entry, "stated", "unsafe", ())])[0]
    idle = told.idle([told.Judged(entry, "bare", "unsafe", ("NAN709",))])
    assert "unsafe HALF-11" in idle


def test_what_an_entry_states_stands_in_its_function() -> None:
    entries = {entry["id"]: entry for entry in hazards.entries()}
    assert "    x = x.to(torch.uint8)\n    return x*2\n" in told.program(entries["INT-01"], "stated", "unsafe")
    assert ".to(" not in told.program(entries["INT-01"], "bare", "unsafe")
    assert "    # nanlint: assume p > 0\n    return torch.log(p)" in told.program(entries["LOG-15"], "stated", "stable")
    assert "assume" not in told.program(entries["LOG-15"], "stated", "unsafe")
    assert "    assert x.numel() > 1\n" in told.program(entries["SQRT-08"], "stated", "stable")


def test_known_hazards_are_told_as_functions_or_as_literals(check: Check, results: list[told.Judged]) -> None:
    as_functions = {each.entry["id"] for each in results if each.form == "unsafe" and each.codes}
    missed = [
        f"{entry['id']}: {entry['unsafe']}"
        for entry in ENTRIES
        if entry["id"] not in as_functions and not codes(check, of_literals(entry, "unsafe"))
    ]
    assert not missed


@pytest.mark.parametrize("entry", ENTRIES, ids=ids)
def test_stable_forms_are_not_told(entry: dict[str, Any], check: Check) -> None:
    assert not codes(check, of_literals(entry, "stable"))


def believed_unsafe() -> Iterator[FunctionType]:
    path = HAZARDS / "believed_unsafe.py"
    spec = importlib.util.spec_from_file_location("believed_unsafe", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and name != "zeros":
            yield function


@pytest.mark.parametrize("function", believed_unsafe(), ids=lambda function: function.__name__)
def test_what_is_believed_unsafe_is_finite(function: FunctionType) -> None:
    result = function()
    assert torch.isfinite(result).all()
    leaves = list(_leaves(result))
    assert leaves
    total = result.abs().sum() if result.is_complex() else result.sum()
    for gradient in torch.autograd.grad(total, leaves, allow_unused=True):
        assert gradient is None or torch.isfinite(gradient).all()


def _leaves(result: torch.Tensor) -> Iterator[torch.Tensor]:
    """The tensors that want a gradient, from which the result was computed."""
    todo, seen = [result.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        todo.extend(following for following, _ in node.next_functions)


def test_what_is_believed_unsafe_is_not_told(check: Check) -> None:
    path = HAZARDS / "believed_unsafe.py"
    assert not check(path.read_bytes(), path.name, Confidence.LIKELY).findings


PARAPHRASED = sorted((HAZARDS / "paraphrased").glob("*.py"))
HEADING = re.compile(r"# (?P<form>unsafe|stable) (?P<hazard>[A-Z]+-\d+)(?: \((?P<known>missed|told)\))?")


def paraphrases(text: str) -> Iterator[tuple[re.Match[str], ast.FunctionDef | ast.ClassDef]]:
    """The definitions of a file that a comment stands above."""
    lines = text.split("\n")
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            heading = HEADING.fullmatch(lines[first - 2])
            if heading is not None:
                yield heading, node


@pytest.mark.parametrize("path", PARAPHRASED, ids=lambda path: path.stem)
def test_paraphrases_are_told_when_unsafe(path: Path, check: Check) -> None:
    text = path.read_text(encoding="utf-8")
    rows = {finding.start.row for finding in check(text, path.name, Confidence.LIKELY).findings}
    cases = list(paraphrases(text))
    assert len(cases) == len(re.findall("^# (?:un|s)", text, re.MULTILINE))
    wrong = []
    for heading, node in cases:
        assert node.end_lineno is not None
        told = not rows.isdisjoint(range(node.lineno, node.end_lineno + 1))
        wanted = heading["known"] == "told" if heading["form"] == "stable" else heading["known"] != "missed"
        if told is not wanted:
            wrong.append(f"{heading[0]}: {node.name} is {'told' if told else 'not told'}")
    assert not wrong
