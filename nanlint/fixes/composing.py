"""A fix of an expression: the text that takes its place, and the assignments that nothing reads any more."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from nanlint.finding import Edit, Fix
from nanlint.fixes.code import Code
from nanlint.fixes.dtypes import LOWERED, dtype_of
from nanlint.fixes.flow import Flow, assigned
from nanlint.fixes.rewriting import Rewriting, is_limit
from nanlint.fixes.writing import Unwritable, in_place, is_atom, last_name, parsed, replacement
from nanlint.lazily import cached_property
from nanlint.ops import TABLE
from nanlint.source.lex import TOKEN

if TYPE_CHECKING:
    from nanlint.facts.frame import Applied, Place
    from nanlint.facts.value import Application, Operand, Value
    from nanlint.source import Source
    from nanlint.source import nodes as cst

LONGEST_TWICE = 40
"""What has more characters is written once or not at all."""


# in which parentheses around an operand are no part of a call or a tuple
GROUPING = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Attribute, ast.Return, ast.Assign, ast.AugAssign)


class Composer:
    """Writes fixes of a file from the applications in it; nothing is read before it is asked."""

    def __init__(self, source: Source, made: Mapping[Application, Applied], tensors: Collection[int]) -> None:
        self.source = source
        self.made = made
        self.tensors = tensors

    @cached_property
    def code(self) -> Code:
        return Code(self.source)

    @cached_property
    def flow(self) -> Flow:
        known = (applied.place for applied in self.made.values() if not _is_random(applied))
        return Flow(self.code, {node for place in known if (node := self.expression(place)) is not None})

    @cached_property
    def products(self) -> set[ast.AST]:
        """Layers and products of matrices."""
        places = (applied.place for applied in self.made.values() if applied.op in LOWERED)
        return {node for place in places if (node := self.expression(place)) is not None}

    def fix(
        self,
        rewriting: Rewriting,
        place: Place,
        names: Mapping[str, tuple[Operand, ...]],
        used: tuple[Applied, ...],
    ) -> Fix:
        target = self._target(place)
        if target is None:
            raise Unwritable("it is no expression of its own")
        bound = {id(operand.node) for operands in names.values() for operand in operands}
        for applied in used:
            self._refuse_special(applied)
            self._refuse_settings(applied, bound)
        gone = self._unread(target, used)
        text, imports = self._written(rewriting, target, place, names, gone, is_whole=not used)
        while still := _names(text) & {assigned(statement) for statement in gone}:
            # what an operand reads is not among what the pattern has read
            gone = self._unread(target, used, still)
            text, imports = self._written(rewriting, target, place, names, gone, is_whole=not used)
        removed = []
        if self.flow.leads_to(gone, target) or all(map(self.flow.is_plain_statement, gone)):
            removed = [edit for statement in gone if (edit := self._without(statement)) is not None]
        start, end = self._replaced(target, text)
        if _comments(self.code.source.text[start:end]) - _comments(text):
            raise Unwritable("a comment would go")
        edits = [self.code.edit(start, end, self.code.padded(start, end, text)), *imports]
        edits += removed
        shown = " ".join(text.split())
        title = rewriting.title or f"Replace with `{shown if len(shown) <= 80 else shown[:60] + '...' + shown[-17:]}`"
        return Fix(title, rewriting.applicability, tuple(sorted(edits, key=lambda edit: (edit.start, edit.end))))

    def _replaced(self, target: ast.expr, text: str) -> tuple[int, int]:
        """The range of the target, with parentheses around it that the text makes superfluous."""
        start, end = self.code.range(target)
        source = self.code.source.text
        while (
            isinstance(self.code.parent(target), GROUPING)
            and "\n" not in text
            and is_atom(parsed(text))
            and source[start - 1 : start] == "("
            and source[end : end + 1] == ")"
        ):
            start, end = start - 1, end + 1
        return start, end

    def _target(self, place: Place) -> ast.expr | None:
        """What stands there; of `x[mask] = value`, the value."""
        found = self.expression(place)
        if not isinstance(found, ast.Subscript) or isinstance(found.ctx, ast.Load):
            return found
        statement = self.code.parent(found)
        return statement.value if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None

    def _written(
        self,
        rewriting: Rewriting,
        target: ast.expr,
        place: Place,
        names: Mapping[str, tuple[Operand, ...]],
        gone: list[ast.stmt],
        *,
        is_whole: bool,
    ) -> tuple[str, tuple[Edit, ...]]:
        """What takes the place of the target, where `gone` are no more, and the imports that it takes."""
        moved = gone if self.flow.leads_to(gone, target) else []
        # of others at most the dtype is written
        shown = {node.id for node in ast.walk(rewriting.template) if isinstance(node, ast.Name)}
        every, names = names, {name: operands for name, operands in names.items() if name in shown}
        places = {name: self._place_of(operands, place, target, gone, moved) for name, operands in names.items()}
        self._refuse_effects(rewriting, [target, *moved], names, place)
        texts = {name: self._text(found, operands) for (name, found), operands in zip(
            places.items(), names.values(), strict=True)}  # fmt: skip
        self._add_formats(rewriting, texts, every, place)
        changes = is_whole and self._is_changed(target)
        return replacement(self.code, in_place(rewriting.template) if changes else rewriting.template, texts, target)

    def expression(self, place: Place) -> ast.expr | None:
        return self._of_node(place, place.node)

    def _of_node(self, place: Place, node: cst.Node) -> ast.expr | None:
        try:
            return self.code.at(place.unit.span(node))
        except KeyError:
            return None

    def _refuse_special(self, applied: Applied) -> None:
        """An operation in place does more than give a value, and what an op takes and we do not know would be lost."""
        node = self.expression(applied.place)
        if node is None:
            raise Unwritable("a part of it is no expression")
        if any(operand.node is applied.place.node for operand in applied.operands.values()):
            raise Unwritable("it is done within a module, of which only the call is in view")
        if not isinstance(node, ast.Call):
            transposes = isinstance(node, ast.Attribute) and node.attr in ("T", "mT") and applied.op == "t"
            if isinstance(node, (ast.Name, ast.Attribute)) and not transposes:
                raise Unwritable("it is only asked for, not made there")
            return
        if self._is_foreign(node.func):
            raise Unwritable("it works on arrays or numbers")
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        first = applied.operands.get("input")
        is_method = first is not None and self._of_node(applied.place, first.node) is getattr(node.func, "value", None)
        if name.endswith("_") or len(node.args) + len(node.keywords) + is_method > len(applied.operands):
            raise Unwritable("it is called in a way of its own")

    def _refuse_settings(self, applied: Applied, bound: set[int]) -> None:
        """A number that the pattern wants has to be written there: what an attribute or a parameter is may change."""
        for operand in applied.operands.values():
            node = self._of_node(applied.place, operand.node) if operand.value.number is not None else None
            if node is not None and id(operand.node) not in bound and any(map(self._is_setting, ast.walk(node))):
                raise Unwritable("a number is a setting")

    def _is_setting(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute):
            return self._home(node) is None
        arguments = getattr(self.code.scope(node), "args", None) if isinstance(node, ast.Name) else None
        return arguments is not None and any(
            isinstance(part, ast.arg) and part.arg == getattr(node, "id", "") for part in ast.walk(arguments)
        )

    def _is_changed(self, target: ast.expr) -> bool:
        """It is what a method or function in place is called on."""
        above = self.code.parent(target)
        call = self.code.parent(above) if isinstance(above, ast.Attribute) else above
        if not isinstance(call, ast.Call):
            return False
        is_function = target in call.args[:1] and self._home(call.func) is not None
        if not (is_function or call.func is above):
            return False
        name = last_name(call)
        return (name.endswith("_") and not name.endswith("__")) or any(k.arg == "inplace" for k in call.keywords)

    def is_of_arrays(self, place: Place, operands: Iterable[Operand]) -> bool:
        """A function that is no part of torch is called there, or has made one of the operands."""
        node = self.expression(place)
        called = isinstance(node, ast.Call) and self._is_foreign(node.func)
        return called or any(self._is_array(operand.value) for operand in operands)

    def _is_array(self, value: Value, depth: int = 6) -> bool:
        applied = self.made.get(value.made_by) if value.made_by is not None else None
        if applied is None or depth == 0:
            return False
        node = self.expression(applied.place)
        if isinstance(node, ast.Call) and self._home(node.func) is not None:
            return self._is_foreign(node.func)
        # what an operator or a method makes of arrays is one
        parts = [o.value for o in applied.operands.values() if o.value.kind in ("tensor", "unknown")]
        return bool(parts) and all(self._is_array(part, depth - 1) for part in parts)

    def _is_foreign(self, function: ast.expr) -> bool:
        """A function of numpy, math or another module that is no part of torch."""
        home = self._home(function)
        return home is not None and home.partition(".")[0] != "torch"

    def _home(self, function: ast.expr) -> str | None:
        """The full name of the import that its first word comes from; None for a variable or an expression."""
        while isinstance(function, ast.Attribute):
            function = function.value
        return self.source.index.imports.get(function.id) if isinstance(function, ast.Name) else None

    def _place_of(
        self, operands: tuple[Operand, ...], place: Place, target: ast.expr, gone: list[ast.stmt], moved: list[ast.stmt]
    ) -> ast.expr | None:
        """An expression for the operand that may stand where the target does, one within it if there is one.

        No product of matrices is computed a second time, where the first one stays.
        """
        nodes = [node for operand in operands if (node := self._of_node(place, operand.node)) is not None]
        inside = [node for node in nodes if self.code.within(node, target)]
        for node in sorted(inside, key=lambda node: len(self.code.text(node))):
            return node
        moves = (node for node in nodes if self.code.statement(node) in moved)
        held = (
            node
            for node in nodes
            if self.flow.holds(node, target) and (self.code.statement(node) in gone or not self._is_heavy(node))
        )
        return next(held, next(moves, None))

    def _is_heavy(self, node: ast.expr) -> bool:
        return any(part in self.products for part in ast.walk(node))

    def _text(self, node: ast.expr | None, operands: tuple[Operand, ...]) -> str:
        if node is not None:
            return self.code.text(node)
        number = operands[0].value.number
        if number is not None:
            const = operands[0].value.const
            return repr(const) if isinstance(const, (int, float)) else repr(number)
        raise Unwritable("an operand is not at hand there")

    def _refuse_effects(
        self,
        rewriting: Rewriting,
        homes: Sequence[ast.AST],
        names: Mapping[str, tuple[Operand, ...]],
        place: Place,
    ) -> None:
        """What does more than give a value is evaluated once, before as after."""
        uses = [node.id for node in ast.walk(rewriting.template) if isinstance(node, ast.Name)]
        eventful = 0
        for name, operands in names.items():
            nodes = [node for operand in operands if (node := self._of_node(place, operand.node)) is not None]
            if all(self.flow.is_plain(node) for node in nodes):
                longest = max((len(self.code.text(node)) for node in nodes), default=0)
                if uses.count(name) > 1 and longest > LONGEST_TWICE:
                    raise Unwritable("it is too long to be written twice")
                continue
            eventful += 1
            at_home = any(self.code.within(node, home) for node in nodes for home in homes)
            if len(nodes) != 1 or uses.count(name) != 1 or not at_home:
                raise Unwritable("an operand has effects")
        if eventful > 1:
            raise Unwritable("the operands may depend on their order")

    def _add_formats(
        self, rewriting: Rewriting, texts: dict[str, str], names: Mapping[str, tuple[Operand, ...]], place: Place
    ) -> None:
        """`dtype_x` stands for the dtype of `x`, which is that of a float."""
        for node in ast.walk(rewriting.template):
            if isinstance(node, ast.Name) and node.id.startswith("dtype_"):
                name = node.id.removeprefix("dtype_")
                every = (inner for applied in self.made.values() for inner in applied.operands.values())
                known = [(self._of_node(place, o.node), o.value) for o in (names[name][0], *every)]
                exact = is_limit(rewriting.template, node.id)
                texts[node.id] = dtype_of(self.code, known, self.tensors, exact=exact)

    def _unread(self, target: ast.expr, used: tuple[Applied, ...], kept: Collection[str | None] = ()) -> list[ast.stmt]:
        """The statements that bind intermediates which nothing reads but the target, or another of them.

        A row in which something else stands, such as a comment, stays, and so does what binds a name that is `kept`.
        """
        at = self.code.statement(target)
        nodes = [node for applied in used if (node := self.expression(applied.place)) is not None]
        # in the order of the code, and each statement once: sets of nodes have an order of their own in every run
        whole_of = {s: None for node in nodes if getattr(s := self.code.statement(node), "value", None) is node}
        readers: list[ast.AST] = [target]
        gone: list[ast.stmt] = []
        waiting = [s for s in whole_of if s is not at and assigned(s) not in kept and self._without(s) is not None]
        while unread := [s for s in waiting if (name := assigned(s)) and self.flow.unread(name, s, readers)]:
            gone += unread
            readers += unread
            waiting = [s for s in waiting if s not in unread]
        whole = len(gone) < min((len(self.code.block(s)) for s in gone), default=1)
        return sorted(gone, key=lambda s: s.lineno) if whole else []

    def _without(self, statement: ast.stmt) -> Edit | None:
        """The rows of a statement deleted; None where something else stands in them, such as a comment."""
        source = self.code.source
        first, last = statement.lineno, statement.end_lineno or statement.lineno
        before = len(source.rows_text(1, first - 1)) if first > 1 else 0
        rows = source.rows_text(first, last)
        start, end = self.code.range(statement)
        if source.text[before:start].strip() or source.text[end : before + len(rows)].strip() or _comments(rows):
            return None
        return self.code.edit(before, before + len(rows), "")


def _is_random(applied: Applied) -> bool:
    op = TABLE.get(applied.op)
    return op is not None and op.random


def _names(text: str) -> set[str]:
    return {node.id for node in ast.walk(parsed(text)) if isinstance(node, ast.Name)}


def _comments(text: str) -> set[str]:
    return {token[0] for token in TOKEN.finditer(text) if token.lastgroup == "comment"}
