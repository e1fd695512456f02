"""Objects of a class, from arguments that its constructor takes."""

from __future__ import annotations

import ast
import contextlib
import functools
import heapq
import inspect
import itertools
import re
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from nanlint.verify import tree
from nanlint.verify.arguments.annotations import members
from nanlint.verify.arguments.candidates import Candidates, candidates
from nanlint.verify.arguments.classes import annotated
from nanlint.verify.arguments.guards import guards
from nanlint.verify.arguments.specs import SIZES, Object, Spec, Written
from nanlint.verify.calling import copied, limited, reset
from nanlint.verify.target import Target, classes_of, concrete, parameters, reason

_COMBINED = 8
_TRIES = 200
_CALL_S = 3.0
# Objects for arguments of one class, calls of each class that inherits it, and processor time to look for them.
_OBJECTS, _TRIES_OBJECT, _OBJECT_S = 2, 40, 1.5


@dataclass(slots=True)
class Instance:
    """`value` was made by calling `expression`, in a script, with `arguments`; `specs` tell how these came about.

    `prepared_by` are the methods that were called then, `flags` the attributes that were given another truth value.
    """

    value: Any
    expression: str
    arguments: dict[str, Any]
    specs: dict[str, Spec]
    prepared_by: tuple[str, ...] = ()
    flags: dict[str, bool] = field(default_factory=dict)


@dataclass(slots=True)
class Instances:
    """The objects of the class of a method, the plainest first, and earlier those that differ in what the flagged line
    hangs on; `error` is what the last failed try raised.
    """

    target: Target
    error: str = ""

    def __call__(self, until: float) -> Iterator[Instance]:
        """Stops at a time of `time.process_time`."""
        for kind in classes_of(self.target):
            yield from self._of(kind, until)

    def _of(self, kind: type, until: float) -> Iterator[Instance]:
        asked = guards(self.target.node, self.target.place.rows)
        for choice in _choices(kind, asked, nested=True):
            if time.process_time() > until:
                return
            try:
                arguments = _made(choice)
                value = _called(kind, arguments)
            except BaseException as error:
                self.error = reason("construction", error)
                continue
            yield Instance(value, _expression(kind, self.target), arguments, choice)


def allowed(target: Target) -> dict[str, Candidates]:
    """What the parameters of a function may be given, objects of the classes that they are annotated with among it."""
    return _allowed(target.parameters, target.node, target.doc, target.function, nested=True)


def _allowed(
    known: list[inspect.Parameter], node: ast.AST | None, doc: str, function: Callable[..., Any], *, nested: bool
) -> dict[str, Candidates]:
    found = {each.name: candidates(each, node, doc) for each in known}
    kinds = annotated(function) if nested else {}
    for name in found.keys() & kinds.keys():
        made: list[Spec] = []
        for kind in kinds[name]:
            made += members(kind) or objects(kind)
        required = found[name][:1] != [None]
        found[name] = [*made, *found[name]] if required else [None, *made, *found[name][1:]]
    return found


@functools.cache
def objects(kind: type) -> tuple[Object, ...]:
    """The plainest object of a class, and of those that inherit it, as far as some arguments make one."""
    until = time.process_time() + _OBJECT_S
    found: list[Object] = []
    for each in concrete(kind):
        for choice in itertools.islice(_choices(each, set(), nested=False), _TRIES_OBJECT):
            if time.process_time() > until or len(found) == _OBJECTS:
                return tuple(found)
            with contextlib.suppress(BaseException):
                _called(each, _made(choice))
                found.append(Object(each, _imported(each), tuple(choice.items())))
                break
    return tuple(found)


