"""Annotations for GitHub Actions.

Form and escapes are those of https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands and
of the runner's own `@actions/core` package.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from nanlint.finding import Confidence, Finding
from nanlint.report import verdicts

LEVELS = {Confidence.CERTAIN: "error", Confidence.LIKELY: "warning", Confidence.POSSIBLE: "notice"}
# GitHub shows this many annotations of a level for each step and drops the others without a word:
# https://github.com/orgs/community/discussions/68471
SHOWN = 10


def render(findings: Sequence[Finding], workspace: str | None) -> str:
    """One workflow command for each finding, the surest first; paths are relative to `workspace` where it is known."""
    ordered = sorted(findings, key=lambda finding: (-finding.confidence, finding.sort_key))
    lines = [_command(finding, workspace) for finding in ordered]
    counts = Counter(LEVELS[finding.confidence] for finding in ordered)
    hidden = [f"{number - SHOWN} of {number} {level}s" for level, number in counts.items() if number > SHOWN]
    if hidden:
        lines.append(f"nanlint: GitHub annotates only {SHOWN} of a level; not shown: {', '.join(hidden)}")
    return "".join(line + "\n" for line in lines)


def _command(finding: Finding, workspace: str | None) -> str:
    properties = {"title": f"nanlint ({finding.code})", "file": _path(finding.path, workspace)}
    properties["line"] = str(finding.start.row)
    properties["endLine"] = str(finding.end.row)
    if finding.start.row == finding.end.row:
        # GitHub rejects columns for a span of several lines.
        properties["col"] = str(finding.start.column)
        properties["endColumn"] = str(finding.end.column)
    listed = ",".join(f"{name}={_escaped(value, ',', ':')}" for name, value in properties.items())
    message = f"{finding.code} [{finding.confidence.word}] {finding.message}"
    if finding.verdict:
        message += f"\n{verdicts.sentence(finding.verdict)}"
    return f"::{LEVELS[finding.confidence]} {listed}::{_escaped(message)}"


def _escaped(text: str, *more: str) -> str:
    for character in ("%", "\r", "\n", *more):
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _path(path: str, workspace: str | None) -> str:
    if not workspace:
        return path
    relative = os.path.relpath(path, workspace)
    return path if relative.startswith(os.pardir) else relative.replace(os.sep, "/")
