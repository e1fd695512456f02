"""Where a finding stands: the file's name as a module, the function or method around it, and its statement."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

Definition = ast.FunctionDef | ast.AsyncFunctionDef


class Flagged(NamedTuple):
    """What a finding points at: rows and columns count from 1, columns in bytes of UTF-8; the end is exclusive."""

    row: int
    column: int
    end_row: int
    end_column: int


class Location(Protocol):
    """Where an operation stands, in the same counting."""

    @property
    def row(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def end(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Place:
    """`qualname` is the outermost function around the row, or the method with its class; "" at module level.

    `rows` are those of the statement (of a compound one the head alone), `span` those of the function. `foreign` are
    the operations of which other rules speak.
    """

    qualname: str
    rows: tuple[int, int]
    span: tuple[int, int]
    flagged: Flagged
    foreign: frozenset[str] = frozenset()

    def covers(self, location: Location) -> bool:
        """Whether an operation stands where the finding does; without columns (Python 3.10), in one of its rows."""
        flagged = self.flagged
        if not flagged.row <= location.row <= flagged.end_row:
            return False
        if flagged.row != flagged.end_row or location.end <= 1:
            return True
        return location.column < flagged.end_column and flagged.column < location.end


def module_of(path: Path) -> tuple[Path, str]:
    """The folder to import from, and the dotted name: packages are the folders upwards that hold `__init__.py`."""
    path = path.resolve()
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists() and folder.parent != folder:
        parts.append(folder.name)
        folder = folder.parent
    return folder, ".".join(reversed(parts))


def place_of(tree: ast.Module, flagged: Flagged) -> Place:
    """The place of a finding; raises ValueError where no statement stands there."""
    row = flagged.row
    classes: list[str] = []
    function: Definition | None = None
    body: list[ast.stmt] = tree.body
    statement: ast.stmt | None = None
    while True:
        inside = next((each for each in body if _first_row(each) <= row <= (each.end_lineno or each.lineno)), None)
        if inside is None:
            break
        statement = inside
        if isinstance(inside, ast.ClassDef) and function is None:
            classes.append(inside.name)
        elif isinstance(inside, Definition) and function is None:
            function = inside
        below = _blocks(inside)
        if not below:
            break
        body = below
    if statement is None:
        raise ValueError(f"no statement stands on line {row}")
    rows = _rows(statement)
    if function is None:
        return Place("", rows, rows, flagged)
    span = (_first_row(function), function.end_lineno or function.lineno)
    return Place(".".join([*classes, function.name]), rows, span, flagged)


def definition(tree: ast.Module, qualname: str) -> Definition | None:
    """The definition of a function or method, the last one of that name."""
    body: list[ast.stmt] = tree.body
    *classes, name = qualname.split(".")
    for each in classes:
        owner = next(
            (node for node in reversed(_flat(body)) if isinstance(node, ast.ClassDef) and node.name == each), None
        )
        if owner is None:
            return None
        body = owner.body
    return next((node for node in reversed(_flat(body)) if isinstance(node, Definition) and node.name == name), None)


def _flat(body: list[ast.stmt]) -> list[ast.stmt]:
    """A body with what stands under an `if` or `try` in it."""
    found: list[ast.stmt] = []
    for each in body:
        found.append(each)
        if isinstance(each, (ast.If, ast.Try, ast.With)):
            found += _flat(_blocks(each))
    return found


def _first_row(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def blocks(node: ast.AST) -> Iterator[tuple[str, list[ast.stmt]]]:
    """The blocks of a node, with the names of their fields; those of an `except` and a `case` are not among them."""
    for name in ("body", "orelse", "finalbody"):
        value = getattr(node, name, [])
        if isinstance(value, list):
            yield name, value


def _blocks(node: ast.stmt) -> list[ast.stmt]:
    """The statements inside of a statement."""
    found = [each for _, block in blocks(node) for each in block]
    for handler in getattr(node, "handlers", []):
        found += handler.body
    for case in getattr(node, "cases", []):
        found += case.body
    return found


def _rows(statement: ast.stmt) -> tuple[int, int]:
    below = _blocks(statement)
    last = statement.end_lineno or statement.lineno
    if below:
        last = max(statement.lineno, min(_first_row(each) for each in below) - 1)
    return statement.lineno, last
