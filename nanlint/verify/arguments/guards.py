"""What a statement hangs on: the names in the conditions around it, and in those that end the call before."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def guards(function: ast.AST, rows: tuple[int, int]) -> set[str]:
    """The variables, and the attributes of `self`, that are asked for on the way to these rows, with those that the
    variables are made of.
    """
    found = set[str]().union(*map(_names, _tests(function, rows[0])))
    for each in ast.walk(function):
        if isinstance(each, ast.Assign) and any(isinstance(to, ast.Name) and to.id in found for to in each.targets):
            found |= _names(each.value)
    return found


def _names(expression: ast.expr) -> set[str]:
    found: set[str] = set()
    for each in ast.walk(expression):
        if isinstance(each, ast.Name) and each.id != "self":
            found.add(each.id)
        elif isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self":
            found.add(each.attr)
    return found


def _tests(node: ast.AST, row: int) -> Iterator[ast.expr]:
    for each in ast.walk(node):
        if not isinstance(each, (ast.If, ast.While)) or each.lineno > row:
            continue
        is_around = (each.end_lineno or each.lineno) >= row
        if is_around or any(isinstance(inner, _ENDS) for inner in ast.walk(each)):
            yield each.test
