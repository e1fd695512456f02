"""What a variable is where several branches meet, each of which has its own value of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts.fixed import made_from
from nanlint.facts.hazards import hazards_of, slopes_of
from nanlint.facts.value import ABSENT, Reason, Value
from nanlint.finding import Confidence

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.interval import Interval

MAX_ALTERNATIVES = 4
"""Of so many values that meet each is kept."""


def join(frame: Frame, values: list[Value]) -> Value:
    """What a variable is where several branches meet."""
    first = values[0]
    for value in values:
        if value is not first and (value.ident != first.ident or value.range != first.range):
            break
    else:
        hazards, slopes = hazards_of(values), slopes_of(values)
        if any(v.dtype != first.dtype for v in values):
            # a test of it in one branch
            first = first.but(dtype=None)
        return (
            first if hazards == first.hazards and slopes == first.slopes else first.but(hazards=hazards, slopes=slopes)
        )
    flat: list[Value] = []
    for value in values:
        flat.extend(value.alternatives or (value,))
    lead, *others = flat
    range_, dtype, grad = lead.range, lead.dtype, lead.grad
    maybe_empty, kinds, shared = lead.maybe_empty, {lead.kind}, True
    for value in others:
        range_ = range_.join(value.range) if range_ is not None and value.range is not None else None
        dtype = dtype if value.dtype == dtype else None
        grad = grad if value.grad is grad else None
        maybe_empty = maybe_empty or value.maybe_empty
        kinds.add(value.kind)
        shared = shared and value.ref is lead.ref
    kinds.discard("none")
    reach = Confidence.POSSIBLE
    for value in flat:
        if value.reach > reach and _is_at_end(value, range_):
            reach = value.reach
    items = None
    if first.items is not None and all(v.items is not None and len(v.items) == len(first.items) for v in flat):
        items = tuple([join(frame, [v.items[i] for v in flat if v.items]) for i in range(len(first.items))])
    literal = first.const is not ABSENT and all(v.is_literal and v.const == first.const for v in flat)
    joined = Value(
        kinds.pop() if len(kinds) == 1 else "tensor" if kinds == {"tensor", "number"} else "unknown",
        range_, reach, frame.session.fresh(), dtype, grad,
        because=_reason(flat, range_), hazards=hazards_of(flat), slopes=slopes_of(flat),
        const=first.const if literal else ABSENT, items=items, ref=first.ref if shared else None,
        alternatives=tuple(flat) if len(flat) <= MAX_ALTERNATIVES and items is None else (),
        maybe_empty=maybe_empty, tensor_if=tensor_if(flat),
    )  # fmt: skip
    # attributes are worked out silently; elsewhere it would keep the values of all branches
    return made_from(frame.session, joined, flat) if frame.session.muted else joined


def tensor_if(values: list[Value]) -> tuple[int, ...]:
    """The numbers of which each, if it is that of a tensor, makes one of what was made of these values."""
    idents: list[int] = []
    for value in values:
        if value.kind == "unknown":
            idents += (value.ident, *value.tensor_if)
    return tuple(dict.fromkeys(idents))[:8] if idents else ()


def _reason(values: list[Value], whole: Interval | None) -> Reason | None:
    """Why one of them is what the whole is feared for: of unknown range where that of the whole is, else the lowest."""
    found: Reason | None = None
    for value in values:
        if value.because is None or (value.range is not None and whole is None):
            continue
        if whole is not None and value.range is not None and value.range.lo == whole.lo:
            return value.because
        found = found or value.because
    return found


def _is_at_end(value: Value, whole: Interval | None) -> bool:
    """The value takes part in the ends of the range of all alternatives."""
    if whole is None or value.range is None:
        return True
    return value.range.lo == whole.lo or value.range.hi == whole.hi
