"""Values that no caller passes and nothing trains: computed from the settings of an object, or read from a file.

A schedule of rates or the labels of a data set are what their author knows them to be: what could be wrong with them is
wrong for another setting, or for another file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nanlint.facts.value import Value
from nanlint.ops import TABLE

if TYPE_CHECKING:
    from nanlint.facts.frame import Session

DEPTH = 24
READERS = frozenset("load loads loadmat loadtxt genfromtxt fromfile imread torch_load File".split())
TRAINED = frozenset({"network", "parameter"})
# made to be written into
STATES = frozenset({"zeros", "zeros_like", "new_zeros", "empty", "empty_like", "new_empty"})
NOT_DATA = frozenset({"number", "string", "none", "name", "slice", "class", "function", "device", "file", "instance"})


def reads(function: str) -> bool:
    """A function of that name reads a file: `loadtxt`, `read_csv`."""
    kind = function.removeprefix("read_")
    return function in READERS or (kind != function and kind.isalpha() and kind.islower())


def is_fixed(session: Session, value: Value) -> bool:
    """Some of what the value was made from is a setting or the contents of a file, and all the rest is known, too."""
    return _fixed(session, value, DEPTH, set()) is True


def _fixed(session: Session, value: Value, depth: int, seen: set[int]) -> bool | None:
    """None for what says neither, such as a number of the code."""
    if value.ident in session.settings:
        # what is used as only a tensor can be was passed as one
        return value.ident not in session.tensors
    if value.kind in NOT_DATA or id(value) in seen:
        return None
    seen.add(id(value))
    if depth == 0 or value.grad is True or value.ident in session.arguments:
        return False
    if value.made_by is not None:
        op = TABLE.get(value.op)
        if value.op in TRAINED or value.op in STATES or (op is not None and op.random):
            return False
        parts = list(value.made_by.args.values())
        return _all(session, parts[:1] if value.op == "index" else parts, depth, seen)
    if value.alternatives or value.items:
        return _all(session, value.alternatives or value.items or (), depth, seen)
    if value.ident in session.attributes:
        # of methods that are too long to follow, what `__init__` has made of it tells
        given = session.given_to(value) or session.origins.get(value.ident, ())
        return _all(session, given, depth, seen)
    if value.ident in session.read:
        return True
    came = session.origins.get(value.ident)
    return False if came is None else _all(session, came, depth, seen)


def _all(session: Session, values: Iterable[Value], depth: int, seen: set[int]) -> bool | None:
    known = {_fixed(session, value, depth - 1, seen) for value in values}
    return False if False in known else True if True in known else None


def made_from(session: Session, result: Value, values: Iterable[Value]) -> Value:
    """The result, noted as made from these values by what is not in view."""
    session.origins[result.ident] = tuple(values)
    return result
