"""Curves with holes, as SVG of its own making: the same numbers give the same bytes, on any machine."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

WIDTH, HEIGHT = 300, 190
LEFT, TOP, BETWEEN, RIGHT, BELOW = 44, 28, 68, 24, 62
BAD, GOOD, INK, FAINT = "#c62828", "#1565c0", "#37474f", "#cfd8dc"
LABEL = 14
NUMBER = re.compile(r"-?\d+\.\d\b")
TOLERANCE = 0.15


@dataclass(frozen=True)
class Curve:
    """Values at the points of a panel; what is not finite is drawn as a hole with its name, unless it is `good`."""

    label: str
    values: Sequence[float]
    good: bool = False


@dataclass(frozen=True)
class Panel:
    """`xs` rise evenly; `limits` are the lowest and the highest value that is drawn."""

    title: str
    xs: Sequence[float]
    limits: tuple[float, float]
    curves: tuple[Curve, ...]


def draw(panels: Sequence[Panel]) -> str:
    """The panels side by side, with one legend, which names the curves of the first."""
    width = LEFT + len(panels) * WIDTH + (len(panels) - 1) * BETWEEN + RIGHT
    height = TOP + HEIGHT + BELOW
    lines = [
        (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' "
            f"font-family='Helvetica,Arial,sans-serif' font-size='11' fill='{INK}'>"
        ),
        f"<rect width='{width}' height='{height}' rx='6' fill='#ffffff'/>",
    ]
    for i, panel in enumerate(panels):
        lines += _panel(panel, LEFT + i * (WIDTH + BETWEEN))
    for i, curve in enumerate(panels[0].curves):
        y = TOP + HEIGHT + 34 + 16 * i
        lines.append(f"<path d='M{LEFT} {y}h22' {_stroke(curve)}/>")
        lines.append(f"<text x='{LEFT + 28}' y='{y + 4}' font-family='monospace'>{escape(curve.label)}</text>")
    return "\n".join([*lines, "</svg>", ""])


def is_alike(one: str, other: str) -> bool:
    """Both draw the same, up to what the last bits of a function, which machines differ in, make of a coordinate."""
    coordinates = [NUMBER.findall(text) for text in (one, other)]
    if NUMBER.sub("", one) != NUMBER.sub("", other):
        return False
    return all(abs(float(a) - float(b)) < TOLERANCE for a, b in zip(*coordinates, strict=True))


def _panel(panel: Panel, left: int) -> Iterator[str]:
    low, high = panel.limits
    first, last = panel.xs[0], panel.xs[-1]
    across = [(x - first) / (last - first) * WIDTH for x in panel.xs]
    yield f"<text x='{left + WIDTH // 2}' y='18' text-anchor='middle'>{escape(panel.title)}</text>"
    # what leaves an inner image is cut off
    yield f"<svg x='{left}' y='{TOP}' width='{WIDTH}' height='{HEIGHT}'>"
    for x in _ticks(first, last):
        yield f"<path d='M{(x - first) / (last - first) * WIDTH:.1f} 0v{HEIGHT}' stroke='{FAINT}'/>"
    for y in _ticks(low, high):
        yield f"<path d='M0 {(high - y) / (high - low) * HEIGHT:.1f}h{WIDTH}' stroke='{FAINT}'/>"
    for curve in panel.curves:
        if not curve.good:
            yield from _holes(curve, across)
    for curve in reversed(panel.curves):
        ups = [(high - y) / (high - low) * HEIGHT for y in curve.values]
        yield from _lines(curve, across, ups)
    yield f"<rect width='{WIDTH}' height='{HEIGHT}' fill='none' stroke='{INK}'/>"
    yield "</svg>"
    for x in _ticks(first, last):
        at = left + (x - first) / (last - first) * WIDTH
        yield f"<text x='{at:.1f}' y='{TOP + HEIGHT + 14}' text-anchor='middle'>{x:g}</text>"
    for y in _ticks(low, high):
        at = TOP + (high - y) / (high - low) * HEIGHT + 4
        yield f"<text x='{left - 5}' y='{at:.1f}' text-anchor='end'>{y:g}</text>"


def _ticks(low: float, high: float) -> list[float]:
    """Some round numbers in the interval, at most six."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 5)
    return [round(i * step, 12) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _lines(curve: Curve, across: Sequence[float], ups: Sequence[float]) -> Iterator[str]:
    """A line for each stretch of finite values."""
    for finite, run in groupby(zip(across, ups, strict=True), key=lambda point: math.isfinite(point[1])):
        if finite:
            points = " ".join(f"{x:.1f},{min(max(y, -9 * HEIGHT), 9 * HEIGHT):.1f}" for x, y in run)
            yield f"<polyline points='{points}' fill='none' {_stroke(curve)}/>"


def _holes(curve: Curve, across: Sequence[float]) -> Iterator[str]:
    """A band, or a line for a single point, where the curve is not finite, with the word for what it is there."""
    for name, run in groupby(zip(across, map(_name, curve.values), strict=True), key=lambda point: point[1]):
        places = [x for x, _ in run]
        if not name:
            continue
        width = max(places[-1] - places[0], 2.0)
        middle = (places[0] + places[-1]) / 2
        label = min(max(middle, LABEL), WIDTH - LABEL)
        yield f"<rect x='{middle - width / 2:.1f}' width='{width:.1f}' height='{HEIGHT}' fill='{BAD}' opacity='0.2'/>"
        yield f"<text x='{label:.1f}' y='{HEIGHT - 6}' fill='{BAD}' text-anchor='middle'>{name}</text>"


def _name(y: float) -> str:
    return "nan" if math.isnan(y) else "" if math.isfinite(y) else "inf" if y > 0 else "-inf"


def _stroke(curve: Curve) -> str:
    how = f"stroke='{GOOD}' stroke-dasharray='6 3'" if curve.good else f"stroke='{BAD}'"
    return f"{how} stroke-width='2'"