def _choices(kind: type, asked: set[str], *, nested: bool) -> Iterator[dict[str, Spec]]:
    """Arguments of a constructor, the plainest first; those that are left out are not in them."""
    doc, node = inspect.getdoc(kind) or "", _source(kind)
    every = _allowed(parameters(kind), node, doc, kind, nested=nested)
    few = {name: sorted(specs, key=_is_axis)[:_COMBINED] for name, specs in every.items()}
    costs = [_costs(len(specs), specs[0] is None and name not in asked) for name, specs in few.items()]
    for choice in itertools.islice(cheapest(costs), _TRIES):
        picked = {name: specs[i] for (name, specs), i in zip(few.items(), choice, strict=True)}
        yield {name: spec for name, spec in picked.items() if spec is not None}


def _made(choice: dict[str, Spec]) -> dict[str, Any]:
    with limited(_CALL_S):
        reset()
        return {name: spec.make(SIZES[0]) for name, spec in choice.items()}


def _called(kind: type, arguments: dict[str, Any]) -> Any:
    with limited(_CALL_S):
        reset()
        value = kind(**{name: tree.built(argument) for name, argument in arguments.items()})
        if isinstance(value, nn.Module):
            value.train()
        return value


def _is_axis(spec: Spec | None) -> bool:
    """A number that an object keeps is a width rather than an axis."""
    return isinstance(spec, Written) and spec.text in ("-1", "0")


def _costs(number: int, may_be_left_out: bool) -> list[int]:
    """A default that nothing asks for is changed last."""
    return [index + may_be_left_out * (index > 0) for index in range(number)]


def cheapest(costs: Sequence[Sequence[int]]) -> Iterator[tuple[int, ...]]:
    """The choices of an index for each, by the sum of their costs, which grow with the index."""
    start = (0,) * len(costs)
    waiting = [(sum(each[0] for each in costs), start)] if all(costs) else []
    seen = {start}
    while waiting:
        total, choice = heapq.heappop(waiting)
        yield choice
        for place, index in enumerate(choice):
            more = (*choice[:place], index + 1, *choice[place + 1 :])
            if index + 1 < len(costs[place]) and more not in seen:
                seen.add(more)
                heapq.heappush(waiting, (total + costs[place][index + 1] - costs[place][index], more))


def flipped(instance: Instance, asked: set[str]) -> Iterator[Instance]:
    """The same with another truth value for a public attribute that the flagged line hangs on."""
    for name in sorted(asked - instance.arguments.keys()):
        held = getattr(instance.value, "__dict__", {})
        if not name.startswith("_") and isinstance(held.get(name), bool):
            value = copied(instance.value)
            setattr(value, name, not held[name])
            yield replace(instance, value=value, flags={name: not held[name]})


def prepared(instance: Instance, error: BaseException | None) -> Instance | None:
    """The same with an attribute that its object lacked, which a method without arguments makes; None without one."""
    told = re.fullmatch(r"'(\w+)' object has no attribute '(\w+)'.*", str(error), re.DOTALL)
    kind = type(instance.value)
    if not isinstance(error, AttributeError) or told is None or told[1] != kind.__name__:
        return None
    for owner in kind.__mro__[:-1]:
        for node in ast.walk(_source(owner) or ast.Module([], [])):
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("__") or not _makes(node, told[2]):
                continue
            value = copied(instance.value)
            with contextlib.suppress(BaseException), limited(_CALL_S):
                reset()
                getattr(value, node.name)()
            if hasattr(value, told[2]):
                return replace(instance, value=value, prepared_by=(*instance.prepared_by, node.name))
    return None


def _makes(node: ast.FunctionDef, attribute: str) -> bool:
    return any(
        isinstance(each, ast.Attribute) and each.attr == attribute and isinstance(each.ctx, ast.Store)
        for each in ast.walk(node)
    )


def _source(kind: type) -> ast.AST | None:
    """All of a class: what its constructor keeps is compared in its methods."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError):
        return None


def _expression(kind: type, target: Target) -> str:
    if kind is target.owner:
        return target.expression.rsplit(".", 1)[0]
    return _imported(kind)


def _imported(kind: type) -> str:
    return f'importlib.import_module("{kind.__module__}").{kind.__qualname__}'
