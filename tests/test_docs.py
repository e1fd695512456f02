"""Each rule's docstring keeps its word: Bad is flagged where marked and breaks when run, Good is silent and holds."""

from __future__ import annotations

import re

import examples
import marks
import pytest
from conftest import ROOT, Check

from nanlint import packs
from nanlint.rule import Rule

SECTIONS = ["Why is this bad?", "Bad", "Good", "Fix safety", "Known limits"]
RULES = pytest.mark.parametrize("rule", packs.load(), ids=lambda rule: rule.name)


@RULES
def test_the_sections_are_there_and_in_order(rule: Rule) -> None:
    assert list(rule.sections) == [s for s in SECTIONS if s != "Fix safety" or s in rule.sections]
    assert all(rule.sections.values()), "a section is empty"
    assert re.fullmatch(r"[A-Z`].*\.", rule.summary), "the first line is one sentence"
    assert len(rule.summary) <= 100


@RULES
def test_bad_is_flagged_where_it_is_marked(rule: Rule, check: Check) -> None:
    bad = examples.read(rule.sections["Bad"])
    expected = marks.read(bad.checked, rule.name)
    assert any(name == rule.name for _, name, _ in expected.flagged), "Bad marks no line with `# flagged`"
    assert not marks.differences(expected, check(bad.checked).findings)


@RULES
def test_good_is_silent(rule: Rule, check: Check) -> None:
    good = examples.read(rule.sections["Good"])
    assert not marks.differences(marks.Marks(), check(good.checked).findings)


@RULES
def test_bad_breaks_when_run_and_good_holds(rule: Rule) -> None:
    bad, good = examples.read(rule.sections["Bad"]), examples.read(rule.sections["Good"])
    assert bad.runs or bad.effects, "Bad has neither a `# run:` nor an `# effect:` line"
    assert good.runs or bad.effects, "Good has no `# run:` line"
    after_good, wrong = examples.execute(good)
    assert not wrong, f"Good is not finite: {wrong}"
    if bad.raises:
        with pytest.raises(tuple(eval(word, {}) for word in bad.raises)):
            examples.execute(bad)
        return
    after_bad, wrong = examples.execute(bad)
    for effect in bad.effects:
        assert eval(effect, after_bad), f"Bad does not show its effect: {effect}"
        assert not eval(effect, after_good), f"Good shows the effect of Bad: {effect}"
    assert wrong or bad.effects, "Bad gives finite values and gradients"


def test_the_words_of_confidence_are_explained() -> None:
    text = (ROOT / "docs" / "confidence.md").read_text(encoding="utf-8")
    assert re.findall(r"^## `(\w+)`$", text, re.MULTILINE) == ["certain", "likely", "possible"]


def section(bad: str) -> examples.Example:
    return examples.read(f"```python\n{bad}```\n")


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("# run: torch.tensor([1.0])\n", []),
        ("# run: torch.tensor([1.0, float('inf')])\n", ["value"]),
        ("# run: {'loss': (0.5, float('nan'))}\n", ["value"]),
        ("# run: torch.sqrt(torch.tensor([0.0], requires_grad=True) * 2)\n", ["gradient"]),
        ("# run: torch.log(torch.tensor([0.0], requires_grad=True))\n", ["value", "gradient"]),
        ("m = nn.Linear(2, 2)\n# run: m(torch.ones(1, 2))\n", []),
        ("m = nn.Linear(2, 2)\n# run: m(torch.ones(1, 2)) / 0\n", ["value", "gradient", "gradient"]),
        ("# run: np.float64(1) / np.float64(3)\n", []),
    ],
)
def test_the_runner_of_examples(source: str, wrong: list[str]) -> None:
    assert [words.split()[0] for words in examples.execute(section(source))[1]] == wrong


def test_a_section_holds_one_block() -> None:
    with pytest.raises(ValueError, match="0 python blocks"):
        examples.read("no code")
