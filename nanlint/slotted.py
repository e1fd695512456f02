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


Copied = TypeVar("Copied")


@cache
def _template(count: int) -> CodeType:
    """The code of an `__init__` for fields `_0`, `_1`, ..."""
    names = [f"_{number}" for number in range(count)]
    rows = [f"def __init__(self, {', '.join(names)}):", *(f" self.{name} = {name}" for name in names)]
    made: dict[str, FunctionType] = {}
    exec("\n".join(rows), {}, made)  # noqa: S102
    return made["__init__"].__code__


@cache
def _code(fields: tuple[str, ...]) -> CodeType:
    """The code of an `__init__` for these fields: compiling takes thirty times as long as putting names into code."""
    template = _template(len(fields))
    names = {f"_{number}": field for number, field in enumerate(fields)}
    put = [tuple([names.get(name, name) for name in old]) for old in (template.co_varnames, template.co_names)]
    return template.replace(co_varnames=put[0], co_names=put[1])


class Slotted(type):
    """Makes a slot of each annotation and an `__init__` that takes them in order."""

    fields: tuple[str, ...]
    values: Callable[[object], tuple[object, ...]]

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: bool) -> Slotted:
        fields = tuple(namespace.get("__annotations__", ()))
        defaults = {field: namespace.pop(field) for field in fields if field in namespace}
        namespace["__slots__"] = namespace["__match_args__"] = fields
        if fields:
            namespace["__init__"] = FunctionType(_code(fields), {}, "__init__", tuple(defaults.values()))
        made = super().__new__(cls, name, bases, namespace)
        made.fields = fields
        made.values = attrgetter(*fields) if len(fields) > 1 else lambda one: tuple(getattr(one, f) for f in fields)
        return made

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: bool) -> None:
        super().__init__(name, bases, namespace)


class _Shown(metaclass=Slotted):
    def __repr__(self) -> str:
        cls = type(self)
        pairs = zip(cls.fields, cls.values(self), strict=True)
        return f"{cls.__qualname__}({', '.join(f'{field}={value!r}' for field, value in pairs)})"


@dataclass_transform(eq_default=False)
class Entity(_Shown):
    """Something that is equal to itself alone."""


@dataclass_transform(frozen_default=True)
class Data(_Shown):
    """Something that is equal to what has the same class and fields, and does not change."""

    def __eq__(self, other: object) -> bool:
        cls = type(self)
        if type(other) is not cls:
            return NotImplemented
        return cls.values(self) == cls.values(other)

    def __hash__(self) -> int:
        return hash(type(self).values(self))


def replace(one: Copied, **changes: object) -> Copied:
    """A copy with some fields changed."""
    cls: Any = type(one)
    copy: Copied = cls(*cls.values(one))
    for field, value in changes.items():
        setattr(copy, field, value)
    return copy
