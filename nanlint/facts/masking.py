"""Rows that a mask has filled with -inf, and whether the mask can cover a whole row of them.

A mask that a caller passes in, or that is computed from data, may cover a row: a query of padding, an isolated node, a
state without a legal action. The mask of a causal model may not: its diagonal is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nanlint.facts.relations import LARGEST, NOT, VIEWS, first_arg, same, strip_views
from nanlint.facts.value import Value
from nanlint.finding import Confidence
from nanlint.interval import INF
from nanlint.slotted import Data

if TYPE_CHECKING:
    from nanlint.site import Site

DEPTH = 10
# one element of the result for each of the input, infinite where that is
KEEPING = VIEWS | frozenset("div dropout half bfloat16 clamp_max log_softmax".split())
REDUCED = frozenset({"all", "any", "sum", "count_nonzero"})
# of the tensor itself: some element is not beyond them
OWN = LARGEST | frozenset("topk kthvalue quantile median mean sort min amin cumsum".split())
AND = frozenset({"logical_and", "bitwise_and", "mul"})
OR = frozenset({"logical_or", "bitwise_or"})
TRIANGLES = frozenset({"tril", "triu"})
COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
FILLED = frozenset({"ones", "ones_like", "full", "full_like", "new_full", "new_ones"})


# of a row that is masked throughout
ROWS = frozenset({"softmax", "log_softmax", "logsumexp"})
# of one sample
SPREADS = frozenset({"std", "var", "std_mean", "var_mean"})


class Fill(Data):
    """What put -inf into rows: where `mask` is `truth`, or everywhere without a mask.

    `beside`: what it was added to, into which a nan in the gradient of the row goes on; the gradient of what was
    written over is 0 in any case. `by`: what an operation that fills gave.
    """

    mask: Value | None
    truth: bool
    beside: tuple[Value, ...] = ()
    by: Value | None = None


def fills(value: Value, depth: int = DEPTH, beside: tuple[Value, ...] = ()) -> Iterator[Fill]:
    """The ways in which elements of the value became -inf."""
    if _is_negative_infinity(value):
        parts = value.made_by.args.values() if value.made_by is not None and value.op == "add" else ()
        yield Fill(None, True, (*beside, *(part for part in parts if not _is_negative_infinity(part))))
        return
    if depth == 0:
        return
    if value.made_by is None:
        for alternative in value.alternatives:
            yield from fills(alternative, depth - 1, beside)
        return
    inner, op = first_arg(value), value.op
    if inner is None:
        return
    if op in KEEPING:
        yield from fills(inner, depth - 1, beside)
    elif op == "mul":
        other = value.arg("other")
        if other is not None and "number" in (inner.kind, other.kind):
            yield from fills(other if inner.kind == "number" else inner, depth - 1, beside)
    elif op == "masked_fill":
        mask, filler = value.arg("mask"), value.arg("value")
        if mask is None or filler is None:
            return
        if _is_negative_infinity(filler):
            yield Fill(mask, True, beside, value)
        elif _tells_of_rows(mask):
            return
        yield from fills(inner, depth - 1, beside)
    elif op == "where":
        condition, other = value.arg("condition"), value.arg("other")
        taken = value.arg("input")
        if condition is None or taken is None or other is None:
            return
        for filler, kept, truth in ((taken, other, True), (other, taken, False)):
            if _is_negative_infinity(filler):
                yield Fill(condition, truth, beside, value)
                yield from fills(kept, depth - 1, beside)
                return
    elif op in ("add", "sub"):
        other = value.arg("other")
        if other is None:
            return
        yield from fills(inner, depth - 1, (*beside, other))
        if op == "add":
            yield from fills(other, depth - 1, (*beside, inner))
    elif op in TRIANGLES and _is_negative_infinity(inner):
        yield Fill(value, True, beside)


def is_nan_by_shape(op: str, values: Mapping[str, Value]) -> bool:
    """The result is nan where all of a row is masked with -inf, or both sides of a difference, or for one sample."""
    if op == "sub":
        sides = [values[name] for name in ("input", "other") if name in values]
        return all(next(fills(side), None) is not None for side in sides)
    if op in ROWS:
        value = values.get("input")
        return value is not None and next(fills(value), None) is not None
    return op in SPREADS


def _is_negative_infinity(value: Value) -> bool:
    return value.range is not None and value.range.point == -INF


def _tells_of_rows(mask: Value, depth: int = 4) -> bool:
    """The mask was reduced along its rows, such as `mask.all(-1)`: it speaks of those that are covered."""
    made = strip_views(mask)
    if made.op in REDUCED:
        return True
    if depth == 0 or made.made_by is None or made.op not in NOT | AND | OR | COMPARISONS:
        return False
    return any(_tells_of_rows(v, depth - 1) for v in made.made_by.args.values())


def covered(site: Site, fill: Fill) -> Confidence | None:
    """How sure it is that the fill can cover a row; None where some element is left open for sure."""
    if fill.mask is None:
        return Confidence.CERTAIN
    return covers(site, fill.mask, fill.truth)


def covers(site: Site, mask: Value, truth: bool, depth: int = DEPTH) -> Confidence | None:
    """How sure it is that a whole row of the mask is `truth`."""
    session = site.session
    for _ in range(DEPTH):
        if site.marked("not all" if truth else "some", mask):
            return None
        inner = first_arg(mask)
        if inner is None or mask.op not in VIEWS:
            break
        mask = inner
    if depth == 0:
        return Confidence.POSSIBLE
    if mask.made_by is None and mask.alternatives:
        return _most(covers(site, v, truth, depth - 1) for v in mask.alternatives)
    point = mask.range.point if mask.range is not None and mask.op not in TRIANGLES else None
    if point is not None:
        return Confidence.CERTAIN if (point != 0) == truth else None
    inner, other, op = first_arg(mask), mask.arg("other"), mask.op
    if inner is None:
        return Confidence.LIKELY if session.arguments.get(mask.ident) == "public" else Confidence.POSSIBLE
    if op in TRIANGLES:
        return _triangle(mask, op == "triu", truth) if strip_views(inner).op in FILLED else None
    if op in NOT:
        return covers(site, inner, not truth, depth - 1)
    if op in ("eye", "one_hot", "scatter", "diag", "block_diag"):
        return None if truth or op == "eye" else Confidence.POSSIBLE
    if op == "sub" and other is not None and inner.number == 1:
        return covers(site, other, not truth, depth - 1)
    if op in ("tensor", "as_tensor"):
        return _literal(inner, truth)
    if op in AND | OR and other is not None and other.kind != "number":
        parts = [covers(site, part, truth, depth - 1) for part in (inner, other)]
        if (op in OR) == truth:
            return _most(parts)
        if any(part is None for part in parts) or _tells_of_rows(inner) or _tells_of_rows(other):
            return None
        return min(part for part in parts if part is not None)
    if op in COMPARISONS and other is not None:
        return _comparison(site, mask, inner, other, truth, depth)
    return Confidence.POSSIBLE


def _most(doubts: Iterator[Confidence | None] | list[Confidence | None]) -> Confidence | None:
    return max((d for d in doubts if d is not None), default=None)


def _comparison(site: Site, mask: Value, left: Value, right: Value, truth: bool, depth: int) -> Confidence | None:
    """A test of a mask of zeros and ones, or of a tensor against what was taken from it."""
    op, number = mask.op, right.number
    if op in ("lt", "le", "gt", "ge") and _is_about(right, left):
        return None
    if number is None or not 0 <= number <= 1 or left.kind == "number":
        return Confidence.POSSIBLE
    # of the others `lt` and `le` hold where it is 0
    holds_where_one = {"eq": number != 0, "ne": number == 0, "gt": True, "ge": True}.get(op, False)
    return covers(site, left, truth == holds_where_one, depth - 1)


def _is_about(limit: Value, value: Value, depth: int = 4) -> bool:
    """The limit was taken from the value itself."""
    made = strip_views(limit)
    if depth == 0 or made.made_by is None:
        return False
    if made.op in OWN and same(first_arg(made), value):
        return True
    return any(_is_about(v, value, depth - 1) for v in made.made_by.args.values())


def _triangle(mask: Value, upper: bool, truth: bool) -> Confidence | None:
    """Of the part at and above (below) a diagonal: the first row is all true for `triu` from 0 down, and so on."""
    given = mask.arg("diagonal")
    diagonal = 0.0 if given is None else given.number
    if diagonal is None:
        return None
    shift = diagonal if upper else -diagonal
    covered = shift <= 0 if truth else shift >= 1
    return Confidence.CERTAIN if covered else None


def _literal(rows: Value, truth: bool) -> Confidence | None:
    """Nested lists of numbers of which one row is `truth` throughout."""
    if rows.items is None:
        return Confidence.POSSIBLE
    if any(item.items is not None for item in rows.items):
        return _most(_literal(item, truth) for item in rows.items)
    if any(not item.is_literal for item in rows.items):
        return Confidence.POSSIBLE
    return Confidence.CERTAIN if all(bool(item.const) == truth for item in rows.items) else None


def lowest(value: Value, depth: int = DEPTH) -> int:
    """How many masks with the lowest finite number were added up in the value."""
    made = strip_views(value)
    if depth == 0 or made.made_by is None:
        return 0
    inner, other = first_arg(made), made.arg("other")
    if made.op == "add" and inner is not None and other is not None:
        return lowest(inner, depth - 1) + lowest(other, depth - 1)
    fillers = (made.arg("value"), inner, other) if made.op in ("masked_fill", "mul", "where") else ()
    return int(any(_is_lowest(v) for v in fillers if v is not None and v.kind == "number"))


def _is_lowest(value: Value) -> bool:
    # of any format but float16, whose sums of two are beyond its range as well
    return value.number is not None and -INF < value.number <= -3.38e38
