"""Check the bytes of one file with rules: pure, no input or output."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Literal

from nanlint.finding import Confidence, Finding, Position, Result
from nanlint.following import callers, drivers, follows
from nanlint.mentions import mentioned
from nanlint.rule import Rule
from nanlint.selection import INVALID
from nanlint.slotted import replace
from nanlint.source import Modules, Source, SourceError, Suppression, glance
from nanlint.triggers import Triggers

if TYPE_CHECKING:
    from nanlint.source import Definition, Parsed

RECURSION_LIMIT = 6000


def check(
    data: bytes,
    path: str,
    rules: Sequence[Rule],
    confidence: Confidence,
    *,
    noqa: bool = True,
    modules: Modules | None = None,
    parsed: Parsed | None = None,
    fixes: bool = False,
    unused: Literal["no", "listed", "all"] = "no",
) -> Result:
    """Find the hazards in a file.

    A file that cannot be read as Python gives one finding `NAN000 invalid-file`; a rule that raises gives a Failure
    and hides nothing else. Findings below `confidence` are counted, not listed. Without `noqa`, comments of that word
    silence nothing, because the host sees to them itself; `# nanlint: ignore` always counts. What the file imports is
    looked up in `modules`, when a definition that is run asks for it. `parsed` is the file where somebody has parsed
    it. With `fixes`, findings say what to write instead. `unused`: whether comments that silence none of the rules are
    findings, too, those that `listed` rules or `all`.
    """
    try:
        with _deep_recursion():
            if modules is not None:
                return _check(modules.open(data, path, parsed), rules, confidence, noqa, modules, fixes, unused)
            with closing(Source(data, path, parsed)) as source:
                return _check(source, rules, confidence, noqa, None, fixes, unused)
    except SourceError as error:
        start = error.position
        end = Position(start.row, start.column + 1)
        return Result((Finding(INVALID.code, INVALID.name, error.message, path, start, end, Confidence.CERTAIN),))


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
    result, useful = Result(), set[tuple[Suppression, str]]()
    chosen = _worth_a_look(frozenset(by_op), source)
    if chosen:
        # what evaluates code takes longer to import than a file takes that holds nothing to be evaluated
        from nanlint.judging import judged

        result, useful = judged(source, chosen, by_op, confidence, noqa=noqa, modules=modules, fixes=fixes)
    if unused != "no" and not result.failures:
        silent = _silencing_nothing(source, rules, useful, noqa=noqa, bare=unused == "all", fixes=fixes)
        findings = tuple(sorted((*result.findings, *silent), key=lambda f: f.sort_key))
        result = replace(result, findings=findings)
    return result


def _silencing_nothing(
    source: Source, rules: Sequence[Rule], useful: set[tuple[Suppression, str]], *, noqa: bool, bare: bool, fixes: bool
) -> Sequence[Finding]:
    if not source.suppressions.comments:
        return ()
    from nanlint.fixes.suppressing import silencing_nothing

    return tuple(silencing_nothing(source, rules, useful, noqa=noqa, bare=bare, fixes=fixes))


def _worth_a_look(listened: frozenset[str], source: Source) -> list[Definition]:
    """The definitions that may show something at sites of these ops."""
    triggers = Triggers(listened, source)
    seen = glance(source) if not source.is_indexed else None
    if seen is not None and not triggers.in_file(*seen) and not follows(listened, source, seen[1]):
        # so it is for every other file, which need not be taken apart
        source.check_syntax()
        return []
    definitions = source.index.definitions
    worth_a_look = triggers.of(source.index)
    drives_training = drivers(listened, source)
    hazardous = {definition for definition in definitions if worth_a_look(definition.code)}
    calls_hazard = callers(source, hazardous)
    calling = {d for d in definitions if d not in hazardous and calls_hazard(d.code)}
    # what a private helper hands on is known by its own callers
    handing_on = {d for d in calling if d.is_private}
    if handing_on:
        calls_on = callers(source, handing_on)
        calling.update(d for d in definitions if calls_on(d.code))
    return [d for d in definitions if d in hazardous or d in calling or drives_training(d.code)]


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """The interpreter recurses with the nesting of the code that it reads."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
