"""How a line of the table is written: `op("log", "TMIJN", rising(log), ...)`."""

from __future__ import annotations

from functools import cache

from nanlint.finding import Confidence
from nanlint.interval import Interval
from nanlint.ops.op import DtypeRule, Need, OnComplex, Op, Returns, Shape, Singular

CERTAIN, LIKELY, POSSIBLE = Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE


def op(
    name: str,
    places: str,
    shape: Shape,
    parameters: str = "input",
    *,
    aliases: str = "",
    also: str = "",
    nn: str = "",
    constructor: str = "",
    needs: tuple[Need, ...] = (),
    attains: Confidence = Confidence.LIKELY,
    singular: tuple[Singular, ...] = (),
    trap: Interval | tuple[Interval, ...] = (),
    shield: Interval | tuple[Interval, ...] = (),
    dtype: DtypeRule = "same",
    returns: Returns = "tensor",
    rest: Interval | None = None,
    complex: OnComplex = "fine",
    reduces: bool = False,
    random: bool = False,
    differentiable: bool = True,
) -> Op:
    """One line of the table: `parameters` and `constructor` are words in a string."""
    traps = trap if isinstance(trap, tuple) else (trap,)
    shields = shield if isinstance(shield, tuple) else (shield,)
    return Op(
        name, places, _split(parameters), shape, _split(constructor), needs, attains, singular, traps, shields,
        dtype, returns, rest, complex, reduces, random, differentiable, aliases, also, nn,
    )  # fmt: skip


@cache
def _split(words: str) -> tuple[str, ...]:
    """Most lines have the parameters of some other line."""
    return tuple(words.split())
