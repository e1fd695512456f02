"""Rules about this project itself."""

from __future__ import annotations

import ast
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, run, run_module

import nanlint
from nanlint.dev import generate
from nanlint.rule import Rule

MAX_LINES = 350
MAX_MESSAGE = 220
CODE = sorted(p for folder in ("nanlint", "rules") for p in (ROOT / folder).rglob("*.py"))
MAY_IMPORT_TORCH = ("nanlint/verify/", "nanlint/dev/")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, wherever the statement stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def test_a_rule_has_one_name_everywhere(rules: tuple[Rule, ...]) -> None:
    files = {p.stem for p in (ROOT / "rules").glob("*.py")}
    assert files == {r.check.__name__ for r in rules} == {r.name.replace("-", "_") for r in rules}
    assert {p.stem for p in (ROOT / "docs" / "rules").glob("*.md")} == {r.name for r in rules}
    assert files == {p.parent.name for p in (ROOT / "fixtures").glob("*/cases.py")}


def test_no_file_is_stale() -> None:
    stale = [name(path) for path in generate.stale(ROOT)]
    assert stale == [], generate.CURE


def messages() -> Iterator[tuple[str, str]]:
    for snapshot in sorted((ROOT / "fixtures").glob("*/cases.txt")):
        for line in snapshot.read_text(encoding="utf-8").splitlines():
            place, _, message = line.partition("] ")
            yield f"{place}]", message


def test_messages_keep_the_convention() -> None:
    for place, message in messages():
        assert re.match(r"\S+:\d+:\d+: [A-Z]{3}\d{3} \[(certain|likely|possible)\]$", place), f"not one line: {place}"
        assert len(message) <= MAX_MESSAGE, f"{place}: {len(message)} characters, at most {MAX_MESSAGE}: {message}"
        assert not message.endswith((".", " ")), f"{place}: a message ends without a full stop: {message}"
        assert message == " ".join(message.split()), f"{place}: stray blanks: {message}"


@pytest.mark.parametrize("path", CODE, ids=name)
def test_files_are_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{name(path)} has {lines} lines: split it by job"


def test_torch_is_imported_by_the_verifier_alone() -> None:
    found = [
        name(path)
        for path in CODE
        if not name(path).startswith(MAY_IMPORT_TORCH)
        if any(module.split(".")[0] == "torch" for module in imports(path))
    ]
    assert found == []


def test_rules_import_the_api_and_the_standard_library_alone() -> None:
    for path in (ROOT / "rules").glob("*.py"):
        for module in imports(path):
            top = module.split(".")[0]
            assert module == "nanlint.api" or top in sys.stdlib_module_names, f"{name(path)} imports {module}"


def test_the_changelog_tells_of_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == nanlint.__version__


def test_a_page_edited_by_hand_and_a_left_over_page_are_stale(tmp_path: Path) -> None:
    for folder in ("nanlint", "rules", "fixtures", "docs", "README.md"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "docs").unlink()
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    page = min((tmp_path / "docs" / "rules").glob("*.md"))
    page.write_text(page.read_text(encoding="utf-8") + "by hand\n", encoding="utf-8")
    left_over = page.with_name("rule-that-is-no-more.md")
    left_over.write_text("gone\n", encoding="utf-8")
    before = {name(path) for path in generate.stale(ROOT)}
    found = generate.stale(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in found} - before == {
        f"docs/rules/{page.name}",
        f"docs/rules/{left_over.name}",
    }
    assert found[left_over] is None


def test_new_rule_writes_two_files_and_refuses_to_overwrite(tmp_path: Path) -> None:
    from nanlint.dev import new_rule

    written = new_rule.write(tmp_path, "a-new-defect", code="NAN999", at="log", kind="domain")
    assert [p.relative_to(tmp_path).as_posix() for p in written] == [
        "rules/a_new_defect.py",
        "fixtures/a_new_defect/cases.py",
    ]
    with pytest.raises(FileExistsError):
        new_rule.write(tmp_path, "a-new-defect", code="NAN999", at="log", kind="domain")
    listed = run_module("nanlint", "rules", "--output-format", "json", cwd=tmp_path)
    assert "a-new-defect" not in listed.stdout
    pack = ["--rules", str(tmp_path / "rules")]
    checked = run_module("nanlint", "check", "--isolated", *pack, str(tmp_path / "fixtures"), cwd=tmp_path)
    assert checked.returncode in (0, 1), checked.stderr


@pytest.mark.parametrize(
    ("rule_name", "code", "words"),
    [("CamelCase", "NAN999", "kebab case"), ("under_score", "NAN999", "kebab case"), ("fine", "N1", "three capitals")],
)
def test_new_rule_refuses_bad_names(tmp_path: Path, rule_name: str, code: str, words: str) -> None:
    done = run_module("nanlint.dev", "new-rule", rule_name, "--code", code, "--at", "log", "--kind", "domain")
    assert done.returncode == 1
    assert words in done.stderr


def test_imports_run_downward() -> None:
    """The layers are in pyproject.toml; a module that is in none of them fails too."""
    done = run([sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"], cwd=ROOT)
    assert done.returncode == 0, done.stdout
