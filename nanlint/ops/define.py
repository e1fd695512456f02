"""How a line of the table is written: `op("log", "TMIJN", rising(log), ...)`."""

from __future__ import annotations

from nanlint.finding import Confidence
from nanlint.interval import Interval
from nanlint.ops.op import DtypeRule, Need, OnComplex, Op, Returns, Shape, Singular

PREFIX = {
    "T": "torch.",
    "M": "torch.Tensor.",
    "F": "torch.nn.functional.",
    "S": "torch.special.",
    "L": "torch.linalg.",
    "Q": "torch.fft.",
    "N": "numpy.",
    "n": "torch.nn.",
}
"""Letters for the places where torch keeps an op; `op` adds I, J and G, the in-place spellings `x.name_()`,
`torch.name_` and `torch.nn.functional.name_`."""

IN_PLACE = {"I": "torch.Tensor.", "J": "torch.", "G": "torch.nn.functional."}

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
    """One line of the table.

    `places` are letters of `PREFIX` and `IN_PLACE`, at which `name` and each of the `aliases` is found. `also`
    lists spellings of other names ("S.expit N.power"), `nn` the module classes. Lists are words in a string.
    """
    spellings = {
        PREFIX[place] + word if place in PREFIX else f"{IN_PLACE[place]}{word}_"
        for word in (name, *aliases.split())
        for place in places
    }
    for word in also.split():
        place, _, rest_of_name = word.partition(".")
        spellings.add(PREFIX[place] + rest_of_name)
    spellings.update(PREFIX["n"] + word for word in nn.split())
    return Op(
        name, frozenset(spellings), tuple(parameters.split()), shape, tuple(constructor.split()), needs, attains,
        singular, _parts(trap), _parts(shield), dtype, returns, rest, complex, reduces, random, differentiable,
    )  # fmt: skip


def _parts(intervals: Interval | tuple[Interval, ...]) -> tuple[Interval, ...]:
    return (intervals,) if isinstance(intervals, Interval) else intervals
