"""What a file imports from its project is understood by evaluating it, and read from disk on demand alone."""

from __future__ import annotations

import json
import subprocess
import tokenize
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import marks
import pytest
from conftest import ROOT, Program

from nanlint.cache import Cache
from nanlint.config import Config
from nanlint.files import Target
from nanlint.finding import Confidence, Finding, Position
from nanlint.project import Project
from nanlint.run import run
from nanlint.source import Source

PROJECT = ROOT / "fixtures" / "project"
Find = Callable[..., "str | None"]

USER = """
import torch
from .helpers import cut


def f(x):
    return torch.log(cut(x))
"""
SAFE = "import torch\n\n\ndef cut(x):\n    return torch.relu(x) + 1\n"
UNSAFE = "import torch\n\n\ndef cut(x):\n    return torch.relu(x)\n"


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def findings(done: subprocess.CompletedProcess[str], path: Path) -> Iterator[Finding]:
    for plain in json.loads(done.stdout):
        if Path(plain["filename"]) == path:
            start = Position(plain["location"]["row"], plain["location"]["column"])
            confidence = Confidence.parse(plain["confidence"])
            yield Finding(plain["code"], plain["name"], plain["message"], str(path), start, start, confidence)


@pytest.fixture(scope="module")
def checked(program: Program) -> subprocess.CompletedProcess[str]:
    done = program("nanlint", "check", "--isolated", "--no-cache", "--output-format", "json", str(PROJECT))
    assert (done.returncode, done.stderr) == (1, "")
    return done


