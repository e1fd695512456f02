"""A fix of an expression: the text that takes its place, and the assignments that nothing reads any more."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from nanlint.finding import Edit, Fix
from nanlint.fixes.code import Code
from nanlint.fixes.dtypes import dtype_of
from nanlint.fixes.flow import Flow, assigned
from nanlint.fixes.rewriting import Rewriting
from nanlint.fixes.writing import Unwritable, in_place, last_name, replacement
from nanlint.ops import TABLE
from nanlint.source.lex import TOKEN

if TYPE_CHECKING:
    from nanlint.facts.frame import Applied, Place
    from nanlint.facts.value import Application, Operand
    from nanlint.source import Source
    from nanlint.source import nodes as cst

LONGEST_TWICE = 40
"""What has more characters is written once or not at all."""


class Composer:
    """Writes fixes of a file from the applications in it; nothing is read before it is asked."""

    def __init__(self, source: Source, made: Mapping[Application, Applied]) -> None:
        self.source = source
        self.made = made

    @cached_property
    def code(self) -> Code:
        return Code(self.source)

    @cached_property
    def flow(self) -> Flow:
        known = (applied.place for applied in self.made.values() if not _is_random(applied))
        return Flow(self.code, {node for place in known if (node := self.expression(place)) is not None})

    def fix(
        self,
        rewriting: Rewriting,
        place: Place,
        names: Mapping[str, tuple[Operand, ...]],
        used: tuple[Applied, ...],
    ) -> Fix:
        target = self.expression(place)
        if target is None:
            raise Unwritable("it is no expression of its own")
        for applied in used:
            self._refuse_special(applied)
        gone = self._unread(target, used)
        removed = [edit for statement in gone if (edit := self._without(statement)) is not None]
        if len(removed) < len(gone):
            gone = []
        moved = gone if self.flow.leads_to(gone, target) else []
        removed = removed if moved or all(map(self.flow.is_plain_statement, gone)) else []
        places = {name: self._place_of(operands, place, target, moved) for name, operands in names.items()}
        self._refuse_effects(rewriting, [target, *moved], names, place)
        texts = {name: self._text(found, operands) for (name, found), operands in zip(
            places.items(), names.values(), strict=True)}  # fmt: skip
        self._add_formats(rewriting, texts, names, place)
        template = rewriting.template
        if not used and self._is_changed(target):
            template = in_place(template)
        text, imports = replacement(self.code, template, texts, target)
        start, end = self.code.range(target)
        if _comments(self.code.source.text[start:end]) - _comments(text):
            raise Unwritable("a comment would go")
        edits = [self.code.edit(start, end, self.code.padded(start, end, text)), *imports]
        edits += removed
        shown = " ".join(text.split())
        title = rewriting.title or f"Replace with `{shown if len(shown) <= 80 else shown[:60] + '...' + shown[-17:]}`"
        return Fix(title, rewriting.applicability, tuple(sorted(edits, key=lambda edit: (edit.start, edit.end))))

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
        if not isinstance(node, ast.Call):
            if isinstance(node, (ast.Name, ast.Attribute)):
                raise Unwritable("it is only asked for, not made there")
            return
        if self._is_foreign(node.func):
            raise Unwritable("it works on arrays or numbers")
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        first = applied.operands.get("input")
        is_method = first is not None and self._of_node(applied.place, first.node) is getattr(node.func, "value", None)
        if name.endswith("_") or len(node.args) + len(node.keywords) + is_method > len(applied.operands):
            raise Unwritable("it is called in a way of its own")

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
        self, operands: tuple[Operand, ...], place: Place, target: ast.expr, moved: list[ast.stmt]
    ) -> ast.expr | None:
        """An expression for the operand that may stand where the target does, one within it if there is one."""
        nodes = [node for operand in operands if (node := self._of_node(place, operand.node)) is not None]
        inside = [node for node in nodes if self.code.within(node, target)]
        for node in sorted(inside, key=lambda node: len(self.code.text(node))):
            return node
        moves = (node for node in nodes if self.code.statement(node) in moved)
        return next((node for node in nodes if self.flow.holds(node, target)), next(moves, None))

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
                texts[node.id] = self._dtype_of(names[name][0], place)

    def _dtype_of(self, operand: Operand, place: Place) -> str:
        whole = self._of_node(place, operand.node)
        if whole is None:
            raise Unwritable("it is not there")
        every = (inner for applied in self.made.values() for inner in applied.operands.values())
        return dtype_of(self.code, whole, ((self._of_node(place, o.node), o.value) for o in (operand, *every)))

    def _unread(self, target: ast.expr, used: tuple[Applied, ...]) -> list[ast.stmt]:
        """The statements that bind intermediates which nothing reads but the target, or another of them."""
        at = self.code.statement(target)
        nodes = [node for applied in used if (node := self.expression(applied.place)) is not None]
        # in the order of the code, and each statement once: sets of nodes have an order of their own in every run
        whole_of = {s: None for node in nodes if getattr(s := self.code.statement(node), "value", None) is node}
        readers: list[ast.AST] = [target]
        gone: list[ast.stmt] = []
        waiting = [s for s in whole_of if s is not at]
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


def _comments(text: str) -> set[str]:
    return {token[0] for token in TOKEN.finditer(text) if token.lastgroup == "comment"}
