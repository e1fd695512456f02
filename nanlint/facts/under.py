"""What a value is where a condition holds: its arithmetic is done again with what the condition teaches.

`(1 - u**2) * (u <= 1)`, `where(r < cut, 1 - r / cut, 0)`: what the mask leaves is not negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts.apply import apply
from nanlint.facts.guarded import narrowed
from nanlint.facts.relations import VIEWS
from nanlint.facts.value import Operand, Value
from nanlint.ops import TABLE

if TYPE_CHECKING:
    from nanlint.facts.frame import Env, Frame
    from nanlint.source import nodes as cst

DEPTH = 5
COPIED = VIEWS.difference({"index", "item", "narrow", "values"})
ARITHMETIC = COPIED | frozenset("add sub mul div neg pow square".split())


def under(frame: Frame, env: Env, value: Value, node: cst.Node, depth: int = DEPTH) -> Value:
    """The value with the range that it has by what `env` says of what it was made from; itself where that is no news.

    `env` is the environment of the frame and more.
    """
    session = frame.session
    session.muted += 1
    # it stands nowhere in the code, so no fix may take it for what does
    kept, session.applied = session.applied, None
    try:
        with frame.branch(env):
            return _again(frame, value, node, depth)
    finally:
        session.muted -= 1
        session.applied = kept


def _again(frame: Frame, value: Value, node: cst.Node, depth: int) -> Value:
    learned = frame.env.facts.get(value.ident)
    if learned is not None:
        value = narrowed(value, learned)
    made = value.made_by
    if made is None or depth == 0 or made.op not in ARITHMETIC or value.alternatives:
        return value
    operands = {name: _again(frame, v, node, depth - 1) for name, v in made.args.items()}
    related = made.op in ("sub", "div")
    if not related and all(operands[name] is v for name, v in made.args.items()):
        return value
    result = apply(frame, TABLE[made.op], {name: Operand(v, node) for name, v in operands.items()}, node)
    if result.range is None:
        return value
    range_ = result.range if value.range is None else value.range.meet(result.range)
    return value if range_.empty or range_ == value.range else value.but(range=range_, reach=result.reach)