@pytest.mark.parametrize("path", sorted(PROJECT.rglob("*.py")), ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_findings_are_as_marked(path: Path, checked: subprocess.CompletedProcess[str]) -> None:
    with tokenize.open(path) as file:
        text = file.read()
    assert not marks.differences(marks.read(text), findings(checked, path))


def test_each_file_by_itself_gives_the_same(program: Program, checked: subprocess.CompletedProcess[str]) -> None:
    alone: list[object] = []
    for path in sorted(PROJECT.rglob("*.py")):
        done = program("nanlint", "check", "--isolated", "--no-cache", "--output-format", "json", str(path))
        alone += json.loads(done.stdout)
    assert alone == json.loads(checked.stdout)


def test_the_number_of_processes_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanlint.run.BYTES_WORTH_A_PROCESS", 1)
    targets = [Target(str(path), Config()) for path in sorted(PROJECT.rglob("*.py"))]
    assert run(targets, jobs=2) == run(targets, jobs=1)


def test_standard_input_with_a_name_has_its_project(program: Program) -> None:
    path = PROJECT / "train.py"
    arguments = ("--isolated", "--output-format", "json", "--stdin-filename", str(path), "-")
    done = program("nanlint", "check", *arguments, stdin=path.read_text(encoding="utf-8"))
    assert not marks.differences(marks.read(path.read_text(encoding="utf-8")), findings(done, path))


def test_a_message_names_the_other_file(checked: subprocess.CompletedProcess[str]) -> None:
    (found,) = [f for f in findings(checked, PROJECT / "train.py") if "scaling" in f.message]
    assert "relu on line 5 of scaling.py gives [0, inf)" in found.message


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """`find(name, file)`: the path below the folder of the module of that name, as `file` imports it."""

    def look(name: str, file: str) -> str | None:
        path = tmp_path / file
        with closing(Project(str(path))) as project:
            found = project.find(name, project.open(path.read_bytes(), str(path)))
            return Path(found.path).relative_to(tmp_path).as_posix() if found is not None else None

    return look


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        (".b", "p/a.py", "p/b.py"),
        (".", "p/a.py", "p/__init__.py"),
        (".b", "p/__init__.py", "p/b.py"),
        (".q", "p/a.py", "p/q/__init__.py"),
        (".q.c", "p/a.py", "p/q/c.py"),
        ("..b", "p/q/c.py", "p/b.py"),
        ("..", "p/q/c.py", "p/__init__.py"),
        ("...script", "p/q/c.py", "script.py"),
        ("p.q.c", "p/b.py", "p/q/c.py"),
        ("p.b", "script.py", "p/b.py"),
        ("p", "script.py", "p/__init__.py"),
        ("p.b", "scripts/run.py", "p/b.py"),
        ("spare.e", "scripts/run.py", "scripts/spare/e.py"),
        ("below.d", "script.py", "src/below/d.py"),
        (".a", "p/a.py", "p/a.py"),
        (".none", "p/a.py", None),
        ("p.none", "script.py", None),
        ("none.b", "script.py", None),
        ("c", "p/q/c.py", None),
    ],
)
def test_where_a_module_is(tmp_path: Path, find: Find, name: str, file: str, expected: str | None) -> None:
    write(tmp_path, script="", scripts__run="", scripts__spare__e="", src__below__d="")
    for path in ("p/__init__.py", "p/a.py", "p/b.py", "p/q/__init__.py", "p/q/c.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("", encoding="utf-8")
    assert find(name, file) == expected


def test_what_is_installed_is_no_part_of_a_project(tmp_path: Path, find: Find) -> None:
    site = tmp_path / "site-packages"
    for package in ("mine", "theirs"):
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").write_text("", encoding="utf-8")
    assert find("theirs", "site-packages/mine/__init__.py") is None
    assert find("mine", "site-packages/mine/__init__.py") == "site-packages/mine/__init__.py"


@pytest.mark.parametrize("broken", ["def f(:\n", "\0", "# coding: none\n"])
def test_a_file_that_is_not_python_is_not_found(tmp_path: Path, find: Find, broken: str) -> None:
    write(tmp_path, a="", b=broken)
    assert find(".b", "a.py") is None


def test_of_all_that_a_package_imports_only_what_may_have_the_name_is_parsed(tmp_path: Path) -> None:
    texts = {"b": "y = 1\n", "c": "from .d import \\\n  *\n", "d": "x = 1\n"}
    write(tmp_path, a="", **texts)
    path = str(tmp_path / "a.py")
    with closing(Project(path)) as project:
        asker = project.open(b"", path)
        found = {name: project.find(f".{name}", asker, "x") for name in texts}
        assert [name for name, source in found.items() if source is not None] == ["c", "d"]
        assert project.looked_at[str(tmp_path / "b.py")] is not None
        whole = project.find(".b", asker)
        assert whole is not None
        assert project.find(".b", asker, "x") is whole


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    write(tmp_path, a="", b="x = 1\n")
    asker = Source(b"", str(tmp_path / "a.py"))
    texts: list[str] = []
    for text in ("x = 1\n", "x = 1, 2\n"):
        write(tmp_path, b=text)
        with closing(Project(asker.path)) as project:
            found = project.find(".b", asker)
            assert found is not None
            texts.append(found.text)
    assert texts == ["x = 1\n", "x = 1, 2\n"]


def names(folder: Path, cache: Cache | None = None, jobs: int = 1) -> list[str]:
    report = run([Target(str(folder / "user.py"), Config())], jobs=jobs, cache=cache)
    assert not report.failures
    return [finding.name for finding in report.findings]


@pytest.mark.parametrize(
    "helpers",
    [
        "from .user import cut\n",
        "from .helpers import cut\n",
        "from .more import cut\n",
        "from . import *\n",
        "cut = cut\n",
        "def cut(x)\n",
        "other = 1\n",
        "try:\n    from a import cut\nexcept ImportError:\n    cut = None\n",
        "class cut(cut): pass\n",
    ],
)
def test_what_cannot_be_known_is_unknown(tmp_path: Path, helpers: str) -> None:
    write(tmp_path, user=USER, helpers=helpers, more="from .helpers import cut\n")
    assert names(tmp_path) == []


HALF_WRITTEN = "import torch\n\n\ndef cut(x):\n    return torch.relu(x)\n\n\ndef other(x):\n    return torch.relu(x\n"


def test_a_function_that_is_half_written_hides_no_other_one(tmp_path: Path) -> None:
    write(tmp_path, user=USER, helpers=HALF_WRITTEN)
    assert names(tmp_path) == ["log-of-nonpositive"]
    for order in (("user", "helpers"), ("helpers", "user")):
        report = run([Target(str(tmp_path / f"{name}.py"), Config()) for name in order], jobs=1)
        assert [(Path(f.path).name, f.name) for f in report.findings] == [
            ("helpers.py", "invalid-file"),
            ("user.py", "log-of-nonpositive"),
        ]


@pytest.mark.parametrize(
    ("helpers", "use"),
    [
        ("def cut(x):\n    return torch.relu(x\n", "torch.log(cut(x))"),
        ("class cut:\n    def __init__(self):\n        self.eps = = 0\n", "torch.log(x + cut().eps)"),
        ("class cut:\n    def __init__(self):\n        self.eps = = 0\n", "torch.log(x + A().eps)"),
        ("class cut:\n    eps = = 0\n\n    def f(self):\n        pass\n", "torch.log(x + cut.eps)"),
    ],
)
def test_a_half_written_function_that_is_used_is_unknown(tmp_path: Path, helpers: str, use: str) -> None:
    user = f"import torch\nfrom .helpers import cut\n\n\nclass A(cut): pass\n\n\ndef f(x):\n    return {use}\n"
    write(tmp_path, user=user, helpers=f"import torch\n\n\n{helpers}")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [("(x > 0).sum()", ["likely"]), ("x.abs() + 1", []), ("= x", []), (None, ["certain"])],
    ids=["count", "positive", "half-written", "never"],
)
def test_an_inherited_method_changes_what_an_inherited_constructor_has_set(
    tmp_path: Path, given: str | None, told: list[str]
) -> None:
    base = "class Base(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    base += "        self.n = torch.zeros(1)\n\n"
    base += f"    def update(self, x):\n        self.n = {given}\n" if given is not None else ""
    user = "class A(Base):\n    def forward(self, x):\n        return x / self.n\n"
    head = "import torch\nfrom torch import nn\n\n\n"
    write(tmp_path, user=f"import torch\nfrom .base import Base\n\n\n{user}", base=head + base)
    report = run([Target(str(tmp_path / "user.py"), Config())], jobs=1)
    assert not report.failures
    assert [finding.confidence.word for finding in report.findings] == told


