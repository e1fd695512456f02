"""The plots on the pages of rules show where a function is not finite, and are the same on every machine."""

from __future__ import annotations

import re

from nanlint.dev.svg import Curve, Panel, draw, is_alike

INF, NAN = float("inf"), float("nan")


def plot(values: list[float], good: bool = False) -> str:
    xs = [float(i) for i in range(len(values))]
    return draw([Panel("value", xs, (0.0, 1.0), (Curve("f(x) < 1", values, good),))])


def test_a_hole_is_named_and_ends_the_line() -> None:
    shown = plot([0.0, 0.5, NAN, NAN, 1.0, 0.5, INF])
    assert re.findall(r">([a-z-]+)</text>", shown) == ["value", "nan", "inf"]
    assert [len(points.split()) for points in re.findall(r"points='([^']*)'", shown)] == [2, 2]


def test_where_the_stable_form_is_not_finite_nothing_is_named() -> None:
    assert re.findall(r">([a-z-]+)</text>", plot([0.0, NAN, 1.0], good=True)) == ["value"]


def test_labels_are_text() -> None:
    assert "f(x) &lt; 1" in plot([0.0, 1.0])


def test_the_last_bits_make_no_difference() -> None:
    assert plot([0.0, 0.5, 1.0]) == plot([0.0, 0.5, 1.0])
    assert is_alike(plot([0.0, 0.5, 1.0]), plot([0.0, 0.50026, 1.0]))
    assert not is_alike(plot([0.0, 0.5, 1.0]), plot([0.0, 0.51, 1.0]))
    assert not is_alike(plot([0.0, 0.5, 1.0]), plot([0.0, NAN, 1.0]))
