"""Ops that take bad elements out of a value: `where`, `masked_fill`, `clamp` and their like.

What they repair is the value and not its gradient: an infinite derivative behind the mask is multiplied by zero.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from nanlint.facts import emptiness
from nanlint.facts.apply import REPAIRS, repair
from nanlint.facts.guarded import narrowed, tested
from nanlint.facts.narrow import teach
from nanlint.facts.relations import elements, is_test_of, strip_views
from nanlint.facts.under import under
from nanlint.facts.value import Operand, Value
from nanlint.finding import Confidence
from nanlint.interval import EMPTY, FINITE, POSITIVE, ZERO, Interval

if TYPE_CHECKING:
    from nanlint.facts.frame import Env, Frame
    from nanlint.site import Site
    from nanlint.source import nodes as cst

ONLY_INFINITE = frozenset({"log", "log2", "log10", "log1p", "reciprocal", "rsqrt", "pow"})
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip
TESTS = frozenset(COMPARISONS) | {"logical_and", "bitwise_and", "logical_not", "bitwise_not"}
Repair = Callable[["Frame", Mapping[str, Operand], Value, "cst.Node"], Value]


def _branch(frame: Frame, condition: Value | None, value: Value, truth: bool, node: cst.Node) -> Value:
    """The value where the condition is so."""
    left = _selected_elements(condition, value, truth)
    if left is not None:
        value = value.but(range=left)
    elif condition is not None:
        made, asked = value.made_by, value.arg("condition")
        if made is not None and value.op == "where" and asked is not None and asked.ident == condition.ident:
            # `where(mask, where(mask, a, b), c)`
            value = made.args.get("input" if truth else "other", value).but(hazards=value.hazards)
        env = frame.env.copy()
        teach(env, condition, truth)
        if value.ident in env.facts:
            learned = env.facts[value.ident]
            nowhere = value.range is not None and value.range.meet(learned).empty
            value = value.but(range=EMPTY) if nowhere else narrowed(value, learned)
        else:
            value = under(frame, env, value, node)
        value = tested(env, value)
    if value.hazards:
        value = repair(frame, value, node, mask=condition)
    if value.range is not None and value.made_by is not None:
        met = value.range.meet(FINITE)
        if not met.empty:
            value = value.but(range=met)
    return value


def _selected_elements(condition: Value | None, value: Value, truth: bool) -> Interval | None:
    """The range of those elements of a literal tensor that a comparison of another one with a number selects."""
    compare = COMPARISONS.get(condition.op or "") if condition is not None else None
    left, right = (condition.arg("input"), condition.arg("other")) if condition is not None else (None, None)
    if compare is None or left is None or right is None or right.number is None:
        return None
    asked, known = elements(left), elements(value)
    if asked is None or known is None or len(asked) != len(known):
        return None
    kept = [number for number, of in zip(known, asked, strict=True) if compare(of, right.number) is truth]
    return Interval(min(kept), max(kept)) if kept else EMPTY


def selected(env: Env, base: Value, picked: Value, mask: Value) -> Value:
    """What the mask selects of the base: narrowed by what it tests, trusted where it tests something else."""
    told = env.copy()
    teach(told, mask, True)
    if base.ident in told.facts:
        return narrowed(picked, told.facts[base.ident])
    return picked if is_test_of(mask, base) else _trusted(picked)


def _kept_beside(kept: Value, mask: Value, fill: Value) -> Value:
    """What is kept beside a harmless constant: a mask of something else is how the author tells the bad elements."""
    if elements(fill) is not None:
        # a whole row of numbers stands in for rows that are no good, however that was found out
        return _trusted(kept)
    harmless = fill.kind == "number" and fill.range is None
    if fill.range is not None and fill.range.point is not None:
        harmless = fill.range.within(POSITIVE)
    return _trusted(kept) if harmless and not is_test_of(mask, kept) else kept


def _trusted(value: Value) -> Value:
    """A mask of something else speaks for its author, but not against what an operation does for sure."""
    return value.but(reach=Confidence.LIKELY if value.reach is Confidence.CERTAIN else Confidence.POSSIBLE)


def _choose(frame: Frame, taken: Value, other: Value, result: Value) -> Value:
    range_: Interval | None = None
    if taken.range is not None and other.range is not None:
        range_ = taken.range.join(other.range)
    # an unknown number is filled in as the guard that it nearly always is
    unknown = [v.reach for v in (taken, other) if v.range is None and v.kind != "number"]
    reach = min(Confidence.LIKELY, *unknown) if unknown else Confidence.POSSIBLE
    if range_ is not None:
        # only the branch that reaches an end says how surely it is reached
        reach = min(
            (v.reach for v in (taken, other) if v.range is not None and v.range.point is None),
            default=Confidence.CERTAIN,
        )
    return result.but(
        range=range_, reach=reach, hazards=frozenset(), because=taken.because or other.because,
        maybe_empty=taken.maybe_empty,
    )  # fmt: skip


def _where(frame: Frame, operands: Mapping[str, Operand], result: Value, node: cst.Node) -> Value:
    condition = operands.get("condition")
    first, second = operands.get("input"), operands.get("other")
    if condition is not None and first is None and second is None:
        return _places(frame, operands, result.but(dtype="int64", grad=False), node)
    if condition is None or first is None or second is None:
        return result
    # what is wrong on both sides is chosen either way
    both = first.value.hazards & second.value.hazards
    taken = _branch(frame, condition.value, first.value.but(hazards=first.value.hazards - both), True, node)
    other = _branch(frame, condition.value, second.value.but(hazards=second.value.hazards - both), False, node)
    taken, other = _kept_beside(taken, condition.value, other), _kept_beside(other, condition.value, taken)
    chosen = _choose(frame, taken, other, result)
    return chosen.but(hazards=both) if both else chosen


def _masked(frame: Frame, operands: Mapping[str, Operand], result: Value, node: cst.Node) -> Value:
    """A product with a mask: what is left has what the mask tests for, the rest is 0."""
    sides = (operands.get("input"), operands.get("other"))
    for mask, kept in (sides, sides[::-1]):
        condition = strip_views(mask.value) if mask is not None else None
        if condition is None or kept is None or condition.op not in TESTS or kept.value.kind == "number":
            continue
        env = frame.env.copy()
        teach(env, condition, True)
        left = under(frame, env, kept.value, node)
        if left is not kept.value and left.range is not None:
            range_ = left.range.join(ZERO)
            return result.but(range=range_ if result.range is None else result.range.meet(range_), reach=left.reach)
    return result


def _masked_fill(frame: Frame, operands: Mapping[str, Operand], result: Value, node: cst.Node) -> Value:
    mask, value = operands.get("mask"), operands.get("value")
    base = next(iter(operands.values()))
    if mask is None or value is None:
        return result
    kept = _kept_beside(_branch(frame, mask.value, base.value, False, node), mask.value, value.value)
    return _choose(frame, kept, value.value, result)


def _limit(frame: Frame, operands: Mapping[str, Operand], result: Value, node: cst.Node) -> Value:
    # a limit holds infinities, but lets nan through
    held = frozenset(site for site in result.hazards if site.op in ONLY_INFINITE and not _is_root(site))
    if held:
        rest = result.hazards - held
        result = repair(frame, result.but(hazards=held), node).but(hazards=rest)
    lower = operands.get("min")
    limit = lower.value.range if lower is not None else None
    if lower is not None and lower.value.kind != "none" and limit is None:
        # a limit that is not known is taken for the guard that it nearly always is
        return result.but(range=None, reach=Confidence.POSSIBLE)
    if lower is not None and lower.value.kind == "number" and limit is not None and limit.point is None:
        # one of several limits, or a computed one: chosen to fit, such as by the dtype
        return result.but(reach=Confidence.POSSIBLE if limit.hi > 0 else result.reach)
    base = next(iter(operands.values())).value
    if base.range is None and (lower is None or lower.value.kind == "none"):
        return result.but(reach=min(Confidence.LIKELY, base.reach))
    return result


def _is_root(site: Site) -> bool:
    """A power that gives nan for what is negative, and is finite elsewhere."""
    exponent = site.value("exponent")
    return exponent is not None and exponent.number is not None and exponent.number > 0


def _clean(frame: Frame, operands: Mapping[str, Operand], result: Value, node: cst.Node) -> Value:
    # a number that is given for infinity speaks of it
    return repair(frame, result, node, mask=result if "posinf" in operands else None)


def _select(frame: Frame, operands: Mapping[str, Operand], result: Value, node: cst.Node) -> Value:
    mask = operands.get("mask")
    base = next(iter(operands.values()))
    if mask is None:
        return repair(frame, result.but(maybe_empty=True), node)
    empty = not emptiness.selects_some(frame.env, mask.value)
    return repair(frame, selected(frame.env, base.value, result, mask.value).but(maybe_empty=empty), node)


def _places(frame: Frame, operands: Mapping[str, Operand], result: Value, node: cst.Node) -> Value:
    """`nonzero`: the places of the true elements, of which there may be none."""
    mask = next(iter(operands.values())).value
    empty = not emptiness.selects_some(frame.env, mask)
    result = result.but(maybe_empty=empty)
    if result.items is None:
        return result
    return result.but(items=tuple(item.but(maybe_empty=empty) for item in result.items))


TABLE: dict[str, Repair] = {
    "where": _where, "masked_fill": _masked_fill, "clamp": _limit, "clamp_min": _limit, "clamp_max": _limit,
    "nan_to_num": _clean, "nanmean": _clean, "nansum": _clean, "masked_select": _select, "maximum": _limit,
    "nonzero": _places, "mul": _masked,
}  # fmt: skip
REPAIRS.update(TABLE)
