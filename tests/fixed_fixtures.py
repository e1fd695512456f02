"""Functions of fixtures before and after their fixes, and what running them shows."""

from __future__ import annotations
import __future__

import ast
import difflib
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import torch
from fixture_recipes import FINITE_RULES, RAISED, RECIPES, STILL
from torch import Tensor

from nanlint.verify import tree
from nanlint.verify.arguments import reach
from nanlint.verify.comparing import as_of, benign, called
from nanlint.verify.place import Flagged, place_of
from nanlint.verify.target import NotRunnable, Target, target
from nanlint.verify.values.catalogue import Catalogue, is_finite

TRIGGERS = 600
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Outcome:
    """What became of a function by its fix.

    `not_run`: why it could not be called. `agreed`: in how many calls on ordinary input value and gradient were the
    same; `differs`: what was not, the first time. `cured`: something that made it fail no longer does; `fails`: what
    made it fail still does, where nothing is cured.
    """

    name: str
    not_run: str = ""
    agreed: int = 0
    differs: str = ""
    cured: bool = False
    fails: str = ""


@dataclass(frozen=True)
class Call:
    """A function with what it is called on; `arguments` are some with which it runs. Gives results and gradients."""

    target: Target
    instance: Any
    arguments: dict[str, Any]
    still: frozenset[str]

    def __call__(self, arguments: dict[str, Any]) -> list[Tensor] | str:
        return called(self.target, self.instance, arguments, self.still)


def _calls(name: str, old: Module, new: Module, row: int, new_row: int) -> tuple[Call, Call]:
    """Of the function before and after its fixes. Raises NotRunnable."""
    before, after = old.target(row), new.target(new_row)
    still = STILL.get(name.partition("/")[0], frozenset())
    if name not in RECIPES:
        found = reach.reach(before)
        instance = as_of(found.instance, after)
        return Call(before, found.instance, found.arguments, still), Call(after, instance, found.arguments, still)
    made, given = RECIPES[name]
    torch.manual_seed(0)
    arguments = eval(given, {"torch": torch})
    calls = []
    for module, aim in ((old, before), (new, after)):
        torch.manual_seed(0)
        instance = types.SimpleNamespace(value=eval(made, module.module.__dict__)) if made else None
        calls.append(Call(aim, instance, arguments, still))
    return calls[0], calls[1]


class Module:
    """A file, as it is imported but for statements that need what is not installed."""

    def __init__(self, path: str, name: str, text: str) -> None:
        self.path, self.text, self.tree = path, text, ast.parse(text)
        self.module = types.ModuleType(name)
        self.module.__file__ = path
        # classes look up the module that they are of
        sys.modules[name] = self.module
        flags = __future__.annotations.compiler_flag if "from __future__ import annotations" in text else 0
        for statement in self.tree.body:
            code = compile(ast.Module([statement], []), path, "exec", flags, dont_inherit=True)
            try:
                exec(code, self.module.__dict__)
            except (ImportError, NameError):
                continue

    def functions(self) -> dict[str, ast.stmt]:
        """By qualified name; what is within a function is a part of it."""
        return dict(_functions(self.tree.body, ""))

    def target(self, row: int) -> Target:
        """The function around a row. Raises NotRunnable."""
        place = place_of(self.tree, Flagged(row, 1, row, len(self.text)))
        return target(self.module, self.path, self.tree, place)


def _functions(body: list[ast.stmt], above: str) -> Iterator[tuple[str, ast.stmt]]:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from _functions(statement.body, f"{above}{statement.name}.")
        elif isinstance(statement, FUNCTIONS):
            yield f"{above}{statement.name}", statement


def outcomes(path: str, before: str, after: str, known: Mapping[str, str]) -> Iterator[Outcome]:
    """Of all functions that the fixes have changed, but those that are known not to run."""
    old, new = (Module(path, "fixture", text) for text in (before, after))
    functions, fixed = old.functions(), new.functions()
    rows = list(_changed_rows(before, after))
    for name, function in functions.items():
        if name not in fixed or ast.dump(function) == ast.dump(fixed[name]):
            continue
        inside = [row for row in rows if function.lineno <= row <= (function.end_lineno or 0)]
        full = f"{'/'.join(path.split('/')[-2:])} {name}"
        if full in known:
            yield Outcome(full, not_run=known[full])
        else:
            yield _outcome(full, old, new, inside[-1], fixed[name].lineno)


def _changed_rows(before: str, after: str) -> Iterator[int]:
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    for kind, first, last, _, _ in matcher.get_opcodes():
        if kind != "equal":
            yield from range(first + 1, max(first + 1, last) + 1)


def _outcome(name: str, old: Module, new: Module, row: int, new_row: int) -> Outcome:
    try:
        before, after = _calls(name, old, new, row, new_row)
    except NotRunnable as error:
        return Outcome(name, not_run=str(error))
    agreed, differs, fails = 0, "", ""
    rule = name.partition("/")[0]
    for arguments in benign(before.arguments, before.still):
        same = _is_same(before, after, arguments)
        if same is False:
            differs = differs or f"{before(arguments)} before, {after(arguments)} after, of {arguments}"
        agreed += same is True
    if rule in FINITE_RULES:
        return Outcome(name, agreed=agreed, differs=differs)
    catalogue = Catalogue(before.arguments, before.still)
    for values in islice(chain(catalogue.ordinary(), catalogue.magnitudes()), TRIGGERS):
        failed = before(values.arguments) if is_finite(values.arguments) else ""
        if _is_bad(failed) and (not isinstance(failed, str) or any(w in failed for w in RAISED.get(rule, ()))):
            if not _is_bad(after(values.arguments)):
                return Outcome(name, agreed=agreed, differs=differs, cured=True)
            fails = fails or values.label or "as found"
    return Outcome(name, agreed=agreed, differs=differs, fails=fails)


def _is_same(before: Call, after: Call, arguments: dict[str, Any]) -> bool | None:
    """None where it is not finite before. What float32 rounds away is asked of float64, which layers do not take."""
    one = before(arguments)
    if _is_bad(one):
        return None
    if _agree(one, after(arguments)):
        return True
    doubled = {name: tree.mapped(value, _doubled) for name, value in arguments.items()}
    one = before(doubled)
    return not _is_bad(one) and _agree(one, after(doubled))


def _doubled(leaf: Any) -> Any:
    return leaf.double() if isinstance(leaf, Tensor) and leaf.dtype == torch.float32 else leaf


def _is_bad(found: list[Tensor] | str) -> bool:
    """Something was raised, or is not finite."""
    return isinstance(found, str) or not all(bool(torch.isfinite(each).all()) for each in found)


def _agree(one: list[Tensor] | str, other: list[Tensor] | str) -> bool:
    """Within the tolerance of the dtype that the first was computed in."""
    return (
        not isinstance(one, str)
        and len(one) == len(other)
        and all(
            isinstance(b, Tensor) and a.shape == b.shape and torch.allclose(a.to(b.dtype), b, *_tolerance(one))
            for a, b in zip(one, other, strict=True)
        )
    )


def _tolerance(found: list[Tensor]) -> tuple[float, float]:
    if any(each.dtype in HALF for each in found):
        return 2e-2, 1e-2
    return (1e-7, 1e-9) if all(each.dtype == torch.float64 for each in found) else (1e-4, 1e-5)
