"""Runs with a cache: they say what runs without one say, after any edits, beside other runs and on a full disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanlint import engine
from nanlint.cache import Cache, clean
from nanlint.config import Config
from nanlint.files import Target
from nanlint.run import Report, run

USER = "import torch\nfrom .helpers import cut\n\n\ndef f(x):\n    return torch.log(cut(x))\n"
HELPERS = (
    "import torch\n\n\ndef cut(x):\n    return torch.relu(x)\n",
    "import torch\n\n\ndef cut(x):\n    return torch.relu(x) + 1\n",
    "import torch\nfrom .deeper import cut\n",
    "import torch\nfrom .deeper import *\nfrom .more import *\n",
    "import torch\n\n\ndef cut(x:\n",
)
OTHER = ("import torch\n\n\ndef g(x):\n    return torch.sqrt(torch.relu(x))\n", "import torch\nx = 1\n")
EDITS = st.one_of(
    st.tuples(st.sampled_from(("helpers.py", "deeper.py", "more.py")), st.sampled_from((*HELPERS, None))),
    st.tuples(st.just("other.py"), st.sampled_from(OTHER)),
    st.tuples(st.just("user.py"), st.sampled_from((USER, f"# moved\n{USER}"))),
    st.tuples(st.just("helpers/__init__.py"), st.sampled_from((HELPERS[0], None))),
)


def edit(folder: Path, name: str, text: str | None) -> None:
    file = folder / name
    if text is None:
        file.unlink(missing_ok=True)
    else:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")


def checked(folder: Path, cache: Cache | None = None) -> Report:
    paths = sorted(str(path) for path in folder.rglob("*.py"))
    return run([Target(path, Config()) for path in paths], jobs=1, cache=cache)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(EDITS, min_size=1, max_size=6))
def test_after_any_edits_a_cached_run_says_what_an_uncached_one_says(edits: list[tuple[str, str | None]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "package"
        for file, text in (("__init__.py", ""), ("user.py", USER), ("helpers.py", HELPERS[0]), ("other.py", OTHER[0])):
            edit(folder, file, text)
        cache = Path(name) / "cache"
        assert checked(folder, Cache(cache, "1")).findings
        for file, text in edits:
            edit(folder, file, text)
            assert checked(folder, Cache(cache, "1")) == checked(folder)


def test_a_change_is_checked_again_where_it_is_and_where_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "package"
    for file, text in (("__init__.py", ""), ("user.py", USER), ("helpers.py", HELPERS[0]), ("other.py", OTHER[0])):
        edit(folder, file, text)
    check, seen = engine.check, list[str]()

    def counting(data: bytes, path: str, *arguments: object, **named: object) -> object:
        seen.append(Path(path).name)
        return check(data, path, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "check", counting)

    def again() -> list[str]:
        seen.clear()
        checked(folder, Cache(tmp_path / "cache", "1"))
        return sorted(seen)

    assert again() == ["helpers.py", "other.py", "user.py"]
    assert again() == []
    edit(folder, "helpers.py", HELPERS[1])
    assert again() == ["helpers.py", "user.py"]
    edit(folder, "other.py", OTHER[1])
    assert again() == ["other.py"]
    edit(folder, "user.py", f"# moved\n{USER}")
    assert again() == ["user.py"]


def test_what_a_run_without_a_cache_has_read_is_known_to_the_next_with_one(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    for file, text in (("__init__.py", ""), ("user.py", USER), ("helpers.py", HELPERS[0])):
        edit(folder, file, text)
    cache = tmp_path / "cache"
    assert checked(folder) == checked(folder, Cache(cache, "1"))
    edit(folder, "helpers.py", HELPERS[1])
    assert checked(folder, Cache(cache, "1")) == checked(folder)
    assert not checked(folder).findings


def started(folder: Path, *command: str) -> subprocess.Popen[str]:
    arguments = [*command, sys.executable, "-m", "nanlint", "check", "--isolated", "--output-format", "json", "package"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(arguments, cwd=folder, env=environment, stdout=pipe, stderr=pipe, encoding="utf-8")


def said(process: subprocess.Popen[str]) -> list[tuple[str, str]]:
    out, errors = process.communicate()
    assert (process.returncode, errors) == (1, "")
    return [(Path(finding["filename"]).name, finding["code"]) for finding in json.loads(out)]


EXPECTED = [(f"m{number}.py", "NAN101") for number in range(6)]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for number in range(6):
        edit(tmp_path / "package", f"m{number}.py", HELPERS[0].replace("relu(x)", "log(torch.relu(x))"))
    return tmp_path


def test_runs_beside_each_other_share_a_cache(package: Path) -> None:
    for process in [started(package) for _ in range(3)]:
        assert said(process) == EXPECTED
    assert not list((package / ".nanlint_cache").rglob("*.tmp"))
    assert said(started(package)) == EXPECTED


@pytest.mark.skipif(os.name != "posix", reason="the limit on file sizes is one of POSIX")
def test_a_full_disk_costs_the_cache_alone(package: Path) -> None:
    assert said(started(package, "sh", "-c", 'ulimit -f 0; exec "$@"', "sh")) == EXPECTED
    assert not list((package / ".nanlint_cache").rglob("*"))
    assert said(started(package)) == EXPECTED
    assert list((package / ".nanlint_cache").rglob("*.json"))
    assert clean(package / ".nanlint_cache"), "what the next run has put there can be removed"
