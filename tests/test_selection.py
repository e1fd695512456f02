"""Which rules selectors pick."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanlint.selection import Layer, matches, nearest, picks, selected, unknown


@dataclass(frozen=True)
class Stub:
    code: str
    name: str


LOG = Stub("NAN101", "log-of-nonpositive")
SQRT = Stub("NAN103", "sqrt-of-negative")
DIVISION = Stub("NAN201", "division-by-zero-tensor")
RULES = (LOG, SQRT, DIVISION)


def codes(*layers: Layer, ignored: tuple[str, ...] = ()) -> list[str]:
    return [rule.code for rule in selected(RULES, layers, ignored)]


@pytest.mark.parametrize("selector", ["NAN", "NAN1", "NAN10", "NAN101", "log-of-nonpositive", "ALL"])
def test_selector_matches_by_code_prefix_and_name(selector: str) -> None:
    assert matches(selector, LOG)


@pytest.mark.parametrize("selector", ["NAN2", "NAN1011", "log", "log-of-nonpositive-x", "", "nan101", "AN101"])
def test_selector_does_not_match(selector: str) -> None:
    assert not matches(selector, LOG)


def test_every_rule_is_on_without_a_layer() -> None:
    assert codes() == ["NAN101", "NAN103", "NAN201"]


def test_select_leaves_only_what_it_names() -> None:
    assert codes(Layer("", select=("NAN1",))) == ["NAN101", "NAN103"]
    assert codes(Layer("", select=())) == []


def test_extend_select_adds_to_select() -> None:
    assert codes(Layer("", select=("NAN101",), extend_select=("division-by-zero-tensor",))) == ["NAN101", "NAN201"]


def test_more_specific_selector_wins_within_a_layer() -> None:
    assert codes(Layer("", select=("NAN101",), ignore=("NAN1",))) == ["NAN101"]
    assert codes(Layer("", select=("NAN1",), ignore=("log-of-nonpositive",))) == ["NAN103"]


def test_ignore_wins_a_tie() -> None:
    assert codes(Layer("", select=("NAN101",), ignore=("NAN101",))) == []
    assert codes(Layer("", select=("NAN101",), ignore=("log-of-nonpositive",))) == []


def test_later_layer_wins_however_unspecific() -> None:
    file = Layer("file", select=("NAN101", "NAN201"))
    assert codes(file, Layer("line", ignore=("NAN1",))) == ["NAN201"]
    assert codes(Layer("file", ignore=("NAN101",)), Layer("line", extend_select=("NAN1",))) == [
        "NAN101",
        "NAN103",
        "NAN201",
    ]


def test_later_select_starts_afresh() -> None:
    assert codes(Layer("file", select=("NAN1",), ignore=("NAN201",)), Layer("line", select=("NAN2",))) == ["NAN201"]


def test_per_file_ignores_are_taken_off_at_the_end() -> None:
    assert codes(Layer("", select=("NAN1",)), ignored=("log-of-nonpositive",)) == ["NAN103"]


def test_unknown_selector_names_the_nearest() -> None:
    assert unknown("NAN1", RULES) is None
    assert "did you mean NAN201?" in (unknown("NAN211", RULES) or "")
    assert "did you mean log-of-nonpositive?" in (unknown("log-of-non-positive", RULES) or "")
    assert "did you mean NAN101?" in nearest("nan101", RULES)
    assert "did you mean NAN101?" in nearest("NAN1O1", [*RULES, Stub("NAN311", "log-of-sigmoid")])
    assert "nanlint rules" in (unknown("QQQQ", RULES) or "")


SELECTORS = st.lists(
    st.sampled_from(["ALL", "NAN", "NAN1", "NAN10", "NAN101", "NAN103", "NAN2", LOG.name, DIVISION.name]), max_size=3
).map(tuple)


@given(SELECTORS, SELECTORS, SELECTORS)
def test_a_layer_that_says_nothing_changes_nothing(
    select: tuple[str, ...], extend: tuple[str, ...], ignore: tuple[str, ...]
) -> None:
    layer = Layer("", select, extend, ignore)
    assert codes(layer) == codes(layer, Layer("")) == codes(Layer(""), layer)


@given(SELECTORS, SELECTORS)
def test_a_rule_that_no_selector_names_is_off(select: tuple[str, ...], ignore: tuple[str, ...]) -> None:
    on = [rule for rule in RULES if picks([Layer("", select, (), ignore)], rule)]
    assert all(any(matches(selector, rule) for selector in select) for rule in on)
