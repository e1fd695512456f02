"""Packs: what is found, and what is refused with a message that names the file."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from nanlint import packs
from nanlint.rule import Rule, RuleError

HEADER = "from nanlint.rule import rule\n"
RULE = '''
@rule("{code}", at="log", kind="domain")
def {function}(site):
    """
    A demonstration.

    ## Why is this bad?
    Because.
    ## Bad
    bad
    ## Good
    good
    ## Known limits
    None.
    """
    yield from ()
'''


def pack(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, text in files.items():
        (folder / f"{stem}.py").write_text(text, encoding="utf-8")
    return folder


def rule(function: str, code: str) -> str:
    return HEADER + RULE.format(function=function, code=code)


def error(folder: Path) -> str:
    with pytest.raises(RuleError) as caught:
        packs.load([folder])
    return str(caught.value)


def test_the_built_in_pack_is_every_file_of_rules(rules: tuple[Rule, ...]) -> None:
    assert {r.check.__name__ for r in rules} == {f.stem for f in (ROOT / "rules").glob("*.py")}
    assert [r.code for r in rules] == sorted(r.code for r in rules)
    assert {r.check.__module__ for r in rules} == {f"nanlint.rules.{r.check.__name__}" for r in rules}


def test_what_is_declared_of_a_rule_is_what_its_file_says(rules: tuple[Rule, ...]) -> None:
    lines = (ROOT / "rules" / packs.DECLARED).read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(rules)
    for rule in rules:
        written = packs.imported(rule.check.__module__, Path(rule.check.__code__.co_filename))
        assert rule is not written, f"{rule.name}: its line in {packs.DECLARED} is of another state of the file"
        for part in ("code", "name", "at", "kind", "over", "mentions"):
            assert getattr(rule, part) == getattr(written, part), (rule.name, part)


def test_a_declaration_holds_for_the_file_as_it_was(tmp_path: Path) -> None:
    folder = pack(tmp_path / "declared", one=rule("one", "TEA001"), two=rule("two", "TEA002"))
    first = [r for r in packs.load([folder]) if r.code.startswith("TEA")]
    (folder / packs.DECLARED).write_text(packs.declarations(folder, first), encoding="utf-8")
    one, two = (sys.modules.pop(r.check.__module__).__name__ for r in first)
    pack(folder, two="# another code\n" + rule("two", "TEA003"))
    second = [r for r in packs.load([folder]) if r.code.startswith("TEA")]
    assert [r.code for r in second] == ["TEA001", "TEA003"]
    assert two in sys.modules
    assert one not in sys.modules
    assert (second[0].summary, second[0].check.__name__) == ("A demonstration.", "one")


def test_loading_twice_gives_the_same_rules() -> None:
    assert all(a is b for a, b in zip(packs.load(), packs.load(), strict=True))


def test_a_local_folder_adds_its_rules(tmp_path: Path) -> None:
    folder = pack(tmp_path / "team", my_rule=rule("my_rule", "TEA001"), _shared="X = 1\n")
    assert [r.name for r in packs.load([folder]) if r.code.startswith("TEA")] == ["my-rule"]


def test_two_local_folders_with_one_name_do_not_mix(tmp_path: Path) -> None:
    first = pack(tmp_path / "a" / "team", first=rule("first", "TEA001"))
    second = pack(tmp_path / "b" / "team", second=rule("second", "TEA002"))
    assert [r.name for r in packs.load([first, second]) if r.code.startswith("TEA")] == ["first", "second"]


def test_rules_of_a_pack_import_their_neighbours_by_the_package_name(tmp_path: Path) -> None:
    packs.mount(pack(tmp_path / "anything", one="X = 1\n"), "mounted_pack_of_a_test")
    assert importlib.import_module("mounted_pack_of_a_test.one").X == 1


def test_an_installed_pack_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(tmp_path / "demo_pack", __init__="", installed_rule=rule("installed_rule", "DEM001"))
    info = tmp_path / "demo_pack-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: demo-pack\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[nanlint.rules]\ndemo = demo_pack\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "installed-rule" in {r.name for r in packs.load()}
    sys.modules.pop("demo_pack")


def test_an_empty_pack_is_refused_even_with_a_stale_cache(tmp_path: Path) -> None:
    folder = pack(tmp_path / "empty")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "gone.cpython-311.pyc").write_bytes(b"")
    assert "no rule in this pack" in error(folder)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path / "nowhere") in error(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (HEADER + RULE.format(function="other", code="TEA001"), 3, "must have the name of its file, wrong"),
        (HEADER + RULE.format(function="wrong", code="TEA1"), 3, "code 'TEA1' is not"),
        (HEADER + "x = 1 / 0\n", 2, "ZeroDivisionError"),
        (HEADER + "import no_such_module_at_all\n", 2, "ModuleNotFoundError"),
        (HEADER + "\nx = (\n", 3, "SyntaxError"),
        (HEADER + 'raise SystemError("no")\n', 2, "SystemError: no"),
    ],
)
def test_a_broken_rule_is_named_with_file_and_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    message = error(pack(tmp_path / "broken", wrong=text))
    assert message.startswith(f"{tmp_path / 'broken' / 'wrong.py'}:{line}: "), message
    assert words in message


def test_a_file_without_a_rule_is_refused(tmp_path: Path) -> None:
    assert "a rule file holds one rule, this one has 0" in error(pack(tmp_path / "none", helpers="X = 1\n"))


def test_a_file_with_two_rules_is_refused(tmp_path: Path) -> None:
    two = rule("two", "TEA001") + RULE.format(function="more", code="TEA002")
    assert "a rule file holds one rule, this one has 2" in error(pack(tmp_path / "both", two=two))


@pytest.mark.parametrize("key", ["name", "code"])
def test_duplicates_name_both_files(tmp_path: Path, key: str) -> None:
    second = ("one", "TEA002") if key == "name" else ("other", "TEA001")
    folders = [pack(tmp_path / "a", one=rule("one", "TEA001")), pack(tmp_path / "b", **{second[0]: rule(*second)})]
    with pytest.raises(RuleError) as caught:
        packs.load(folders)
    message = str(caught.value)
    assert str(tmp_path / "a" / "one.py") in message
    assert str(tmp_path / "b" / f"{second[0]}.py") in message
    assert ("called one" if key == "name" else "called TEA001") in message
