"""Check the bytes of one file with rules: pure, no input or output."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from nanlint.facts.frame import Place, Session
from nanlint.facts.interpreter import new_session, run_definition
from nanlint.finding import Confidence, Failure, Finding, Position, Related, Result
from nanlint.rule import Rule
from nanlint.site import Report, Site
from nanlint.source import Source, SourceError
from nanlint.triggers import callers, drivers, triggers

RECURSION_LIMIT = 6000


def check(data: bytes, path: str, rules: Sequence[Rule], confidence: Confidence, *, noqa: bool = True) -> Result:
    """Find the hazards in a file.

    A file that cannot be read as Python gives one finding `NAN000 invalid-file`; a rule that raises gives a Failure
    and hides nothing else. Findings below `confidence` are counted, not listed. Without `noqa`, comments of that word
    silence nothing, because the host sees to them itself; `# nanlint: ignore` always counts.
    """
    try:
        source = Source(data, path)
        with _deep_recursion():
            return _check(source, rules, confidence, noqa)
    except SourceError as error:
        start = error.position
        end = Position(start.row, start.column + 1)
        return Result((Finding("NAN000", "invalid-file", error.message, path, start, end, Confidence.CERTAIN),))


@dataclass(slots=True, eq=False)
class _Said:
    rule: Rule
    site: Site
    report: Report


def _check(source: Source, rules: Sequence[Rule], confidence: Confidence, noqa: bool) -> Result:
    active = [rule for rule in rules if not rule.mentions or any(word in source.text for word in rule.mentions)]
    by_op: dict[str, list[Rule]] = {}
    for rule in active:
        for op in rule.at:
            by_op.setdefault(op, []).append(rule)
    session = new_session(source, frozenset(by_op))
    session.threshold = confidence
    failures: list[Failure] = []
    worth_a_look = triggers(frozenset(by_op), source.index.imports)
    drives_training = drivers(frozenset(by_op), source)
    hazardous = {definition for definition in source.index.definitions if worth_a_look(definition.code)}
    calls_hazard = callers(source.index.definitions, hazardous)
    for definition in source.index.definitions:
        code = definition.code
        if not (definition in hazardous or drives_training(code) or calls_hazard(code)):
            continue
        try:
            run_definition(session, definition)
        except SourceError:
            raise
        except Exception:
            failures.append(Failure(source.path, f"engine ({definition.qualname})", traceback.format_exc()))
    said: list[_Said] = []
    for site in session.sites:
        for rule in by_op.get(site.op, ()):
            try:
                said.extend(_Said(rule, site, report) for report in rule.check(site))
            except Exception:
                failures.append(Failure(source.path, rule.name, traceback.format_exc()))
    findings, held_back = _settle(session, said, confidence, noqa)
    return Result(findings, tuple(failures), held_back, tuple(dict.fromkeys(session.notes)))


def _settle(session: Session, said: list[_Said], confidence: Confidence, noqa: bool) -> tuple[tuple[Finding, ...], int]:
    """One finding per defect, at the highest confidence with which it was seen."""
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
    held_back = 0
    for s in best.values():
        if s.report.confidence < confidence:
            held_back += 1
            continue
        finding = _finding(session, s)
        if not session.source.suppressions.covers(finding.code, finding.name, finding.start.row, noqa):
            findings.append(finding)
    unique = {(f.code, f.start, f.end): f for f in sorted(findings, key=lambda f: f.confidence)}
    return tuple(sorted(unique.values(), key=lambda f: f.sort_key)), held_back


def _finding(session: Session, said: _Said) -> Finding:
    report = said.report
    start, end = session.span(report.place)
    related = [Related(text, session.span(place)[0]) for text, place in report.related]
    message = report.message
    if said.site.calls:
        related.extend(_called_from(session, said.site.calls))
        message += f", when called from line {session.row(said.site.calls[0])}"
    return Finding(
        said.rule.code, said.rule.name, message, session.source.path, start, end, report.confidence, tuple(related),
        report.fixes,
    )  # fmt: skip


def _called_from(session: Session, calls: tuple[Place, ...]) -> Iterator[Related]:
    for place in calls:
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
