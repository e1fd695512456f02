"""Which variables a statement reads and which it changes, as far as its text says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_COMPOUND = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith, ast.Try)
# What containers offer to be changed by; torch's own names end in an underscore.
_CHANGING = {"append", "extend", "insert", "add", "update", "setdefault"}
# Calls of functions of modules that later statements depend on.
_SETTING = re.compile(r"set_|manual_seed$|seed$|(append|insert)$")


def reads(node: ast.AST) -> set[str]:
    """The variables that are not the node's own: those that a function in it reads when it is called among them."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    if isinstance(node, Scope):
        return _of_function(node)
    if isinstance(node, ast.ClassDef):
        outside = [*node.bases, *node.keywords, *node.decorator_list]
        inside = set().union(*(reads(each) for each in node.body))
        own = {name for each in node.body for name in binds(each)}
        return set().union(*(reads(each) for each in outside)) | (inside - own)
    found = set().union(*(reads(each) for each in ast.iter_child_nodes(node)))
    if isinstance(node, _COMPREHENSIONS):
        return found - {name for each in node.generators for name in _targets(each.target)}
    if isinstance(node, ast.AugAssign):
        found |= set(_targets(node.target))
    return found


def _of_function(node: Scope) -> set[str]:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    own = {each.arg for each in (*every, arguments.vararg, arguments.kwarg) if each}
    body = [node.body] if isinstance(node, ast.Lambda) else node.body
    if not isinstance(node, ast.Lambda):
        own |= {name for each in node.body for name in binds(each)}
        own -= {name for each in ast.walk(node) if isinstance(each, ast.Global) for name in each.names}
    outside: list[ast.AST] = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
    outside += [each.annotation for each in every if each.annotation]
    outside += [] if isinstance(node, ast.Lambda) else node.decorator_list
    return set().union(*(reads(each) for each in body)) - own | set().union(*(reads(each) for each in outside))


def binds(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a value, those in its blocks included."""
    for node in _own(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def changes(statement: ast.stmt, modules: set[str], *, any_method: bool = False) -> Iterator[str]:
    """The variables whose value a statement changes: `x[0] = 1`, `x.add_(1)`, `init.zeros_(x)`, `xs.append(1)`.

    A call of any method that stands alone (`model.eval()`) counts too, unless it stands in a block of the statement;
    of the functions of `modules`, which are names, those alone that set something (`torch.manual_seed(0)`). With
    `any_method` each method changes what it is called on.
    """
    for node in _own(statement):
        if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            yield from _root(node)
        elif isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            alone = any_method or (isinstance(statement, ast.Expr) and statement.value is node)
            if isinstance(function, ast.Attribute) and (alone or name.endswith("_") or name in _CHANGING):
                yield from (root for root in _root(function) if root not in modules or _SETTING.match(name))
            if name.endswith("_"):
                yield from (each.id for each in node.args if isinstance(each, ast.Name))


def is_certain(statement: ast.stmt) -> bool:
    """Whether what it binds has no other value afterwards: it is no block that may not run, and reads no old value."""
    return not isinstance(statement, (*_COMPOUND, ast.AugAssign))


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    """A statement with its blocks, but without the bodies of functions and classes."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*_COMPREHENSIONS, ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


def _targets(node: ast.AST) -> list[str]:
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]


def _root(node: ast.expr) -> Iterator[str]:
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
