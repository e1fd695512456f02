"""What the rules say of the definitions of a file that are worth a look: these are run, then the rules are asked."""

from __future__ import annotations

import traceback
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from nanlint.facts.callers import drop_covered
from nanlint.facts.frame import Place, Session
from nanlint.facts.interpreter import new_session, run_definition
from nanlint.finding import Confidence, Failure, Finding, Related, Result
from nanlint.rule import Rule
from nanlint.site import Report, Site
from nanlint.slotted import Entity
from nanlint.source import Definition, Modules, Source, SourceError, Suppression

if TYPE_CHECKING:
    from nanlint.fixes.proposing import Proposals


class _Said(Entity):
    """The report that a rule gives of a site as its `number`th."""

    rule: Rule
    site: Site
    number: int
    report: Report


def judged(
    source: Source,
    definitions: Sequence[Definition],
    by_op: Mapping[str, Sequence[Rule]],
    confidence: Confidence,
    *,
    noqa: bool,
    modules: Modules | None,
    fixes: bool,
) -> tuple[Result, set[tuple[Suppression, str]]]:
    """What the rules, by the ops whose sites they are shown, say of these definitions, and which comments silence what.

    The arguments are those of `nanlint.engine.check`.
    """
    with closing(new_session(source, frozenset(by_op), modules)) as session:
        session.applied = {} if fixes else None
        failures = _run_definitions(session, definitions)
        drop_covered(session)
        said = _ask(session, by_op, failures)
        findings, held_back, useful = _settle(session, said, confidence, noqa, failures)
        return Result(findings, tuple(failures), held_back, tuple(dict.fromkeys(session.notes))), useful


def _run_definitions(session: Session, definitions: Sequence[Definition]) -> list[Failure]:
    """Run definitions, so that the session knows their sites."""
    failures: list[Failure] = []
    for definition in definitions:
        try:
            run_definition(session, definition)
        except SourceError:
            raise
        except Exception:
            path = session.source.path
            failures.append(Failure(path, f"engine ({definition.qualname})", traceback.format_exc()))
    return failures


def _ask(session: Session, by_op: Mapping[str, Sequence[Rule]], failures: list[Failure]) -> list[_Said]:
    """What the rules say of the sites that they listen to, without its wording."""
    said: list[_Said] = []
    session.wordless = True
    for site in session.sites:
        for rule in by_op.get(site.op, ()):
            try:
                for number, report in enumerate(rule.check(site)):
                    said.append(_Said(rule, site, number, report))
            except Exception:
                failures.append(Failure(session.source.path, rule.name, traceback.format_exc()))
    session.wordless = False
    return said


def _settle(
    session: Session, said: list[_Said], confidence: Confidence, noqa: bool, failures: list[Failure]
) -> tuple[tuple[Finding, ...], int, set[tuple[Suppression, str]]]:
    """One finding per defect, at the highest confidence with which it was seen.

    Also how many are below the asked confidence, and which comments silence what.
    """
    overridden = {(name, id(node)) for s in said for name in s.rule.over for node in s.report.covers}
    best: dict[tuple[str, Hashable], _Said] = {}
    for s in said:
        if any((s.rule.name, id(node)) in overridden for node in (s.site.node, s.report.place.node)):
            continue
        key = (s.rule.code, s.report.defect or id(s.report.place.node))
        known = best.get(key)
        if known is None or (s.report.confidence, not s.site.calls) > (known.report.confidence, not known.site.calls):
            best[key] = s
    findings: list[Finding] = []
    useful: set[tuple[Suppression, str]] = set()
    if not best:
        return (), 0, useful
    proposals: Proposals | None = None
    if session.applied is not None:
        # most runs want no fixes and need not wait for what makes them
        from nanlint.fixes.proposing import Proposals

        proposals = Proposals(session)
    suppressions = session.source.suppressions
    held_back = 0
    for s in best.values():
        if s.report.confidence < confidence:
            held_back += 1
            if suppressions.comments and session.is_here(s.report.place):
                row = session.span(s.report.place)[0].row
                useful.update(suppressions.silencing(s.rule.code, s.rule.name, row))
            continue
        if not session.is_here(s.report.place):
            # told where that file is checked
            continue
        try:
            finding = _finding(session, s, proposals)
        except SourceError:
            raise
        except Exception:
            failures.append(Failure(session.source.path, s.rule.name, traceback.format_exc()))
            continue
        useful.update(suppressions.silencing(finding.code, finding.name, finding.start.row))
        if not suppressions.covers(finding.code, finding.name, finding.start.row, noqa):
            findings.append(finding)
    unique = {(f.code, f.start, f.end): f for f in sorted(findings, key=lambda f: f.confidence)}
    return tuple(sorted(unique.values(), key=lambda f: f.sort_key)), held_back, useful


def _finding(session: Session, said: _Said, proposals: Proposals | None) -> Finding:
    # asked once more, now for its words
    report = next(islice(said.rule.check(said.site), said.number, None))
    start, end = session.span(report.place)
    related = [Related(text, session.span(place)[0]) for text, place in report.related if session.is_here(place)]
    message = report.message
    if said.site.calls:
        related.extend(_called_from(session, said.site.calls))
        message += f", when called from line {session.row(said.site.calls[0])}"
    return Finding(
        said.rule.code, said.rule.name, message, session.source.path, start, end, report.confidence, tuple(related),
        proposals.of(said.site, report, said.rule.name) if proposals is not None else (),
    )  # fmt: skip


def _called_from(session: Session, calls: tuple[Place, ...]) -> Iterator[Related]:
    for place in filter(session.is_here, calls):
        yield Related("called here", session.span(place)[0])
