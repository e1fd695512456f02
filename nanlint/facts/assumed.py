"""What comments state of the parameters of a function holds in it, whoever calls it."""

from __future__ import annotations

from nanlint.facts.frame import Frame
from nanlint.interval import FINITE, REAL
from nanlint.source import nodes as cst
from nanlint.source.assumed import assumed


def learn(frame: Frame, node: cst.FunctionDef) -> None:
    """Put what is stated in the function, or in the row above it, into the environment in which it starts."""
    start, end = frame.unit.span(node)
    for stated in assumed(frame.unit.source.lines, start.row, end.row):
        value = frame.env.vars.get(stated.name)
        if value is None:
            continue
        if stated.range != REAL:
            # data is finite
            frame.env.learn(value.ident, stated.range.meet(FINITE))
        if stated.excluded:
            frame.env.relate("is not", value.ident, stated.excluded)
