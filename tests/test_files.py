"""From the paths that a user names to the files that are checked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from nanlint.config import Config, Configs
from nanlint.files import discover, standard_input


def make(root: Path, *names: str, text: str = "") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def found(*paths: str, config: Config | None = None) -> list[str]:
    targets, errors = discover(paths, Configs(config))
    assert not errors
    return [target.path for target in targets]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_folder_gives_its_python_files_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b.py", "a.pyi", "a/z.py", "a.txt", "notebook.ipynb", "py", "a-b.py")
    assert found(".") == ["a-b.py", "a.pyi", "a/z.py", "b.py"]
    assert found(str(tmp_path)) == [f"{tmp_path}/{name}" for name in ["a-b.py", "a.pyi", "a/z.py", "b.py"]]


def test_named_file_is_checked_whatever_its_suffix(tmp_path: Path) -> None:
    make(tmp_path, "script", "build/a.py", "a.txt")
    assert found("script", "build/a.py", "./a.txt") == ["a.txt", "build/a.py", "script"]


def test_each_file_once(tmp_path: Path) -> None:
    make(tmp_path, "a/x.py")
    assert found("a", "a/x.py", "./a", str(tmp_path / "a"), "a/../a") == ["a/x.py"]


def test_missing_path_does_not_hide_the_others(tmp_path: Path) -> None:
    make(tmp_path, "a.py")
    targets, errors = discover(["nope", "a.py", "nope/nope.py"], Configs())
    assert [target.path for target in targets] == ["a.py"]
    assert errors == ["nope: no such file or folder", "nope/nope.py: no such file or folder"]


def test_default_excludes(tmp_path: Path) -> None:
    make(tmp_path, "a.py", ".venv/lib/b.py", "x/__pycache__/c.py", "build/d.py", "node_modules/e/f.py", "dist.py")
    assert found(".") == ["a.py", "dist.py"]


def test_excluded_folder_is_checked_when_it_is_named(tmp_path: Path) -> None:
    make(tmp_path, "build/a.py", "build/build/b.py")
    assert found("build") == ["build/a.py"]


def test_force_exclude_looks_at_named_paths_and_the_folders_above(tmp_path: Path) -> None:
    make(tmp_path, "a.py", "build/x/a.py", "gen.py")
    config = Config(force_exclude=True, exclude=("build", "gen.py"))
    assert found("a.py", "build/x/a.py", "gen.py", "build", config=config) == ["a.py"]


def test_force_exclude_does_not_look_above_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "build/project/a.py")
    make(tmp_path, "build/project/nanlint.toml", text="force-exclude = true")
    monkeypatch.chdir(tmp_path / "build" / "project")
    assert found("a.py") == ["a.py"]


def test_each_file_has_the_configuration_nearest_to_it(tmp_path: Path) -> None:
    make(tmp_path, "a.py", "sub/b.py", "sub/skip/c.py")
    make(tmp_path, "sub/nanlint.toml", text="confidence = 'certain'\nexclude = ['skip']")
    targets, _ = discover(["."], Configs())
    assert [(target.path, target.config.confidence.word) for target in targets] == [
        ("a.py", "likely"),
        ("sub/b.py", "certain"),
    ]


def test_broken_configuration_costs_only_the_files_it_governs(tmp_path: Path) -> None:
    make(tmp_path, "a.py", "sub/b.py", "sub/deeper/c.py")
    make(tmp_path, "sub/nanlint.toml", text="nonsense = 1")
    targets, errors = discover([".", "sub/b.py", "sub/deeper"], Configs())
    assert [target.path for target in targets] == ["a.py"]
    assert len(errors) == 1


GITIGNORE = {
    ".gitignore": "*.gen.py\n/top.py\nout/\n!keep.gen.py\n# comment\n\ndoc/*.py\n",
    "sub/.gitignore": "local.py\n!other.gen.py\n",
    ".git/info/exclude": "private.py\n",
}
FILES = [
    "a.py",
    "x.gen.py",
    "keep.gen.py",
    "top.py",
    "sub/top.py",
    "out/a.py",
    "sub/out/a.py",
    "doc/a.py",
    "doc/b/a.py",
    "sub/local.py",
    "sub/deep/local.py",
    "sub/other.gen.py",
    "local.py",
    "private.py",
    "sub/private.py",
]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for name, text in GITIGNORE.items():
        make(tmp_path, name, text=text)
    make(tmp_path, *FILES)
    return tmp_path


def git_sees(repository: Path, folder: str) -> list[str]:
    command = ["git", "-C", str(repository), "ls-files", "-co", "--exclude-standard", "--", f"{folder}/*.py"]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    output = subprocess.run(command, check=True, capture_output=True, encoding="utf-8", env=environment).stdout
    return sorted(output.split())


@pytest.mark.parametrize("folder", [".", "sub", "sub/deep"])
def test_ignore_files_are_read_as_git_reads_them(repository: Path, folder: str) -> None:
    expected = git_sees(repository, folder)
    assert expected != sorted(FILES)
    assert found(folder) == expected


def test_ignore_files_can_be_left_unread(repository: Path) -> None:
    assert found(".", config=Config(respect_gitignore=False)) == sorted(FILES)


def test_named_paths_are_checked_even_if_git_ignores_them(repository: Path) -> None:
    assert found("top.py", "out") == ["out/a.py", "top.py"]


def test_ignore_files_outside_the_repository_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "inner/a.py")
    make(tmp_path, ".gitignore", text="*.py\n")
    subprocess.run(["git", "init", "-q", str(tmp_path / "inner")], check=True)
    assert found("inner") == ["inner/a.py"]
    make(tmp_path, ".gitignore", text="inner/a.py\n")
    assert found(".") == ["inner/a.py"]


def test_links_to_folders_are_not_followed_and_links_to_files_are(tmp_path: Path) -> None:
    make(tmp_path, "real/a.py")
    (tmp_path / "real" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link.py").symlink_to("real/a.py")
    assert found(".") == ["link.py", "real/a.py"]


def test_folder_called_like_a_file_is_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "x.py/y.py")
    assert found(".") == ["x.py/y.py"]


def test_pipes_in_folders_are_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert found(".") == []


def test_standard_input_has_the_configuration_of_its_name(tmp_path: Path) -> None:
    make(tmp_path, "sub/nanlint.toml", text="confidence = 'certain'\nforce-exclude = true\nexclude = ['b.py']")
    (target,), _ = standard_input(b"x", "sub/a.py", Configs())
    assert (target.path, target.data, target.config.confidence.word) == ("sub/a.py", b"x", "certain")
    assert standard_input(b"x", "sub/b.py", Configs()) == ([], [])
    (target,), _ = standard_input(b"x", None, Configs())
    assert (target.path, target.config.confidence.word) == ("-", "likely")
