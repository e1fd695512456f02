"""The fixes of a finding: stable forms of the expressions around it, and what its rule proposes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from nanlint.finding import Fix
from nanlint.fixes.composing import Composer
from nanlint.fixes.dtypes import is_taken_for_complex
from nanlint.fixes.edits import merged
from nanlint.fixes.matching import Match, applications, matches
from nanlint.fixes.rewriting import Rewriting, is_ordering, of_template, pattern
from nanlint.fixes.stable import rewritings
from nanlint.fixes.statements import behind, gradients, written
from nanlint.fixes.writing import Unwritable, last_name, with_keyword
from nanlint.lazily import cached_property
from nanlint.slotted import Data, replace

if TYPE_CHECKING:
    from nanlint.facts.frame import Applied, Place, Session
    from nanlint.facts.value import Operand, Value
    from nanlint.site import Proposal, Report, Site

MAX_FIXES = 3
"""Of one finding: the first that holds is taken, so a few are enough."""


class Found(Data):
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
        self.made = session.applied or {}
        self.tensors = session.tensors
        self.composer = Composer(session.source, self.made, self.tensors)

    @cached_property
    def found(self) -> list[Found]:
        """Every place of the file where a stable form fits."""
        return list(self._search())

    def of(self, site: Site, report: Report, rule: str) -> tuple[Fix, ...]:
        """What can be offered for a rule's report of a site, the best first; nothing for what `ast` cannot parse."""
        try:
            return self._of(site, report, rule)
        except SyntaxError:
            return ()

    def _of(self, site: Site, report: Report, rule: str) -> tuple[Fix, ...]:
        wanted = {id(site.node), id(report.place.node)}
        fitting = [found for found in self.found if found.nodes & wanted and found.rewriting.rule in ("", rule)]
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
            if is_ordering(rewriting.template) and is_taken_for_complex(self.made, site.result):
                continue
            if self.composer.is_of_arrays(site.place, proposal.operands.values()):
                continue
            own: list[Fix] = []
            if proposal.pattern:
                self._add_matching(own, rewriting, proposal)
            else:
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
            fix = self.composer.fix(rewriting, place, names, used)
        except Unwritable:
            return
        if fix not in fixes:
            fixes.append(fix)

    def _add_matching(self, fixes: list[Fix], rewriting: Rewriting, proposal: Proposal) -> None:
        """Of what made the operand, where it is of the form that the proposal is for."""
        (operand,) = proposal.operands.values()
        for match in matches(pattern(proposal.pattern), operand, self.made, Match()):
            if not proposal.part:
                self._add(fixes, rewriting, proposal.place, match.names, match.used)
            else:
                # the rest of what made it stays
                (part,) = match.names[proposal.part]
                self._add(fixes, rewriting, match.used[0].place._replace(node=part.node), match.names, ())

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
        code, call = self.composer.code, self.composer.expression(proposal.place)
        if not isinstance(call, ast.Call):
            return
        if proposal.step is not None:
            yield self._in_front(proposal, proposal.step, call)
        elif proposal.behind is not None:
            other = self.composer.expression(proposal.behind)
            if other is not None:
                edits = behind(code, code.statement(call), code.statement(other))
                yield Fix(proposal.title, proposal.applicability, edits)
        else:
            # where the function is called by its own name, not through a module that was given it before
            wanted = ast.parse(proposal.template, mode="eval").body
            if isinstance(wanted, ast.Call) and last_name(call) == last_name(wanted):
                edit = with_keyword(code, call, wanted.keywords[0])
                if edit is not None:
                    yield Fix(proposal.title, proposal.applicability, (edit,))

    def _in_front(self, proposal: Proposal, optimizer: Value, first: ast.Call) -> Fix:
        step = self.composer.expression(proposal.behind) if proposal.behind is not None else first
        if not isinstance(step, ast.Call):
            raise Unwritable("the step is no call")
        made = optimizer.made_by
        here = made is not None and made.place.unit is proposal.place.unit
        maker = self.composer.expression(made.place) if here and made is not None else None
        words = gradients(self.composer.code, self.composer.flow, step, maker)
        edits = written(self.composer.code, first, proposal.template.splitlines(), words)
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


def _alike(one: Match, other: Match) -> bool:
    """Both were read in the same code."""
    return [id(a.place.node) for a in one.used] == [id(a.place.node) for a in other.used] and all(
        [id(o.node) for o in operands] == [id(o.node) for o in other.names.get(name, ())]
        for name, operands in one.names.items()
    )
