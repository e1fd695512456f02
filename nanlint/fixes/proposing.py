"""The fixes of a finding: stable forms of the expressions around it, and what its rule proposes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from nanlint.finding import Edit, Fix
from nanlint.fixes.code import Code
from nanlint.fixes.dtypes import dtype_of
from nanlint.fixes.edits import merged
from nanlint.fixes.flow import Flow, assigned
from nanlint.fixes.matching import Match, applications
from nanlint.fixes.rewriting import Rewriting, of_template
from nanlint.fixes.stable import rewritings
from nanlint.fixes.statements import behind, gradients, written
from nanlint.fixes.writing import Unwritable, last_name, replacement, with_keyword
from nanlint.ops import TABLE
from nanlint.source.lex import TOKEN

if TYPE_CHECKING:
    from nanlint.facts.frame import Applied, Place, Session
    from nanlint.facts.value import Operand, Value
    from nanlint.site import Proposal, Report, Site
    from nanlint.source import nodes as cst

LONGEST_TWICE = 40
"""What has more characters is written once or not at all."""
MAX_FIXES = 3
"""Of one finding: the first that holds is taken, so a few are enough."""


@dataclass(frozen=True, slots=True)
class Found:
    """A rewriting that fits the code: what it replaces, and the nodes that it does away with."""

    rewriting: Rewriting
    root: Applied
    match: Match

    @property
    def nodes(self) -> set[int]:
        return {id(applied.place.node) for applied in self.match.used}


class Proposals:
    """Works on the applications that a session has kept; nothing is done before it is asked."""

    def __init__(self, session: Session) -> None:
        self.source = session.source
        self.made = session.applied or {}
        self.tensors = session.tensors

    @cached_property
    def code(self) -> Code:
        return Code(self.source)

    @cached_property
    def flow(self) -> Flow:
        known = (applied.place for applied in self.made.values() if not _is_random(applied))
        return Flow(self.code, {node for place in known if (node := self._expression(place)) is not None})

    @cached_property
    def found(self) -> list[Found]:
        """Every place of the file where a stable form fits."""
        return list(self._search())

    def of(self, site: Site, report: Report) -> tuple[Fix, ...]:
        """What can be offered for a report of a site, the best first; nothing for what `ast` cannot parse."""
        try:
            return self._of(site, report)
        except SyntaxError:
            return ()

    def _of(self, site: Site, report: Report) -> tuple[Fix, ...]:
        wanted = {id(site.node), id(report.place.node)}
        fitting = [found for found in self.found if found.nodes & wanted]
        fitting.sort(key=lambda found: (found.rewriting.applicability != "safe", -len(found.nodes)))
        fixes: list[Fix] = []
        for found in fitting:
            self._add(fixes, found.rewriting, found.root.place, found.match.names, found.match.used)
        for proposal in report.fixes:
            if not proposal.operands:
                with suppress(Unwritable):
                    fixes += self._of_statements(proposal)
                continue
            rewriting = of_template(proposal.template, proposal.applicability, proposal.title)
            own: list[Fix] = []
            for place, operands in self._alike(site, proposal):
                self._add(own, rewriting, place, {name: (operand,) for name, operand in operands.items()}, ())
            if own:
                edits = merged([fix.edits for fix in own])
                fixes.append(replace(own[0], edits=edits))
        return tuple(fixes[:MAX_FIXES])

    def _add(
        self,
        fixes: list[Fix],
        rewriting: Rewriting,
        place: Place,
        names: Mapping[str, tuple[Operand, ...]],
        used: tuple[Applied, ...],
    ) -> None:
        try:
            fix = self._fix(rewriting, place, names, used)
        except Unwritable:
            return
        if fix not in fixes:
            fixes.append(fix)

    def _alike(self, site: Site, proposal: Proposal) -> Iterator[tuple[Place, Mapping[str, Operand]]]:
        """The place of a proposal, and those where the same is done to the same value: it is one defect."""
        yield proposal.place, proposal.operands
        for name, operand in site.operands.items():
            if operand.node is not proposal.place.node or list(proposal.operands.values()) != [operand]:
                continue
            seen = {operand.node}
            for applied in self.made.values():
                twin = applied.operands.get(name) if applied.op == site.op else None
                if twin is not None and twin.node not in seen and twin.value.ident == operand.value.ident:
                    seen.add(twin.node)
                    yield applied.place._replace(node=twin.node), dict.fromkeys(proposal.operands, twin)

    def _of_statements(self, proposal: Proposal) -> Iterator[Fix]:
        """Another keyword, other statements, or another order of them. Raises Unwritable."""
        call = self._expression(proposal.place)
        if not isinstance(call, ast.Call):
            return
        if proposal.step is not None:
            yield self._in_front(proposal, proposal.step, call)
        elif proposal.behind is not None:
            other = self._expression(proposal.behind)
            if other is not None:
                edits = behind(self.code, self.code.statement(call), self.code.statement(other))
                yield Fix(proposal.title, proposal.applicability, edits)
        else:
            # where the function is called by its own name, not through a module that was given it before
            wanted = ast.parse(proposal.template, mode="eval").body
            if isinstance(wanted, ast.Call) and last_name(call) == last_name(wanted):
                edit = with_keyword(self.code, call, wanted.keywords[0])
                if edit is not None:
                    yield Fix(proposal.title, proposal.applicability, (edit,))

    def _in_front(self, proposal: Proposal, optimizer: Value, first: ast.Call) -> Fix:
        step = self._expression(proposal.behind) if proposal.behind is not None else first
        if not isinstance(step, ast.Call):
            raise Unwritable("the step is no call")
        made = optimizer.made_by
        here = made is not None and made.place.unit is proposal.place.unit
        maker = self._expression(made.place) if here and made is not None else None
        words = gradients(self.code, self.flow, step, maker)
        edits = written(self.code, first, proposal.template.splitlines(), words)
        return Fix(proposal.title, proposal.applicability, edits)

    def _search(self) -> Iterator[Found]:
        by_node: dict[int, list[Applied]] = {}
        for applied in self.made.values():
            by_node.setdefault(id(applied.place.node), []).append(applied)
        for same in by_node.values():
            for rewriting in rewritings(same[0].op):
                ways = [list(applications(rewriting.pattern, applied, self.made, Match())) for applied in same]
                first = next(iter(ways[0]), None) if self._is_tensor(same[0]) else None
                # a loop may run the same code on values that were made in several ways
                if first is not None and all(any(_alike(first, way) for way in each) for each in ways[1:]):
                    yield Found(rewriting, same[0], first)

    def _is_tensor(self, applied: Applied) -> bool:
        value = applied.result
        return value.kind == "tensor" or value.ident in self.tensors or not self.tensors.isdisjoint(value.tensor_if)

    def _fix(
        self,
        rewriting: Rewriting,
        place: Place,
        names: Mapping[str, tuple[Operand, ...]],
        used: tuple[Applied, ...],
    ) -> Fix:
        target = self._expression(place)
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
        text, imports = replacement(self.code, rewriting.template, texts, target)
        start, end = self.code.range(target)
        if _comments(self.code.source.text[start:end]) - _comments(text):
            raise Unwritable("a comment would go")
        edits = [self.code.edit(start, end, self.code.padded(start, end, text)), *imports]
        edits += removed
        shown = " ".join(text.split())
        title = rewriting.title or f"Replace with `{shown if len(shown) <= 80 else shown[:60] + '...' + shown[-17:]}`"
        return Fix(title, rewriting.applicability, tuple(sorted(edits, key=lambda edit: (edit.start, edit.end))))

    def _expression(self, place: Place) -> ast.expr | None:
        return self._of_node(place, place.node)

    def _of_node(self, place: Place, node: cst.Node) -> ast.expr | None:
        try:
            return self.code.at(place.unit.span(node))
        except KeyError:
            return None

    def _refuse_special(self, applied: Applied) -> None:
        """An operation in place does more than give a value, and what an op takes and we do not know would be lost."""
        node = self._expression(applied.place)
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

    def _is_foreign(self, function: ast.expr) -> bool:
        """A function of numpy, math or another module that is no part of torch."""
        while isinstance(function, ast.Attribute):
            function = function.value
        home = self.source.index.imports.get(function.id, "torch") if isinstance(function, ast.Name) else "torch"
        return home.partition(".")[0] != "torch"

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
        nodes = [node for applied in used if (node := self._expression(applied.place)) is not None]
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


def _alike(one: Match, other: Match) -> bool:
    """Both were read in the same code."""
    return [id(a.place.node) for a in one.used] == [id(a.place.node) for a in other.used] and all(
        [id(o.node) for o in operands] == [id(o.node) for o in other.names.get(name, ())]
        for name, operands in one.names.items()
    )


def _comments(text: str) -> set[str]:
    return {token[0] for token in TOKEN.finditer(text) if token.lastgroup == "comment"}
