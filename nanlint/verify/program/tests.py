"""What pytest gives a test: its first parametrized values, the fixtures of its file, and an object of its class."""

from __future__ import annotations

import ast
from collections.abc import Iterator

# The methods that prepare an object for each test, of unittest and of pytest.
_PREPARING = ("setUp", "setup_method")


def given(test: ast.FunctionDef, owner: ast.ClassDef | None, module: ast.Module) -> list[ast.stmt] | None:
    """The statements that give a test's parameters their values; None where one of them comes from elsewhere, such as
    a fixture of another file.
    """
    names = [each.arg for each in (*test.args.posonlyargs, *test.args.args, *test.args.kwonlyargs)]
    found: list[ast.stmt] = []
    if owner is not None and names:
        found += _object(names.pop(0), owner)
    for targets, value in _parametrized(test):
        names = [name for name in names if name not in targets]
        to: ast.expr = _tuple(targets) if len(targets) > 1 else ast.Name(targets[0], ast.Store())
        found.append(_at(ast.Assign([to], value), test))
    fixtures = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef) and _is_fixture(node)}
    for name in names:
        made = _fixture(name, fixtures, ())
        if made is None:
            return None
        found += made
    return found


def _object(name: str, owner: ast.ClassDef) -> Iterator[ast.stmt]:
    yield owner
    made = ast.Call(ast.Name(owner.name, ast.Load()), [], [])
    yield _at(ast.Assign([ast.Name(name, ast.Store())], made), owner)
    for each in owner.body:
        if isinstance(each, ast.FunctionDef) and each.name in _PREPARING and len(each.args.args) == 1:
            method = ast.Attribute(ast.Name(name, ast.Load()), each.name, ast.Load())
            yield _at(ast.Expr(ast.Call(method, [], [])), owner)


def _parametrized(test: ast.FunctionDef) -> Iterator[tuple[list[str], ast.expr]]:
    """The names of each `parametrize` with the value that it gives them first."""
    for each in test.decorator_list:
        if not isinstance(each, ast.Call) or not ast.unparse(each.func).endswith("parametrize") or len(each.args) < 2:
            continue
        words, values = each.args[:2]
        if isinstance(words, ast.Constant) and isinstance(words.value, str):
            names = [word.strip() for word in words.value.split(",") if word.strip()]
        else:
            names = [str(word.value) for word in getattr(words, "elts", ()) if isinstance(word, ast.Constant)]
        if not names:
            continue
        if isinstance(values, (ast.List, ast.Tuple)) and values.elts:
            first = values.elts[0]
            if isinstance(first, ast.Call) and ast.unparse(first.func).endswith("param") and first.args:
                first = first.args[0] if len(names) == 1 else ast.Tuple(first.args, ast.Load())
            yield names, first
        else:
            yield names, _first_of(values)


def _fixture(name: str, fixtures: dict[str, ast.FunctionDef], within: tuple[str, ...]) -> list[ast.stmt] | None:
    node = fixtures.get(name)
    if node is None or name in within:
        return None
    found: list[ast.stmt] = []
    taken = [each.arg for each in (*node.args.args, *node.args.kwonlyargs)]
    for each in taken:
        made = _fixture(each, fixtures, (*within, name))
        if made is None:
            return None
        found += made
    function = f"_fixture_{name}"
    plain = ast.FunctionDef(function, node.args, node.body, [], node.returns, lineno=node.lineno)
    value: ast.expr = ast.Call(
        ast.Name(function, ast.Load()), [], [ast.keyword(each, ast.Name(each, ast.Load())) for each in taken]
    )
    if any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in ast.walk(node)):
        value = _first_of(value)
    return [*found, _at(plain, node), _at(ast.Assign([ast.Name(name, ast.Store())], value), node)]


def _is_fixture(node: ast.FunctionDef) -> bool:
    called = (each.func if isinstance(each, ast.Call) else each for each in node.decorator_list)
    return any(ast.unparse(each).endswith("fixture") for each in called)


def _first_of(value: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("next", ast.Load()), [ast.Call(ast.Name("iter", ast.Load()), [value], [])], [])


def _tuple(names: list[str]) -> ast.expr:
    return ast.Tuple([ast.Name(name, ast.Store()) for name in names], ast.Store())


def _at(node: ast.stmt, source: ast.AST) -> ast.stmt:
    return ast.fix_missing_locations(ast.copy_location(node, source))
