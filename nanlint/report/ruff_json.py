"""JSON with the field names of ruff, so that what reads ruff reads nanlint, plus `confidence`, `related` and, once
verified, `verdict`.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence

from nanlint.finding import Finding, Fix, Position
from nanlint.report import verdicts
from nanlint.report.source_text import SourceText


def render(findings: Sequence[Finding], text: SourceText) -> str:
    """A list with one object for each finding."""
    return json.dumps([plain(finding, text) for finding in findings], indent=2) + "\n"


def lines(findings: Sequence[Finding], text: SourceText) -> str:
    """One object a line: the outputs of several runs are put together by writing one after the other."""
    return "".join(json.dumps(plain(finding, text)) + "\n" for finding in findings)


def statistics(findings: Sequence[Finding]) -> str:
    """Count, code and name of each rule that spoke, the most frequent first."""
    counts = Counter((finding.code, finding.name) for finding in findings)
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return json.dumps([{"code": code, "name": name, "count": n} for (code, name), n in rows], indent=2) + "\n"


def plain(finding: Finding, text: SourceText) -> dict[str, object]:
    """One finding as data."""
    found: dict[str, object] = {
        "cell": None,
        "code": finding.code,
        "name": finding.name,
        "message": finding.message,
        "confidence": finding.confidence.word,
        "severity": "error" if finding.code == "NAN000" else "warning",
        "filename": os.path.abspath(finding.path) if finding.path != "-" else "-",
        "location": _location(finding.start),
        "end_location": _location(finding.end),
        "related": [{"message": place.message, "location": _location(place.start)} for place in finding.related],
        "fix": _fix(finding.path, finding.fixes[0], text) if finding.fixes else None,
        "noqa_row": finding.start.row,
        "url": None,
    }
    if finding.verdict:
        found["verdict"] = verdicts.plain(finding.verdict)
    return found


def _fix(path: str, fix: Fix, text: SourceText) -> dict[str, object]:
    return {
        "applicability": fix.applicability,
        "message": fix.title,
        "edits": [
            {
                "content": edit.text,
                "location": _location(text.position(path, edit.start)),
                "end_location": _location(text.position(path, edit.end)),
            }
            for edit in fix.edits
        ],
    }


def _location(position: Position) -> dict[str, int]:
    return {"row": position.row, "column": position.column}
