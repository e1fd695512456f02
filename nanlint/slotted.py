"""Classes of plain data whose annotations are their fields, in order.

`dataclass(slots=True)` takes ten times as long to make such a class, and every start of the linter makes two hundred.
That fields are not assigned to is checked by the type checker alone, so that an instance costs no more for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Any:
        return lambda decorated: decorated


Made = TypeVar("Made")
_ABSENT: Any = object()


class _Anew:
    def __init__(self, make: Callable[[], object]) -> None:
        self.make = make


def made_by(*, default_factory: Callable[[], Made]) -> Made:
    """The default of a field that each instance gets an own one of."""
    return _Anew(default_factory)  # type: ignore[return-value]


@cache
def _template(count: int, anew: frozenset[int]) -> CodeType:
    """The code of an `__init__` for fields `_0`, `_1`, ...; for those in `anew` each instance gets one of its own."""
    names = [f"_{number}" for number in range(count)]
    rows = [f"def __init__(self, {', '.join(names)}):"]
    rows += [
        f" self.{name} = make{name}() if {name} is absent else {name}" if number in anew else f" self.{name} = {name}"
        for number, name in enumerate(names)
    ]
    made: dict[str, FunctionType] = {}
    exec("\n".join(rows), {}, made)  # noqa: S102
    return made["__init__"].__code__


@cache
def _code(fields: tuple[str, ...], anew: frozenset[int]) -> CodeType:
    """The code of an `__init__` for these fields: compiling takes thirty times as long as putting names into code."""
    template = _template(len(fields), anew)
    names = {f"_{number}": field for number, field in enumerate(fields)}
    put = [tuple([names.get(name, name) for name in old]) for old in (template.co_varnames, template.co_names)]
    return template.replace(co_varnames=put[0], co_names=put[1])


class Slotted(type):
    """Makes a slot of each annotation and an `__init__` that takes them in order."""

    fields: tuple[str, ...]
    anew: frozenset[str]
    values: Callable[[object], tuple[object, ...]]

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: bool) -> Slotted:
        fields = tuple(namespace.get("__annotations__", ()))
        defaults = {field: namespace.pop(field) for field in fields if field in namespace}
        anew = {field: default.make for field, default in defaults.items() if isinstance(default, _Anew)}
        namespace["__slots__"] = namespace["__match_args__"] = fields
        if fields:
            numbers = frozenset([number for number, field in enumerate(fields) if field in anew])
            known = {"absent": _ABSENT, **{f"make_{number}": anew[fields[number]] for number in numbers}}
            given = tuple([_ABSENT if field in anew else default for field, default in defaults.items()])
            namespace["__init__"] = FunctionType(_code(fields, numbers), known, "__init__", given)
        made = super().__new__(cls, name, bases, namespace)
        made.fields = fields
        made.anew = frozenset(anew)
        made.values = attrgetter(*fields) if len(fields) > 1 else lambda one: tuple(getattr(one, f) for f in fields)
        return made

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: bool) -> None:
        super().__init__(name, bases, namespace)


class _Shown(metaclass=Slotted):
    def __repr__(self) -> str:
        cls = type(self)
        pairs = zip(cls.fields, cls.values(self), strict=True)
        return f"{cls.__qualname__}({', '.join(f'{field}={value!r}' for field, value in pairs)})"


@dataclass_transform(eq_default=False, field_specifiers=(made_by,))
class Entity(_Shown):
    """Something that is equal to itself alone."""


@dataclass_transform(frozen_default=True, field_specifiers=(made_by,))
class Data(_Shown):
    """Something that is equal to what has the same class and fields, and does not change."""

    def __eq__(self, other: object) -> bool:
        cls = type(self)
        if type(other) is not cls:
            return NotImplemented
        return cls.values(self) == cls.values(other)

    def __hash__(self) -> int:
        return hash(type(self).values(self))


def replace(one: Made, **changes: object) -> Made:
    """A copy with some fields changed."""
    cls: Any = type(one)
    copy: Made = cls(*cls.values(one))
    for field, value in changes.items():
        setattr(copy, field, value)
    return copy
