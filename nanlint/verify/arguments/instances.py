"""Objects of a class, from arguments that its constructor takes."""

from __future__ import annotations

import ast
import contextlib
import inspect
import itertools
import re
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from nanlint.verify.arguments.candidates import candidates
from nanlint.verify.arguments.specs import SIZES, Spec
from nanlint.verify.calling import copied, limited, reset
from nanlint.verify.target import Target, classes_of, parameters, reason

_COMBINED = 6
_TRIES = 120
_CALL_S = 3.0


@dataclass(slots=True)
class Instance:
    """`value` was made by calling `expression`, in a script, with `arguments`; `specs` tell how these came about.

    `prepared_by` are the methods that were called then.
    """

    value: Any
    expression: str
    arguments: dict[str, Any]
    specs: dict[str, Spec]
    prepared_by: tuple[str, ...] = ()


@dataclass(slots=True)
class Instances:
    """The objects of the class of a method, the plainest first; `error` is what the last failed try raised."""

    target: Target
    error: str = ""

    def __call__(self, until: float) -> Iterator[Instance]:
        """Stops at a time of `time.process_time`."""
        for kind in classes_of(self.target):
            yield from self._of(kind, until)

    def _of(self, kind: type, until: float) -> Iterator[Instance]:
        doc, node = inspect.getdoc(kind) or "", _source(kind)
        known = parameters(kind)
        allowed = {each.name: candidates(each, node, doc)[:_COMBINED] for each in known}
        choices = itertools.product(*(range(len(specs)) for specs in allowed.values()))
        ordered = sorted(itertools.islice(choices, 6000), key=lambda choice: (sum(map(bool, choice)), sum(choice)))
        for choice in ordered[:_TRIES]:
            if time.process_time() > until:
                return
            picked = {name: specs[i] for (name, specs), i in zip(allowed.items(), choice, strict=True)}
            given = {name: spec for name, spec in picked.items() if spec is not None}
            try:
                with limited(_CALL_S):
                    reset()
                    arguments = {name: spec.make(SIZES[0]) for name, spec in given.items()}
                    reset()
                    value = kind(**arguments)
                    if isinstance(value, nn.Module):
                        value.train()
            except BaseException as error:
                self.error = reason("construction", error)
                continue
            yield Instance(value, _expression(kind, self.target), arguments, given)


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
    return f'importlib.import_module("{kind.__module__}").{kind.__qualname__}'
