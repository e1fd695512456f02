"""The wheel, the sdist, an editable install and a bare checkout all hold the same nanlint."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path

import pytest
from conftest import ROOT, run

import nanlint

LIST = ("rules", "--output-format", "json")
SEEDS = ("check", "--isolated", "--no-cache", "--output-format", "json", "fixtures/seeds")


@pytest.fixture
def environment(tmp_path: Path) -> Callable[..., Path]:
    """Makes a fresh virtual environment that has this one's dependencies, installs into it, returns its python."""

    def make(*install: str | Path) -> Path:
        folder = tmp_path / "venv"
        venv.create(folder, symlinks=True)
        python = folder / "bin" / "python"
        site = run_bare([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], tmp_path).stdout
        (Path(site.strip()) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        if install:
            pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps"]
            done = run_bare([*pip, "--no-build-isolation", "--force-reinstall", *install], tmp_path)
            assert done.returncode == 0, done.stderr
        return python

    return make


def run_bare(command: list[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """A child process to which this checkout is nothing special."""
    return run(command, cwd=cwd, env={"PYTHONPATH": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"})


def listed(done: subprocess.CompletedProcess[str]) -> object:
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_an_installed_wheel_is_the_same_tool(
    built: tuple[Path, Path], environment: Callable[..., Path], tmp_path: Path, program: Callable[..., object]
) -> None:
    python = environment(built[0])
    command = python.with_name("nanlint")
    where = run_bare([python, "-c", "import nanlint; print(nanlint.__file__)"], tmp_path).stdout
    assert where.startswith(str(python.parents[1])), where
    assert listed(run_bare([command, *LIST], tmp_path)) == listed(program("nanlint", *LIST))
    assert listed(run_bare([command, *SEEDS], ROOT)) == listed(program("nanlint", *SEEDS))
    assert nanlint.__version__ in run_bare([command, "--version"], tmp_path).stdout
    for package in ("rules", "tests", "fixtures"):
        done = run_bare([python, "-c", f"import {package}"], tmp_path)
        assert f"No module named '{package}'" in done.stderr


def test_an_editable_install_is_the_same_tool(
    environment: Callable[..., Path], tmp_path: Path, program: Callable[..., object]
) -> None:
    python = environment("--editable", ROOT)
    command = python.with_name("nanlint")
    where = run_bare([python, "-c", "import nanlint; print(nanlint.__file__)"], tmp_path).stdout
    assert where.strip() == str(ROOT / "nanlint" / "__init__.py")
    assert listed(run_bare([command, *LIST], tmp_path)) == listed(program("nanlint", *LIST))


def test_a_checkout_runs_without_installation(environment: Callable[..., Path], program: Callable[..., object]) -> None:
    python = environment()
    assert listed(run_bare([python, "-m", "nanlint", *LIST], ROOT)) == listed(program("nanlint", *LIST))


def test_the_wheel_holds_what_runs_and_no_more(built: tuple[Path, Path]) -> None:
    found = names(built[0])
    top = {name.split("/")[0] for name in found}
    assert top == {"nanlint", f"nanlint-{nanlint.__version__}.dist-info"}
    rules = {f"nanlint/rules/{path.name}" for path in (ROOT / "rules").iterdir() if path.is_file()}
    assert {name for name in found if name.startswith("nanlint/rules/")} == rules
    assert {"nanlint/py.typed", "nanlint/ops/data/torch_names.txt"} <= found
    assert not [name for name in found if "dev" in name.split("/") or "__pycache__" in name]


def test_the_sdist_builds_the_same_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    with tarfile.open(built[1]) as archive:
        archive.extractall(tmp_path, filter="data")
    source = next(tmp_path.iterdir())
    assert {"rules", "fixtures", "tests", "docs"} <= {path.name for path in source.iterdir()}
    done = run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=source)
    assert done.returncode == 0, done.stderr
    assert names(next(tmp_path.glob("*.whl"))) == names(built[0])


def test_the_metadata(built: tuple[Path, Path]) -> None:
    info = f"nanlint-{nanlint.__version__}.dist-info"
    with zipfile.ZipFile(built[0]) as archive:
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    required = {r.split(">")[0] for r in metadata.get_all("Requires-Dist", []) if "extra ==" not in r}
    assert required == {"libcst", "click", "rich", "pathspec", "tomli"}, "torch must stay optional"
    assert metadata["Requires-Python"] == ">=3.10"
    assert "NAN = nanlint.hosts.flake8:Plugin" in entry_points
    assert "nanlint = nanlint.hosts.cli:main" in entry_points
