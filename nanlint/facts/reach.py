"""How sure it is that real runs get to the ends of a range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts.relations import first_arg, is_shifted, is_square
from nanlint.finding import Confidence
from nanlint.interval import POSITIVE, Interval

if TYPE_CHECKING:
    from nanlint.facts.value import Value
    from nanlint.ops.op import Op

POSSIBLE, LIKELY = Confidence.POSSIBLE, Confidence.LIKELY
CARRIES = frozenset(
    """minimum maximum min max amin amax sum mean prod abs sort topk median cumsum flip roll gather take index_select
    unbind cumprod cummax cummin chunk split diagonal t repeat expand_as repeat_interleave""".split()
)
LOGARITHMS = frozenset({"log", "log2", "log10"})
# the result is at an end of its range exactly when the one varying input is
PASSES = frozenset(
    """add sub mul div neg sqrt log log2 log10 log1p exp expm1 pow reciprocal float double half to type view reshape
    where masked_fill clone detach contiguous transpose permute squeeze unsqueeze expand flatten index gather cat stack
    tensor as_tensor""".split()
)


def reached(op: Op, inputs: list[Value], range_: Interval | None) -> Confidence:
    """How sure it is that the result gets to the ends of `range_`, by what is known of the operands."""
    if range_ is None:
        # numbers from elsewhere are sizes and settings, not data
        least: Confidence | None = None
        for value in inputs:
            if value.kind != "number" and (least is None or value.reach < least):
                least = value.reach
        return min(LIKELY, least) if least is not None else POSSIBLE if inputs else LIKELY
    if op.name not in PASSES:
        if op.name == "abs" and inputs and inputs[0].range is None and is_shifted(inputs[0]):
            # whoever takes the magnitude of `1 + d` says that it has either sign: the number is no guard
            return op.attains
        if op.name in CARRIES:
            # no surer than the elements themselves
            # the larger of two is at the lower end only where both are
            most = min if op.name in ("max", "maximum") else max
            return min(op.attains, most((v.reach for v in inputs if v.kind != "number"), default=op.attains))
        return op.attains
    if op.name in ("pow", "expm1") and any(v.range is None for v in inputs):
        # expm1 is written for exponents near 0, and of the sign that what follows needs
        return POSSIBLE
    if op.name in LOGARITHMS or op.name in ("mul", "pow", "div"):
        ranges = [v.range.without_nan() for v in inputs if v.range is not None]
        near = len(ranges) == len(inputs) and all(r.within(POSITIVE) for r in ranges) and any(r.lo == 0 for r in ranges)
        scaled = op.name in ("mul", "pow") or (op.name == "div" and inputs[-1].number is not None)
        if near and ((op.name in LOGARITHMS and ranges[0].hi_open) or (scaled and 0 in range_)):
            # by underflow alone, or of what is next to it
            return POSSIBLE
    if op.name == "sub" and len(inputs) > 1 and inputs[0].number is not None and is_square(inputs[1]):
        # `1 - r * r`: how far that gets below zero is up to `r`
        rooted = first_arg(inputs[1])
        if rooted is not None and rooted.reach is POSSIBLE:
            return POSSIBLE
    if op.name in ("add", "sub") and _is_rounded_to_end(inputs, range_):
        return POSSIBLE
    varying = [v.reach for v in inputs if v.range is not None and v.range.point is None]
    if not varying:
        return min((v.reach for v in inputs), default=op.attains)
    return varying[0] if len(varying) == 1 else min(LIKELY, *varying)


def _is_rounded_to_end(inputs: list[Value], range_: Interval) -> bool:
    """`1 - x` of a positive x is 1 where x is too small to count, for which nothing but the format of floats speaks."""
    ends = [end for end, is_open in ((range_.lo, range_.lo_open), (range_.hi, range_.hi_open)) if not is_open]
    numbers = [v.number for v in inputs if v.number]
    positive = [v.range.lo_open and v.range.lo == 0 for v in inputs if v.range is not None and v.number is None]
    return len(numbers) == len(positive) == 1 and positive[0] and abs(numbers[0]) in map(abs, ends)
