"""The function under test, imported: how to call it, and what is known of its parameters."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import itertools
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.autograd import Function

from nanlint.verify import tree
from nanlint.verify.applied import applied, differentiated
from nanlint.verify.calling import TimedOut, limited
from nanlint.verify.isolate.confine import Refused
from nanlint.verify.place import Definition, Place, definition
from nanlint.verify.program.loading import definitions

# A base class may be abstract: then a class of the same package that inherits the method stands in.
MOST_CLASSES = 6
# Where descriptors keep the function of an attribute: `property`, `functools.cached_property`, and `lazy_property` of
# torch.distributions.
_GETTERS = ("fget", "func", "wrapped")


# The methods of a `torch.autograd.Function`, which are not called by themselves.
_OF_FUNCTIONS = {"forward": applied, "backward": differentiated}


class NotRunnable(Exception):
    """Nothing can be said of a finding; the message is the reason, its first word the kind of it."""


@dataclass(slots=True)
class Target:
    """`function` is what is called: with an instance first where `owner`, its class, is set.

    `expression` is its name in a script in which `module` is imported under that name.
    """

    module: types.ModuleType
    path: str
    place: Place
    node: Definition
    function: Callable[..., Any]
    parameters: list[inspect.Parameter]
    expression: str
    owner: type | None
    doc: str
    is_property: bool = False

    def call(self, instance: Any, arguments: dict[str, Any]) -> Any:
        """The result; that of a generator is a list."""
        given = {name: tree.built(value) for name, value in arguments.items()}
        result = self.function(instance, **given) if self.owner else self.function(**given)
        return list(result) if inspect.isgenerator(result) else result


def imported(root: str, name: str, path: str) -> types.ModuleType:
    """Import a module by name from a folder; raises NotRunnable."""
    if root not in sys.path:
        sys.path.insert(0, root)
    try:
        # The parent's limit for an import is the longer one.
        with limited(3600):
            module = importlib.import_module(name)
    except BaseException as error:
        raise NotRunnable(reason("import", error)) from None
    found = getattr(module, "__file__", None)
    if found is None or Path(found).resolve() != Path(path).resolve():
        raise NotRunnable(f"import: the name {name} stands for {found or 'a module without a file'}")
    return module


@functools.cache
def defined(root: str, name: str, path: str, word: str) -> types.ModuleType:
    """A module that cannot be imported, with one of its names and what that needs alone; raises NotRunnable."""
    try:
        with limited(3600):
            return definitions(path, root, name, word)
    except BaseException as error:
        raise NotRunnable(reason("import", error)) from None


def target(module: types.ModuleType, path: str, program: ast.Module, place: Place) -> Target:
    """The function or method around a place; raises NotRunnable."""
    node = definition(program, place.qualname)
    *classes, name = place.qualname.split(".")
    holder: Any = module
    for each in classes:
        holder = getattr(holder, each, None)
    found = inspect.getattr_static(holder, name, None) if classes else getattr(module, name, None)
    if node is None or found is None:
        raise NotRunnable(f"import: {place.qualname} is not there once the module is imported")
    expression = f"module.{place.qualname}"
    doc = "\n".join(filter(None, (ast.get_docstring(node), inspect.getdoc(holder) if classes else "")))
    if isinstance(holder, type) and issubclass(holder, Function) and name in _OF_FUNCTIONS:
        forward = definition(program, ".".join([*classes, "forward"])) or node
        called: Any = holder
        made = _made(module, path, place, forward, called.forward, expression, None, doc)
        made.parameters = made.parameters[called.setup_context is Function.setup_context :]
        made.function = _OF_FUNCTIONS[name](holder)
        word = _OF_FUNCTIONS[name].__name__
        made.expression = f'importlib.import_module("{applied.__module__}").{word}(module.{".".join(classes)})'
        return made
    if classes and isinstance(found, (staticmethod, classmethod)):
        return _made(module, path, place, node, getattr(holder, name), expression, None, doc)
    if classes and name in ("__init__", "__new__", "__post_init__"):
        return _made(module, path, place, node, holder, ".".join(["module", *classes]), None, doc)
    getter = next((getattr(found, word) for word in _GETTERS if not callable(found) and hasattr(found, word)), None)
    if is_property := getter is not None:
        found = getter
    if not callable(found):
        raise NotRunnable(f"import: {place.qualname} is no function once the module is imported")
    made = _made(module, path, place, node, found, expression, holder if classes else None, doc)
    made.is_property = is_property
    return made


def _made(
    module: types.ModuleType, path: str, place: Place, node: Definition, function: Callable[..., Any],
    expression: str, owner: type | None, doc: str,
) -> Target:  # fmt: skip
    known = parameters(function)
    return Target(module, path, place, node, function, known[1:] if owner else known, expression, owner, doc)


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Those that can be given by name."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [parameter for parameter in found if parameter.kind in kinds]


def classes_of(target: Target) -> list[type]:
    """The class of a method and those that inherit it, as far as they can be made."""
    assert target.owner is not None
    name = target.place.qualname.rsplit(".", 1)[-1]
    own = inspect.getattr_static(target.owner, name, None)
    same = (each for each in concrete(target.owner) if inspect.getattr_static(each, name, None) is own)
    return list(itertools.islice(same, MOST_CLASSES))


def concrete(kind: type) -> Iterator[type]:
    """A class and those that inherit it, near ones first, as far as they can be made."""
    waiting = [kind]
    while waiting:
        each = waiting.pop(0)
        waiting += type.__subclasses__(each)
        if not inspect.isabstract(each) and each is not nn.Module:
            yield each


def said(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__


def is_of_memory(error: BaseException) -> bool:
    """Whether there was too little memory, of the machine or of a device."""
    kinds = (MemoryError, torch.cuda.OutOfMemoryError)
    return isinstance(error, kinds) or "can't allocate memory" in str(error)


def reason(kind: str, error: BaseException) -> str:
    """Why a finding is not runnable: the watch over the child and the clock give reasons of their own."""
    if isinstance(error, Refused):
        return str(error)
    if is_of_memory(error):
        return f"memory: {kind} took more than there is"
    if isinstance(error, TimedOut):
        return f"timeout: {kind} took {error}"
    if isinstance(error, ImportError):
        kind = "import"
    return f"{kind}: {said(error)}"