def test_functions_of_what_is_imported_are_read_with_it_only_where_it_is_checked_too(tmp_path: Path) -> None:
    write(tmp_path, a="from .b import f\n", b="def f():\n    return 1\n")
    path, imported = str(tmp_path / "a.py"), str(tmp_path / "b.py")
    with closing(Project(path, alone=True)) as project:
        found = project.find(".b", project.open(b"", path))
        assert found is not None
        assert found.index.functions["f"].read is None
        assert found.index.functions["f"].is_readable
    with closing(Project(imported)) as project:
        checked = project.open(Path(imported).read_bytes(), imported)
        assert checked is not found
        assert checked.index.functions["f"].read is not None
    (tmp_path / "b.py").write_text("def f():\n    return 2\n", encoding="utf-8")
    with closing(Project(path)) as project:
        found = project.find(".b", project.open(b"", path))
        assert found is not None
        assert found.index.functions["f"].read is not None


def test_a_result_is_kept_only_as_long_as_what_it_depends_on(tmp_path: Path) -> None:
    cache_folder = tmp_path / "c"
    write(tmp_path, user=USER)

    def cached() -> list[str]:
        return names(tmp_path, Cache(cache_folder, "1"))

    assert cached() == []
    write(tmp_path, helpers=UNSAFE)
    assert cached() == ["log-of-nonpositive"]
    write(tmp_path, helpers=SAFE)
    assert cached() == []
    write(tmp_path, helpers="from .deeper import cut\n", deeper=UNSAFE)
    assert cached() == ["log-of-nonpositive"]
    (tmp_path / "deeper.py").unlink()
    assert cached() == []
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").write_text(UNSAFE, encoding="utf-8")
    assert cached() == ["log-of-nonpositive"]


def test_an_unchanged_project_is_taken_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, user=USER, helpers=UNSAFE)
    cache_folder = tmp_path / "c"
    assert names(tmp_path, Cache(cache_folder, "1")) == ["log-of-nonpositive"]
    monkeypatch.setattr("nanlint.engine.check", None)
    assert names(tmp_path, Cache(cache_folder, "1")) == ["log-of-nonpositive"]


def test_nothing_of_what_is_imported_is_run(tmp_path: Path) -> None:
    write(tmp_path, user=USER, helpers=f"open({str(tmp_path / 'ran')!r}, 'w')\n{UNSAFE}")
    assert names(tmp_path) == ["log-of-nonpositive"]
    assert not (tmp_path / "ran").exists()


def test_one_name_for_several_modules_is_no_failure(tmp_path: Path, program: Program) -> None:
    user = "import torch\nimport a, b\n\n\ndef f(x):\n    return [torch.log(x + m.EPS) for m in (a, b)]\n"
    write(tmp_path, a="EPS = 1e-8\n", b="EPS = 1e-6\n", user=user)
    done = program("nanlint", "check", "--isolated", "--no-cache", str(tmp_path))
    assert (done.returncode in (0, 1), done.stderr) == (True, "")
