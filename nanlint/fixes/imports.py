"""What a module or function of another module is called at a place of a file."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nanlint.finding import Edit
from nanlint.fixes.code import FUNCTIONS, Code

MODULES = frozenset({"torch", "torch.nn.functional", "math"})
"""What may be imported where nothing that is imported fits."""


def named(code: Code, at: ast.AST, dotted: str) -> tuple[str, Edit | None]:
    """How `torch.nn.functional.softplus` is written at a place, and the import that it takes.

    Raises LookupError where its name means something else there.
    """
    best = ""
    for name, target in _imported(code, at):
        if dotted == target or dotted.startswith(f"{target}."):
            written = name + dotted[len(target) :]
            best = min(best or written, written, key=lambda text: (text.count("."), len(text)))
    if best:
        return best, None
    module = max((m for m in MODULES if dotted.startswith(f"{m}.")), key=len)
    if "." in module:
        module = module.partition(".")[0]
    if module in _hidden(code, at) or module in code.stores(code.tree):
        raise LookupError(module)
    return dotted, _import(code, module)


def _imported(code: Code, at: ast.AST) -> Iterator[tuple[str, str]]:
    """Names that are bound to modules, and to what is in them, by imports that have run before the place."""
    hidden = _hidden(code, at)
    bound: dict[str, set[str]] = {}
    for statement in code.tree.body:
        for name, target in _binds(statement):
            bound.setdefault(name, set()).add(target)
    rebound = _rebound(code.tree)
    for name, targets in bound.items():
        if name not in hidden and name not in rebound and len(targets) == 1:
            yield name, min(targets)


def _rebound(tree: ast.Module) -> set[str]:
    """What statements of the module bind, other than imports."""
    found: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(statement.name)
        else:
            found |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    return found


def _binds(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            head = alias.name.partition(".")[0]
            yield (alias.asname, alias.name) if alias.asname else (head, head)
    elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
        for alias in statement.names:
            if alias.name != "*":
                yield alias.asname or alias.name, f"{statement.module}.{alias.name}"


def _hidden(code: Code, at: ast.AST) -> set[str]:
    """What the functions around a place bind themselves."""
    hidden: set[str] = set()
    for above in code.above(at):
        if isinstance(above, (*FUNCTIONS, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            hidden |= code.stores(above)
    return hidden


def _import(code: Code, module: str) -> Edit:
    """Behind the docstring and the imports from __future__, in front of the first other import."""
    body = code.tree.body
    imports = [s for s in body if isinstance(s, (ast.Import, ast.ImportFrom))]
    first = next((s for s in imports if not (isinstance(s, ast.ImportFrom) and s.module == "__future__")), None)
    text = f"import {module}{code.newline}"
    if first is not None:
        row = first.lineno
    else:
        fixed = [s for i, s in enumerate(body) if s in imports or (i == 0 and _is_docstring(s))]
        row = (fixed[-1].end_lineno or 0) + 1 if fixed else body[0].lineno
        if row > len(code.source.lines):
            raise LookupError(module)
    others = [s for s in body if s is not first and s.lineno <= row <= (s.end_lineno or s.lineno)]
    if others and first is not None:
        raise LookupError(module)
    start = len(code.source.rows_text(1, row - 1)) if row > 1 else 0
    return code.edit(start, start, text)


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
