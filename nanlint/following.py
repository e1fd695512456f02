"""Which definitions are worth a look for what they call, judged by their text as in `nanlint.triggers`."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING

from nanlint.triggers import reduces

if TYPE_CHECKING:
    from nanlint.source import Definition, Source

HELPER_ROWS = 12
# methods that are called without their name, or whose callers are everywhere
ANYWHERE = frozenset({"forward", "__init__", "__call__", "update", "compute", "step"})
PARTS = re.compile(r"\.(backward|manual_backward|step)\(")
CALLED = re.compile(r"([A-Za-z]\w*)\(")


def _calls(names: set[str], before: str = r"(?<!def )\b", behind: str = "") -> Callable[[str], bool]:
    """A test of code: does it call a function of one of these names?"""
    if not names:
        return lambda code: False
    calls = re.compile(rf"{before}(?:{'|'.join(sorted(map(re.escape, names)))})\({behind}")
    return lambda code: calls.search(code) is not None


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
    return _calls(names)


def callers(definitions: Iterable[Definition], hazardous: Container[Definition]) -> Callable[[str], bool]:
    """A test of a definition's code: does it call a short function that does what may be a hazard to its argument?"""
    names: set[str] = set()
    methods: set[str] = set()
    for d in definitions:
        if d.kind == "function" and d.code.count("\n") <= HELPER_ROWS:
            if d.owner is None and (d in hazardous or any(map(reduces, CALLED.findall(d.code)))):
                names.add(d.name)
            elif d in hazardous and d.name not in ANYWHERE:
                methods.add(d.name)
    functions, own = _calls(names), _calls(methods, r"\bself\.", r"(?!\))")
    return lambda code: functions(code) or own(code)
