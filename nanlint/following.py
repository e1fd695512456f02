"""Which definitions are worth a look for what they call, judged by their text as in `nanlint.triggers`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Set
from itertools import chain
from typing import TYPE_CHECKING

from nanlint.arithmetic import reducers, selects
from nanlint.patterns import pattern

if TYPE_CHECKING:
    from nanlint.source import Definition, Source

HELPER_ROWS = 12
# methods that are called without their name, or whose callers are everywhere
ANYWHERE = frozenset({"forward", "__init__", "__call__", "update", "compute", "step"})
PARTS = pattern(r"\.(backward|manual_backward|step)\(")
# that many names are sooner looked for one by one than among all that the code calls
FEW = 16
CALLED = pattern(r"((?:\bself\.)?(\w+))\(")


def drivers(listened: frozenset[str], source: Source) -> Callable[[str], bool]:
    """A test of a definition's code: does it call a function with a part of a training step, such as backward alone?"""
    if "training-step" not in listened or "backward(" not in source.text:
        return lambda code: False
    names: set[str] = set()
    for definition in source.index.definitions:
        parts = set(PARTS.findall(definition.code))
        if definition.kind == "function" and len(parts & {"backward", "manual_backward"}) != len(parts & {"step"}):
            names.add(definition.name)
    names -= {"forward", "__init__", "__call__"}
    return lambda code: _has_call(code, names)


def callers(source: Source, hazardous: Container[Definition]) -> Callable[[str], bool]:
    """A test of a definition's code: does it call a short function that does what may be a hazard to its argument?

    To one that reduces, what is selected by a mask is a hazard.
    """
    names: set[str] = set()
    methods: set[str] = set()
    reducing: set[str] = set()
    reductions = reducers(source)
    for d in source.index.definitions:
        if d.kind == "function" and d.code.count("\n") <= HELPER_ROWS:
            if d.owner is None and d in hazardous:
                names.add(d.name)
            elif d.owner is None and _has_call(d.code, reductions):
                reducing.add(d.name)
            elif d in hazardous and d.name not in ANYWHERE:
                methods.add(f"self.{d.name}")

    def test(code: str) -> bool:
        if _has_call(code, names) or any(code[end] != ")" for end in _calls(code, methods)):
            return True
        return _has_call(code, reducing) and selects(code)

    return test


def follows(listened: frozenset[str], source: Source, code: str) -> bool:
    """In the code of a file some definition may be worth a look for what it calls, although none is by itself."""
    if "training-step" in listened and "backward(" in source.text and PARTS.search(code) is not None:
        return True
    return bool(reducers(source)) and selects(code)


def _has_call(code: str, names: Set[str]) -> bool:
    return next(_calls(code, names), None) is not None


def _calls(code: str, names: Set[str]) -> Iterator[int]:
    """Where the arguments begin with which the code calls functions of these names."""
    for name in names if len(names) <= FEW else names & set(chain.from_iterable(CALLED.findall(code))):
        at = code.find(f"{name}(")
        while at >= 0:
            before = code[max(at - 4, 0) : at]
            if before != "def " and not (before[-1:].isalnum() or before[-1:] == "_"):
                yield at + len(name) + 1
            at = code.find(f"{name}(", at + 1)
