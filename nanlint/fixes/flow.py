"""Whether an expression means at one place of a function what it meant at another, and what no one reads any more."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from nanlint.fixes.code import FUNCTIONS, LOOPS, SCOPES, Code

# builtins that leave what they are given as it is
READERS = frozenset("abs bool float int isinstance len max min range repr str sum tuple type zip enumerate".split())
PLAIN = (
    ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.BinOp, ast.UnaryOp,
    ast.Compare, ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.keyword, ast.Call,
)  # fmt: skip


class Flow:
    """`pure` are the calls that compute from their arguments and nothing else."""

    def __init__(self, code: Code, pure: Collection[ast.AST]) -> None:
        self.code = code
        self.pure = pure

    def is_plain(self, node: ast.expr) -> bool:
        """Names, attributes, numbers and pure operations on them: it may be evaluated twice, or not at all."""
        return all(
            isinstance(part, PLAIN) and (part in self.pure or not isinstance(part, ast.Call) or _reads(part))
            for part in ast.walk(node)
        )

    def is_cheap(self, node: ast.expr) -> bool:
        """Plain, and no call: as good as a variable."""
        return self.is_plain(node) and not any(isinstance(part, (ast.Call, ast.MatMult)) for part in ast.walk(node))

    def holds(self, node: ast.expr, at: ast.expr, *, content: bool = True) -> bool:
        """The expression, which is evaluated in an earlier statement, has the same value where `at` stands.

        Without `content` it is the same object, which may have changed.
        """
        before, after = self.code.statement(node), self.code.statement(at)
        ahead = self._between(before, after, at)
        if ahead is None or self.code.scope(node) is not self.code.scope(at) or not self.is_plain(node):
            return False
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        has_attributes = any(isinstance(part, (ast.Attribute, ast.Subscript)) for part in ast.walk(node))
        if names & self._bound_around(at):
            return False
        stored = {n.id for n in ast.walk(before) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        if stored & names:
            return False
        if not content:
            return not has_attributes and not any(_rebinds(part, names) for part in ahead)
        return not any(self._disturbs(part, names, has_attributes) for part in ahead)

    def _between(self, before: ast.stmt, after: ast.stmt, at: ast.expr) -> list[ast.AST] | None:
        """All that may run between the one statement and the expression in the other; None if one may run alone."""
        code = self.code
        block = code.block(before)
        around = next((s for s in (after, *code.above(after)) if s in block), None)
        if not isinstance(around, ast.stmt):
            return None
        first, last = block.index(before), block.index(around)
        if first >= last:
            return None
        parts = [part for statement in block[first + 1 : last] for part in ast.walk(statement)]
        if any(isinstance(n, LOOPS) and code.within(at, n) for n in ast.walk(around)):
            return [*parts, *ast.walk(around)]
        start = (at.lineno, at.col_offset)
        ahead = [n for n in ast.walk(around) if (getattr(n, "end_lineno", 0), getattr(n, "end_col_offset", 0)) <= start]
        return [*parts, *(n for n in ahead if hasattr(n, "lineno"))]

    def _bound_around(self, at: ast.expr) -> set[str]:
        """The names that the comprehensions around it bind."""
        bound: set[str] = set()
        for above in self.code.above(at):
            if isinstance(above, SCOPES):
                break
            for generator in getattr(above, "generators", ()):
                bound |= {n.id for n in ast.walk(generator.target) if isinstance(n, ast.Name)}
        return bound

    def _disturbs(self, node: ast.AST, names: set[str], has_attributes: bool) -> bool:
        """The node may change what the names stand for, or what is in it."""
        if _rebinds(node, names):
            return True
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            return not isinstance(node.ctx, ast.Load)
        if isinstance(node, (ast.AugAssign, ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal, ast.Delete)):
            return True
        if not isinstance(node, ast.Call):
            return False
        if any(keyword.arg in ("out", "inplace") for keyword in node.keywords):
            return True
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name.endswith("_") and not name.endswith("__"):
            return True
        if node in self.pure or _reads(node):
            return False
        given = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        return has_attributes or bool(given & names)

    def unread(self, name: str, statement: ast.stmt, readers: Sequence[ast.AST]) -> bool:
        """Nothing but the readers reads what the statement binds to the name."""
        scope = self.code.scope(statement)
        if not isinstance(scope, FUNCTIONS):
            return False
        return all(
            node is _target(statement) or any(self.code.within(node, reader) for reader in readers)
            for node in ast.walk(scope)
            if isinstance(node, ast.Name) and node.id == name
        ) and not any(isinstance(n, (ast.Global, ast.Nonlocal)) and name in n.names for n in ast.walk(scope))

    def is_plain_statement(self, statement: ast.stmt) -> bool:
        value = getattr(statement, "value", None)
        return isinstance(value, ast.expr) and self.is_plain(value)

    def leads_to(self, statements: Sequence[ast.stmt], at: ast.expr) -> bool:
        """They run one after the other, and nothing with an effect between them and the expression."""
        last = self.code.statement(at)
        block = self.code.block(last)
        start = block.index(last) - len(statements)
        if not statements or start < 0 or block[start : block.index(last)] != list(statements):
            return False
        ends = (at.lineno, at.col_offset)
        ahead = [n for n in ast.walk(last) if isinstance(n, ast.Call) and (n.lineno, n.col_offset) < ends]
        return all(n in self.pure or self.code.within(at, n) for n in ahead)


def _rebinds(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names and not isinstance(node.ctx, ast.Load)


def _reads(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in READERS


def assigned(statement: ast.stmt) -> str | None:
    """The name, where all that a statement does is bind one."""
    target = _target(statement)
    return target.id if isinstance(target, ast.Name) else None


def _target(statement: ast.stmt) -> ast.expr | None:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return statement.targets[0]
    return statement.target if isinstance(statement, ast.AnnAssign) and statement.value is not None else None
