"""What is known of one expression at one point of the program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from nanlint.finding import Confidence
from nanlint.interval import Interval, exactly
from nanlint.slotted import Entity

if TYPE_CHECKING:
    from nanlint.facts.frame import Place
    from nanlint.ops.op import Op
    from nanlint.site import Site
    from nanlint.source import nodes as cst

Kind = Literal[
    "unknown", "tensor", "number", "string", "none", "tuple", "dict", "name", "file", "function", "class",
    "super", "instance", "module", "optimizer", "scaler", "distribution", "slice", "device",
]  # fmt: skip

ABSENT: Any = object()
"""`Value.const` of an expression that is no literal (None is a literal)."""


class Application(Entity):
    """An op applied to values: the answer to "what made this?", whatever the spelling."""

    op: str
    args: Mapping[str, Value]
    place: Place


class Reason(Entity):
    """Why a range is what it is: "relu on line {row} gives {range}", to be filled in, and what came before it."""

    text: str
    place: Place
    range: Interval | None = None
    earlier: Reason | None = None


class Value(Entity):
    """All that is known of one expression; never changed once made (`frozen=True` costs five times as much).

    `range` is None when nothing is known, which is not the same as all floats; that of a distribution is what it
    draws. `reach` says how sure it is that the program gets to the ends of the range (or, without a range, to
    arbitrary numbers). `ident` is the value number: two expressions with the same one are equal element by element.
    `dtype` is None when several are possible. `grad`: can a gradient flow back to here (None: unknown). `hazards` are
    the sites whose non-finite result may still be inside; `slopes` those whose infinite or NaN gradient flows back
    from here. `maybe_empty`: a selection that may hold no element. `alternatives` are the values of the branches that
    were joined here.
    """

    kind: Kind = "unknown"
    range: Interval | None = None
    reach: Confidence = Confidence.LIKELY
    ident: int = 0
    dtype: str | None = None
    grad: bool | None = None
    made_by: Application | None = None
    because: Reason | None = None
    hazards: frozenset[Site] = frozenset()
    slopes: frozenset[Site] = frozenset()
    const: Any = ABSENT
    items: tuple[Value, ...] | None = None
    ref: Any = None
    alternatives: tuple[Value, ...] = ()
    maybe_empty: bool = False
    tensor_if: tuple[int, ...] = ()

    def but(self, **changes: Any) -> Value:
        """A copy with some fields changed; `slotted.replace` at half of its cost."""
        copy = Value(
            self.kind, self.range, self.reach, self.ident, self.dtype, self.grad, self.made_by, self.because,
            self.hazards, self.slopes, self.const, self.items, self.ref, self.alternatives, self.maybe_empty,
            self.tensor_if,
        )  # fmt: skip
        for name, value in changes.items():
            setattr(copy, name, value)
        return copy

    @property
    def is_literal(self) -> bool:
        return self.const is not ABSENT

    @property
    def number(self) -> float | None:
        """The literal number, if it is one (True and False are not)."""
        if self.kind == "number" and self.range is not None:
            return self.range.point
        return None

    @property
    def op(self) -> str:
        """The canonical op that made this value, or the empty string."""
        made = self.made_by
        return made.op if made is not None else ""

    def arg(self, name: str) -> Value | None:
        """An operand of the op that made this value."""
        made = self.made_by
        return made.args.get(name) if made is not None else None

    @property
    def is_complex(self) -> bool:
        return self.dtype is not None and self.dtype.startswith("complex")

    @property
    def is_integral(self) -> bool:
        return self.dtype is not None and (self.dtype == "bool" or self.dtype.lstrip("u").startswith("int"))

    @property
    def is_half(self) -> bool:
        return self.dtype in ("float16", "bfloat16")


class Operand(Entity):
    """A value together with the expression that gave it."""

    value: Value
    node: cst.Node


class Module(Entity, frozen=True):
    """A torch.nn module: the class by its full name, and what it was constructed with."""

    dotted: str
    op: Op | None
    arguments: Mapping[str, Operand]
    children: tuple[Value, ...] | None = None


def literal(const: object, ident: int) -> Value:
    """The value of a literal: numbers get their point interval, and nan one that holds nothing else."""
    certain = Confidence.CERTAIN
    if isinstance(const, bool):
        return Value("number", exactly(float(const)), certain, ident, "bool", False, const=const)
    if isinstance(const, (int, float)):
        try:
            number = float(const)
        except OverflowError:
            return Value("number", None, certain, ident, "int64", False)
        if number != number:
            # it compares as no constant does
            return Value("number", exactly(number), certain, ident, None, False)
        return Value("number", exactly(number), certain, ident, None, False, const=const)
    if isinstance(const, complex):
        return Value("number", None, certain, ident, "complex128", False, const=const)
    if isinstance(const, str):
        return Value("string", None, certain, ident, const=const)
    if const is None:
        return Value("none", None, certain, ident, const=None)
    return Value("unknown", None, certain, ident, const=const)
