"""Which fixes hold: the file with them parses, has lost their findings, and has no new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nanlint.finding import Edit, Finding, Fix, Result, Rewritten
from nanlint.fixes import edits
from nanlint.slotted import Data, replace
from nanlint.source import Source, SourceError

Check = Callable[[bytes], Result]
Choice = tuple[Finding, Fix]
MAX_ROUNDS = 10
"""Fixes that overlap are made one after the other, each round on what the round before it left."""


class _Made(Data):
    data: bytes
    result: Result
    gone: tuple[Finding, ...]
    edits: tuple[Edit, ...]


def with_fixes_that_hold(data: bytes, result: Result, check: Check) -> Result:
    """The result, each finding with the first of its fixes that holds where it is the only one made, or with none."""
    together = _apart([(finding, finding.fixes[0]) for finding in result.findings if finding.fixes])
    sure = set(map(id, (f for f, _ in together))) if _made(data, result, together, check) else set()
    findings = []
    for finding in result.findings:
        fixes = finding.fixes[:1]
        if id(finding) not in sure:
            fixes = tuple(fix for fix in finding.fixes if _made(data, result, [(finding, fix)], check))[:1]
        findings.append(replace(finding, fixes=fixes))
    return replace(result, findings=tuple(findings))


def fixed(data: bytes, result: Result, check: Check, *, unsafe: bool) -> Result:
    """Make the fixes of a file that hold, the unsafe ones only where they are asked for.

    `result` is what `check` says of the file as it is; what it says of the file after them is the result.
    """
    before = data
    gone: list[Finding] = []
    rounds: list[tuple[Edit, ...]] = []
    for _ in range(MAX_ROUNDS):
        wanted = [_allowed(finding, unsafe) for finding in result.findings]
        offered = [finding for finding in wanted if finding.fixes]
        made = _round(data, result, offered, check)
        if made is None:
            break
        data, result = made.data, made.result
        gone += made.gone
        rounds.append(made.edits)
    return replace(result, rewritten=Rewritten(before, data, tuple(gone), tuple(rounds))) if gone else result


def _allowed(finding: Finding, unsafe: bool) -> Finding:
    return replace(finding, fixes=tuple(fix for fix in finding.fixes if unsafe or fix.applicability == "safe"))


def _round(data: bytes, result: Result, offered: Sequence[Finding], check: Check) -> _Made | None:
    """All fixes that do not overlap at once, or those of them that go together."""
    together = _apart([(finding, finding.fixes[0]) for finding in offered])
    made = _made(data, result, together, check) if together else None
    if made is not None:
        return made
    good: list[Choice] = []
    best: _Made | None = None
    for finding in offered:
        for fix in finding.fixes:
            choices = [*good, (finding, fix)]
            if len(_apart(choices)) == len(choices) and (now := _made(data, result, choices, check)) is not None:
                good, best = choices, now
                break
    return best


def _apart(choices: Sequence[Choice]) -> list[Choice]:
    """Those that do not overlap with an earlier one."""
    taken: list[Choice] = []
    for finding, fix in choices:
        if not any(edits.overlap(fix.edits, other.edits) for _, other in taken):
            taken.append((finding, fix))
    return taken


def _made(data: bytes, result: Result, choices: Sequence[Choice], check: Check) -> _Made | None:
    """The file with these fixes; None where one of them does not hold."""
    path = choices[0][0].path if choices else ""
    source = Source(data, path)
    changes = edits.merged([fix.edits for _, fix in choices])
    try:
        changed = edits.apply(data, changes, source.encoding)
    except UnicodeEncodeError:
        return None
    after = check(changed)
    if changed == data or after.failures:
        return None
    places = {(finding.code, finding.start, finding.end) for finding, _ in choices}
    gone = tuple(f for f in result.findings if (f.code, f.start, f.end) in places)
    left = [f for f in result.findings if (f.code, f.start, f.end) not in places]
    try:
        new = Source(changed, path)
    except SourceError:
        return None
    for finding in after.findings:
        known = next((old for old in left if _is_same(old, finding, source, new, changes)), None)
        if known is None:
            return None
        left.remove(known)
    return _Made(changed, after, gone, changes)


def _is_same(old: Finding, finding: Finding, source: Source, new: Source, changes: Sequence[Edit]) -> bool:
    """The finding is one that was there before, moved by the edits."""
    if old.code != finding.code:
        return False
    first, last = edits.moved(source.byte_offset(old.start), changes, source.encoding)
    return first <= new.byte_offset(finding.start) <= last
