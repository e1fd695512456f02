"""What the tests share: the checkout, its rules, one call of the engine and one call of the program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from nanlint import packs
from nanlint.finding import Confidence, Result
from nanlint.rule import Rule

ROOT = Path(__file__).resolve().parents[1]
Check = Callable[..., Result]
Program = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no GPU here")


@pytest.fixture(scope="session")
def rules() -> tuple[Rule, ...]:
    return packs.load()


@pytest.fixture(scope="session")
def check(rules: tuple[Rule, ...]) -> Check:
    """`check(text or bytes, path)`: what the engine finds, at every confidence; a rule that fails fails the test."""
    from nanlint import engine

    def run(source: str | bytes, path: str = "example.py", confidence: Confidence = Confidence.POSSIBLE) -> Result:
        data = source.encode() if isinstance(source, str) else source
        result = engine.check(data, path, rules, confidence)
        assert not result.failures, "\n".join(f.traceback for f in result.failures)
        return result

    return run


@pytest.fixture(scope="session")
def program() -> Program:
    """`program("nanlint", "check", ...)` runs `python -m nanlint check ...` of this checkout in a child process."""
    return run_module


@pytest.fixture
def nanlint(program: Program, project: Path) -> Program:
    """Runs `nanlint` in the `project` of the test's file."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        done = program("nanlint", *arguments, **{"cwd": project, **options})
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    done = run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


def run_module(
    module: str, *arguments: str, cwd: Path = ROOT, stdin: str | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-m", module, *arguments], cwd=cwd, stdin=stdin, env=env)


def run(
    command: Sequence[str | Path], *, cwd: Path, stdin: str | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a child process that sees this checkout first, without colours."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1", **(env or {})}
    environment.pop("FORCE_COLOR", None)
    return subprocess.run(
        command, cwd=cwd, env=environment, input=stdin, capture_output=True, encoding="utf-8", check=False
    )
