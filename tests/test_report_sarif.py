"""SARIF: valid against the schema, with paths and fingerprints that stay what they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nanlint.finding import Confidence, Edit, Finding, Fix, Position, Related
from nanlint.report import sarif
from nanlint.report.source_text import SourceText
from nanlint.slotted import replace

SCHEMA = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0-rtm.4.json").read_text(encoding="utf-8"))
SOURCE = "def f(x):\n    return log(x) + log(x)\n"


@dataclass(frozen=True)
class Rule:
    code: str = "NAN101"
    name: str = "log-of-nonpositive"
    kind: str = "domain"
    doc: str = "A log.\n\n## Why is this bad?\nIt is -inf."
    summary: str = "A log."


def at(row: int, column: int, path: Path, code: str = "NAN101") -> Finding:
    end = Position(row, column + 6)
    return Finding(code, "x", "log of 0", str(path), Position(row, column), end, Confidence.CERTAIN)


def log_of(findings: list[Finding], root: Path, source: str = SOURCE, errors: tuple[str, ...] = ()) -> dict[str, Any]:
    text = SourceText(lambda path: source.encode())
    log: dict[str, Any] = json.loads(
        sarif.render(findings, text, version="1.2.3", root=root, rules=[Rule()], errors=errors)
    )
    jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(log)
    return log


def results(findings: list[Finding], root: Path, source: str = SOURCE) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = log_of(findings, root, source)["runs"][0]["results"]
    return found


def test_schema_can_tell_a_bad_log(tmp_path: Path) -> None:
    log = log_of([at(2, 12, tmp_path / "a.py")], tmp_path)
    log["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(SCHEMA).validate(log)


def test_log_without_findings_is_valid(tmp_path: Path) -> None:
    (run,) = log_of([], tmp_path)["runs"]
    assert run["results"] == []
    assert run["invocations"][0]["executionSuccessful"] is True


def test_result_has_level_place_and_confidence(tmp_path: Path) -> None:
    (result,) = results([at(2, 12, tmp_path / "src" / "a b.py")], tmp_path)
    assert (result["ruleId"], result["level"]) == ("NAN101", "error")
    assert result["properties"] == {"confidence": "certain"}
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "src/a%20b.py", "uriBaseId": "SRCROOT"}
    assert place["region"] == {"startLine": 2, "startColumn": 12, "endLine": 2, "endColumn": 18}


def test_file_outside_the_repository_has_an_absolute_address(tmp_path: Path) -> None:
    (result,) = results([at(2, 12, tmp_path / "a.py")], tmp_path / "repository")
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": (tmp_path / "a.py").as_uri()}


def test_related_places_and_fixes_are_valid(tmp_path: Path) -> None:
    fixes = (Fix("Clamp it", "unsafe", (Edit(0, 3, "x"), Edit(5, 5, "y"))),)
    rich = replace(at(2, 12, tmp_path / "a.py"), related=(Related("called here", Position(1, 1)),), fixes=fixes)
    (result,) = results([rich], tmp_path)
    assert result["relatedLocations"][0]["message"]["text"] == "called here"
    (change,) = result["fixes"][0]["artifactChanges"]
    assert [each["insertedContent"]["text"] for each in change["replacements"]] == ["x", "y"]


def test_rules_are_described_from_their_documentation(tmp_path: Path) -> None:
    (run,) = log_of([at(2, 12, tmp_path / "a.py"), at(2, 12, tmp_path / "a.py", "XYZ999")], tmp_path)["runs"]
    described, bare = run["tool"]["driver"]["rules"]
    assert described["shortDescription"]["text"] == "A log."
    assert described["help"]["markdown"].startswith("A log.\n\n## Why")
    assert bare == {"id": "XYZ999"}
    assert [result["ruleIndex"] for result in run["results"]] == [0, 1]


def test_errors_are_told(tmp_path: Path) -> None:
    (run,) = log_of([], tmp_path, errors=("x.py: no such file",))["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "x.py: no such file"


def prints(findings: list[Finding], root: Path, source: str = SOURCE) -> list[str]:
    return [result["partialFingerprints"]["nanlint/v1"] for result in results(findings, root, source)]


def test_fingerprint_moves_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    before = prints([at(2, 12, file)], tmp_path)
    assert prints([at(4, 12, file)], tmp_path, "\n\n" + SOURCE) == before
    assert prints([at(2, 16, file)], tmp_path, SOURCE.replace("    return", "        return  ")) == before
    assert prints([at(2, 12, file)], tmp_path, SOURCE.replace("log", "sqrt")) != before


def test_fingerprints_of_a_file_differ(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    same_line = [at(2, 12, file), at(2, 21, file), at(2, 12, file, "XYZ999")]
    equal_lines = [at(3, 12, file), at(4, 12, file)]
    found = prints([*same_line, *equal_lines], tmp_path, SOURCE + "    return log(x)\n" * 2)
    assert len(set(found)) == len(found)
