"""SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), as code scanning services read it."""

from __future__ import annotations

import hashlib
import json
import os
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from nanlint.finding import Confidence, Finding, Fix, Position
from nanlint.report import verdicts
from nanlint.report.source_text import SourceText

LEVELS = {Confidence.CERTAIN: "error", Confidence.LIKELY: "warning", Confidence.POSSIBLE: "note"}
ROOT = "SRCROOT"


class Documented(Protocol):
    """What is said of a rule."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def doc(self) -> str: ...
    @property
    def summary(self) -> str: ...


def render(
    findings: Sequence[Finding],
    text: SourceText,
    *,
    version: str,
    root: Path,
    rules: Iterable[Documented],
    errors: Sequence[str],
) -> str:
    """A log with one run. Paths in `root`, the top folder of the repository, are given relative to it.

    `rules` may hold more than the findings name; `errors` say what kept nanlint from a complete verdict.
    """
    known = {rule.code: rule for rule in rules}
    codes = sorted({finding.code for finding in findings})
    seen: Counter[tuple[str, ...]] = Counter()
    run = {
        "tool": {
            "driver": {
                "name": "nanlint",
                "version": version,
                "rules": [_rule(code, known.get(code)) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"uri": root.as_uri().rstrip("/") + "/"}},
        "invocations": [
            {
                "executionSuccessful": not errors,
                "toolExecutionNotifications": [{"level": "error", "message": {"text": error}} for error in errors],
            }
        ],
        "results": [_result(finding, codes.index(finding.code), text, root, seen) for finding in findings],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2) + "\n"


def _rule(code: str, rule: Documented | None) -> dict[str, Any]:
    if rule is None:
        return {"id": code}
    return {
        "id": code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.doc, "markdown": rule.doc},
        "properties": {"tags": [rule.kind]},
    }


def _result(
    finding: Finding, index: int, text: SourceText, root: Path, seen: Counter[tuple[str, ...]]
) -> dict[str, Any]:
    artifact = _artifact(finding.path, root)
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": LEVELS[finding.confidence],
        "message": {"text": finding.message},
        "locations": [_location(artifact, finding.start, finding.end)],
        "partialFingerprints": {"nanlint/v1": _fingerprint(finding, text, seen)},
        "properties": {"confidence": finding.confidence.word},
    }
    if finding.verdict:
        result["message"] = {"text": f"{finding.message} ({verdicts.sentence(finding.verdict)})"}
        result["properties"]["verdict"] = verdicts.plain(finding.verdict)
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, **_location(artifact, place.start), "message": {"text": place.message}}
            for number, place in enumerate(finding.related, 1)
        ]
    if finding.fixes:
        result["fixes"] = [_fix(fix, finding.path, artifact, text) for fix in finding.fixes]
    return result


def _fingerprint(finding: Finding, text: SourceText, seen: Counter[tuple[str, ...]]) -> str:
    """The same for the same line of code wherever it moves to in its file.

    The code of the rule and the words of the line, and a number that tells equal ones in a file apart.
    """
    words = " ".join(text.line(finding.path, finding.start.row).split())
    seen[finding.path, finding.code, words] += 1
    known = hashlib.sha256(f"{finding.code}\0{words}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{known[:32]}:{seen[finding.path, finding.code, words]}"


def _artifact(path: str, root: Path) -> dict[str, str]:
    full = Path(os.path.abspath(path))
    if full.is_relative_to(root):
        relative = os.fsencode(full.relative_to(root).as_posix())
        return {"uri": urllib.parse.quote(relative), "uriBaseId": ROOT}
    return {"uri": full.as_uri()}


def _location(artifact: dict[str, str], start: Position, end: Position | None = None) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": artifact, "region": _region(start, end)}}


def _region(start: Position, end: Position | None) -> dict[str, int]:
    region = {"startLine": start.row, "startColumn": start.column}
    return region if end is None else {**region, "endLine": end.row, "endColumn": end.column}


def _fix(fix: Fix, path: str, artifact: dict[str, str], text: SourceText) -> dict[str, Any]:
    replacements = [
        {
            "deletedRegion": _region(text.position(path, edit.start), text.position(path, edit.end)),
            "insertedContent": {"text": edit.text},
        }
        for edit in fix.edits
    ]
    return {
        "description": {"text": f"{fix.title} ({fix.applicability})"},
        "artifactChanges": [{"artifactLocation": artifact, "replacements": replacements}],
    }
