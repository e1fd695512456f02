"""What nanlint knows of one operation: one `Op` is one line of the table in this folder.

Facts are those of torch 2.13 (`tests/test_ops.py` runs each line against the installed torch). Ranges
describe floats: softmax, sigmoid and exp attain 0 by underflow, sigmoid and tanh attain 1 by rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, Protocol

from nanlint.finding import Confidence
from nanlint.interval import Interval
from nanlint.slotted import Data


class Call(Protocol):
    """One application of an op, as a shape function sees it."""

    def range(self, parameter: str) -> Interval | None:
        """The interval of that argument; None if nothing is known of it or it is not given."""

    def const(self, parameter: str) -> object:
        """The literal value of that argument (a number, string, bool, tuple), or None."""

    def given(self, parameter: str) -> bool:
        """The call passes that argument."""


Shape = Callable[[Call], Interval | None]
"""How an op moves its inputs' intervals; None when nothing can be said."""


class Need(Data):
    """The op wants `parameter` within `domain`; `outside` says what it gives for the other finite numbers.

    `outside` is in the words a message uses: "-inf at 0 and nan below", "inf at 0".
    """

    parameter: str
    domain: Interval
    outside: str


class Singular(Data):
    """Where the gradient to `parameter` is infinite or NaN although the value there is finite."""

    parameter: str
    at: Interval
    gradient: Literal["inf", "nan"]


Returns = Literal["tensor", "number", "tuple", "module", "distribution", "unknown"]
DtypeRule = Literal["same", "promote", "bool", "integer", "float", "real", "complex", "argument"]
OnComplex = Literal["fine", "raises", "drops", "mangles"]


PREFIX = {
    "T": "torch.",
    "M": "torch.Tensor.",
    "F": "torch.nn.functional.",
    "S": "torch.special.",
    "L": "torch.linalg.",
    "Q": "torch.fft.",
    "N": "numpy.",
    "n": "torch.nn.",
    "D": "torch.distributions.",
    "d": "torch.distributions.Distribution.",
}
"""Letters for the places where torch keeps an op; I, J and G are those of the in-place spellings `x.name_()`,
`torch.name_` and `torch.nn.functional.name_`."""

IN_PLACE = {"I": "torch.Tensor.", "J": "torch.", "G": "torch.nn.functional."}


class Op(Data):
    """One operation.

    `name`: the canonical name, which rules and `made_by` use.
    `places`: letters of `PREFIX` and `IN_PLACE`, at which `name` and each of the `aliases` is found. `also` lists
    spellings of other names ("S.expit N.power"), `nn` the module classes. Lists are words in a string.
    `parameters`: the names of the positional parameters in order, the input(s) first; a method's receiver
    is the first. Module spellings take `constructor` at construction and the rest of the inputs at the call.
    `shape`: the range of the result. `attains`: how sure it is that real runs reach the ends of that range
    (CERTAIN for saturation and clamps, LIKELY for ends that only data reaches, POSSIBLE if merely not excluded).
    `trap`: inputs at which an upstream gradient of 0 still gives NaN. `shield`: inputs at which an upstream
    Inf or NaN gradient comes out finite.
    `returns`: the kind of the result ("tuple": several tensors such as values and indices, all of one range unless
    `rest` gives the range of the later ones).
    `complex`: what it does to a complex input; "drops": silently loses the imaginary part, "mangles": acts on the
    real and imaginary parts separately.
    """

    name: str
    places: str
    parameters: tuple[str, ...]
    shape: Shape
    constructor: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    attains: Confidence = Confidence.LIKELY
    singular: tuple[Singular, ...] = ()
    trap: tuple[Interval, ...] = ()
    shield: tuple[Interval, ...] = ()
    dtype: DtypeRule = "same"
    returns: Returns = "tensor"
    rest: Interval | None = None
    complex: OnComplex = "fine"
    reduces: bool = False
    random: bool = False
    differentiable: bool = True
    aliases: str = ""
    also: str = ""
    nn: str = ""

    @property
    def spellings(self) -> frozenset[str]:
        """Every dotted name that calls it: `torch.log`, `torch.Tensor.log_`, `torch.nn.functional.relu`, `numpy.log`.

        `torch.nn.ReLU` is one of a module whose instances apply it.
        """
        found = [
            PREFIX[place] + word if place in PREFIX else f"{IN_PLACE[place]}{word}_"
            for word in (self.name, *self.aliases.split())
            for place in self.places
        ]
        found += [PREFIX[word[0]] + word[2:] for word in self.also.split()]
        return frozenset((*found, *(PREFIX["n"] + word for word in self.nn.split())))

    @property
    def words(self) -> Iterable[str]:
        """What its spellings end in, without the underscore of those in place; private ones also without theirs."""
        named = (self.name.rstrip("_"),) if self.places else ()
        if not (self.aliases or self.also or self.nn):
            return named
        others = [word[word.rfind(".") + 1 :].rstrip("_") for word in self.also.split()]
        public = [word.lstrip("_") for word in others]
        return {*named, *self.aliases.split(), *others, *public, *self.nn.split()}

    def traps(self, x: Interval) -> bool:
        """Some member of `x` turns an upstream gradient of 0 into NaN."""
        return any(x.meets(part) for part in self.trap)

    def shields(self, x: Interval) -> bool:
        """Every member of `x` turns an upstream Inf or NaN gradient into a finite one."""
        return any(x.without_nan().within(part) for part in self.shield)
