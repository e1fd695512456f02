"""The findings of `docs/found-in-the-wild`, as far as they can be tested without the packages that they are in."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from conftest import ROOT

from benchmarks import wild
from nanlint.finding import Verdict
from nanlint.rule import Rule

CASES = wild.cases()
PROGRAM = '''"""demo==1.0: demo/a.py:3, NAN101

What is wrong: it is
wrong.

May a caller pass it: yes.
"""

{body}
'''


def made(folder: Path, body: str) -> wild.Case:
    file = folder / "demo.py"
    file.write_text(PROGRAM.format(body=body), encoding="utf-8")
    return wild.read(file)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file.stem)
def test_the_page_has_each_of_them_as_it_stands(case: wild.Case, rules: tuple[Rule, ...]) -> None:
    page = (ROOT / "docs" / "found-in-the-wild.md").read_text(encoding="utf-8")
    assert wild.words(case) in page, "run python -m benchmarks.wild --write"
    assert f"May a caller pass it: {case.caller}" in " ".join(page.split())
    assert case.code in {rule.code for rule in rules}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file.stem)
def test_each_calls_a_verified_release_and_ends_with_what_it_expects(case: wild.Case) -> None:
    package = case.path.split("/")[0]
    tree = ast.parse(case.program)
    imported = {node.module.split(".")[0] for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
    assert imported == {package}
    assert isinstance(tree.body[-1], ast.Assert)
    assert case.package.pin == case.pin


def test_the_page_has_no_others() -> None:
    page = (ROOT / "docs" / "found-in-the-wild.md").read_text(encoding="utf-8")
    assert page.count("\n## ") == len(CASES)


def test_a_program_has_to_fail_by_its_assertion(tmp_path: Path) -> None:
    assert wild.said(made(tmp_path, "assert False, 'it is nan'")) == "it is nan"
    with pytest.raises(wild.NotShown, match=r"demo\.py: it ended with status 0"):
        wild.said(made(tmp_path, "x = 1"))
    with pytest.raises(wild.NotShown, match="ModuleNotFoundError"):
        wild.said(made(tmp_path, "import no_such_module"))


def test_a_section_says_what_came_out(tmp_path: Path) -> None:
    case = made(tmp_path, "assert False")
    assert (case.wrong, case.place) == ("it is wrong.", "demo/a.py:3")
    text = wild.section(wild.Shown(case, Verdict("confirmed", "result is nan", ("x = 1",)), "it is nan"))
    assert "## demo 1.0: `demo/a.py:3`, NAN101" in text
    assert "It says: it is nan." in text
    assert "`nanlint verify` says: confirmed: result is nan with `x = 1`." in text


@pytest.mark.parametrize("text", ["x = 1", '"""demo==1.0: demo/a.py:3, NAN101\n\nWhat is wrong: all.\n"""'])
def test_a_file_without_its_words_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "demo.py").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"demo\.py"):
        wild.read(tmp_path / "demo.py")


def test_another_release_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "demo.py"
    file.write_text(PROGRAM.format(body="x = 1").replace("demo==1.0", "timm==0.1"), encoding="utf-8")
    with pytest.raises(ValueError, match="not the release"):
        _ = wild.read(file).package
