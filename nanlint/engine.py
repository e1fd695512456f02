"""Check the bytes of one file with rules: pure, no input or output."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Hashable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Literal

from nanlint.facts.callers import drop_covered
from nanlint.facts.frame import Place, Session
from nanlint.facts.interpreter import new_session, run_definition
from nanlint.finding import Confidence, Failure, Finding, Position, Related, Result
from nanlint.following import callers, drivers
from nanlint.mentions import mentioned
from nanlint.rule import Rule
from nanlint.site import Report, Site
from nanlint.slotted import Entity
from nanlint.source import Modules, Source, SourceError, Suppression
from nanlint.triggers import triggers

if TYPE_CHECKING:
    from nanlint.fixes.proposing import Proposals

RECURSION_LIMIT = 6000


def check(
    data: bytes,
    path: str,
    rules: Sequence[Rule],
    confidence: Confidence,
    *,
    noqa: bool = True,
    modules: Modules | None = None,
    fixes: bool = False,
    unused: Literal["no", "listed", "all"] = "no",
) -> Result:
    """Find the hazards in a file.

    A file that cannot be read as Python gives one finding `NAN000 invalid-file`; a rule that raises gives a Failure
    and hides nothing else. Findings below `confidence` are counted, not listed. Without `noqa`, comments of that word
    silence nothing, because the host sees to them itself; `# nanlint: ignore` always counts. What the file imports is
    looked up in `modules`, when a definition that is run asks for it. With `fixes`, findings say what to write instead.
    `unused`: whether comments that silence none of the rules are findings,
    too, those that `listed` rules or `all`.
    """
    try:
        with _deep_recursion():
            if modules is not None:
                return _check(modules.open(data, path), rules, confidence, noqa, modules, fixes, unused)
            with closing(Source(data, path)) as source:
                return _check(source, rules, confidence, noqa, None, fixes, unused)
    except SourceError as error:
        start = error.position
        end = Position(start.row, start.column + 1)
        return Result((Finding("NAN000", "invalid-file", error.message, path, start, end, Confidence.CERTAIN),))


class _Said(Entity):
    """The report that a rule gives of a site as its `number`th."""

    rule: Rule
    site: Site
    number: int
    report: Report


def _check(
    source: Source,
    rules: Sequence[Rule],
    confidence: Confidence,
    noqa: bool,
    modules: Modules | None,
    fixes: bool,
    unused: str,
) -> Result:
    by_op: dict[str, list[Rule]] = {}
    for rule in mentioned(rules, source):
        for op in rule.at:
            by_op.setdefault(op, []).append(rule)
    with closing(new_session(source, frozenset(by_op), modules)) as session:
        session.applied = {} if fixes else None
        failures = _run_definitions(session)
        drop_covered(session)
        said = _ask(session, by_op, failures)
        findings, held_back, useful = _settle(session, said, confidence, noqa, failures)
        if unused != "no" and not failures:
            from nanlint.fixes.suppressing import silencing_nothing

            findings = tuple(
                sorted(
                    (
                        *findings,
                        *silencing_nothing(source, rules, useful, noqa=noqa, bare=unused == "all", fixes=fixes),
                    ),
                    key=lambda f: f.sort_key,
                )
            )
        return Result(findings, tuple(failures), held_back, tuple(dict.fromkeys(session.notes)))


def _run_definitions(session: Session) -> list[Failure]:
    """Run the definitions that are worth a look, so that the session knows their sites."""
    source = session.source
    failures: list[Failure] = []
    worth_a_look = triggers(session.listened, source.index)
    drives_training = drivers(session.listened, source)
    hazardous = {definition for definition in source.index.definitions if worth_a_look(definition.code)}
    calls_hazard = callers(source.index.definitions, hazardous)
    calling = {d for d in source.index.definitions if d not in hazardous and calls_hazard(d.code)}
    # what a private helper hands on is known by its own callers
    handing_on = {d for d in calling if d.is_private}
    if handing_on:
        calls_on = callers(source.index.definitions, handing_on)
        calling.update(d for d in source.index.definitions if calls_on(d.code))
    for definition in source.index.definitions:
        if not (definition in hazardous or definition in calling or drives_training(definition.code)):
            continue
        try:
            run_definition(session, definition)
        except SourceError:
            raise
        except Exception:
            failures.append(Failure(source.path, f"engine ({definition.qualname})", traceback.format_exc()))
    return failures


def _ask(session: Session, by_op: dict[str, list[Rule]], failures: list[Failure]) -> list[_Said]:
    """What the rules say of the sites that they listen to, without its wording."""
    said: list[_Said] = []
    session.wordless = True
    for site in session.sites:
        for rule in by_op.get(site.op, ()):
            try:
                said.extend(_Said(rule, site, number, report) for number, report in enumerate(rule.check(site)))
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
    proposals: Proposals | None = None
    if session.applied is not None:
        # most runs want no fixes and need not wait for what makes them
        from nanlint.fixes.proposing import Proposals

        proposals = Proposals(session)
    suppressions = session.source.suppressions
    useful: set[tuple[Suppression, str]] = set()
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
        proposals.of(said.site, report) if proposals is not None else (),
    )  # fmt: skip


def _called_from(session: Session, calls: tuple[Place, ...]) -> Iterator[Related]:
    for place in filter(session.is_here, calls):
        yield Related("called here", session.span(place)[0])


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """The interpreter recurses with the nesting of the code that it reads."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
