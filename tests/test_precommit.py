"""The pre-commit hook, run by pre-commit itself in a fresh repository."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, run

BAD = "import torch\n\n\ndef f(x):\n    return torch.log(torch.relu(x))\n"
GOOD = BAD.replace("torch.relu(x)", "torch.exp(x.clamp(-9, 9))")
SHIPPED = ("nanlint", "rules", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
OFFLINE = ("NewConnectionError", "Temporary failure in name resolution", "No matching distribution found", "ProxyError")
IDENTITY = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"} | {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A Tester"), ("EMAIL", "tester@example.org"))
}


def git(folder: Path, *arguments: str) -> str:
    done = run(["git", *arguments], cwd=folder, env=IDENTITY)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def repository(folder: Path, files: Mapping[str, str] = {}) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "start")
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose pre-commit configuration names the hook of this checkout as it is now."""
    source = tmp_path_factory.mktemp("source")
    for name in SHIPPED:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / name)
    repository(source)
    rev = git(source, "rev-parse", "HEAD")
    config = f"repos:\n- repo: {source.as_uri()}\n  rev: {rev}\n  hooks:\n  - id: nanlint\n"
    return repository(tmp_path_factory.mktemp("project"), {".pre-commit-config.yaml": config, "good.py": GOOD})


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pre-commit-home")


def pre_commit(project: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**IDENTITY, "PRE_COMMIT_HOME": str(home), "PYTHONPATH": "", "PRE_COMMIT_COLOR": "never"}
    done = run([sys.executable, "-m", "pre_commit", "run"], cwd=project, env=environment)
    output = done.stdout + done.stderr
    if any(words in output for words in OFFLINE):
        pytest.skip("pre-commit cannot install the hook's dependencies: the package index is out of reach")
    return done


def test_a_real_run_of_pre_commit(project: Path, home: Path) -> None:
    (project / "bad.py").write_text(BAD)
    (project / "notes.txt").write_text(BAD)
    git(project, "add", "bad.py", "notes.txt")
    done = pre_commit(project, home)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "bad.py:5:" in done.stdout
    assert "NAN101 [certain]" in done.stdout
    assert "notes.txt" not in done.stdout
    (project / "bad.py").write_text(GOOD)
    git(project, "add", "bad.py")
    done = pre_commit(project, home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout


def test_excluded_files_stay_excluded_although_pre_commit_names_them(tmp_path: Path) -> None:
    """The entry as pre-commit runs it: with the names of the changed files."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    command, *arguments = shlex.split(hook["entry"])
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "vendored.py").write_text(BAD)
    (tmp_path / "pyproject.toml").write_text('[tool.nanlint]\nextend-exclude = ["vendored.py"]\n')
    done = run([sys.executable, "-m", command, *arguments, "bad.py", "vendored.py"], cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "bad.py:5:" in done.stdout
    assert "vendored.py" not in done.stdout
