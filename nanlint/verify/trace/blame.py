"""From a bad loss or gradient back to the operation that caused it, which is not the first that was not finite."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from nanlint.verify.trace.finite import Contents
from nanlint.verify.trace.kinds import NORMALISING
from nanlint.verify.trace.record import Record


@dataclass(frozen=True, slots=True)
class Blame:
    """`cause` made the value; `chain` leads from it, first, to what was found bad, last.

    `because` are the records that the cause stands on: infinities that are in the source on purpose.
    """

    cause: Record
    chain: tuple[Record, ...]
    because: tuple[Record, ...] = ()


def blame(record: Record) -> Blame:
    """The cause of one record.

    Where a value is NaN, NaN is followed before Inf. A cause is an operation that had only finite operands, or a
    tensor that came from outside. Infinities that the source asks for cause nothing: then it is the operation that
    made NaN of them, such as a softmax over a row of which all is -inf.
    """
    ancestry = list(_ancestry(record))
    made = [each for each in ancestry if not _followed(each) and not each.is_deliberate]
    born = [each for each in ancestry if _is_birth(each)]
    cause = min(made or born or ancestry, key=lambda each: each.number)
    return Blame(cause, tuple(_path(record, cause)), cause.parents if _is_birth(cause) else ())


def _is_birth(record: Record) -> bool:
    """Whether NaN was made here, from infinities."""
    return record.has_nan and bool(record.parents) and not any(parent.has_nan for parent in record.parents)


def _followed(record: Record) -> tuple[Record, ...]:
    """The operands to which the search goes on."""
    if _is_birth(record) and record.op in NORMALISING:
        # A mask is no fault, nor is a log of zero that acts as one: that no element was left is.
        return tuple(parent for parent in record.parents if parent.contents != Contents.NEGATIVE)
    if record.has_nan:
        return tuple(parent for parent in record.parents if parent.has_nan) or record.parents
    return record.parents


def _ancestry(record: Record) -> Iterator[Record]:
    seen, waiting = {id(record)}, [record]
    while waiting:
        current = waiting.pop()
        yield current
        for parent in _followed(current):
            if id(parent) not in seen:
                seen.add(id(parent))
                waiting.append(parent)


def _path(record: Record, cause: Record) -> list[Record]:
    """The shortest way from the cause to the record, both included."""
    towards: dict[int, Record | None] = {id(record): None}
    waiting = deque([record])
    while waiting:
        current: Record | None = waiting.popleft()
        if current is cause:
            path = []
            while current is not None:
                path.append(current)
                current = towards[id(current)]
            return path
        assert current is not None
        for parent in _followed(current):
            if id(parent) not in towards:
                towards[id(parent)] = current
                waiting.append(parent)
    raise AssertionError("a cause is among the ancestors")
