"""The tasks of the verifier on a real Ray cluster of this machine; skipped where Ray is not installed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nanlint.finding import Confidence, Finding, Position
from nanlint.verify.cluster import Broken, spread, verdicts

Program = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = str(Path(__file__).parents[1])


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    found = pytest.importorskip("ray")
    paths = {"PYTHONPATH": os.pathsep.join([ROOT, str(Path(__file__).parent)])}
    found.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": paths})
    yield found
    found.shutdown()


def dies_of_two(number: int) -> int:
    if number == 2:
        os._exit(3)
    if number == 3:
        raise ValueError("three")
    return number * 10


def test_a_worker_that_dies_takes_no_other_with_it(ray: Any) -> None:
    found = dict(spread(dies_of_two, [1, 2, 3, 4]))
    assert found == {
        0: 10,
        1: Broken("crash: the worker of Ray died"),
        2: Broken("ray: ValueError: three"),
        3: 40,
    }
    assert ray.is_initialized()


def test_findings_are_judged_in_their_order(ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    body = "import torch\n\n\ndef f(x):\n    return torch.{}(x)\n\n\ndef g(x):\n    return 1 / x\n"
    (tmp_path / "a.py").write_text(body.format("log"), encoding="utf-8")
    (tmp_path / "b.py").write_text("raise SystemExit\n" + body.format("log"), encoding="utf-8")
    (tmp_path / "c.py").write_text(body.format("tanh"), encoding="utf-8")
    findings = [
        Finding("NAN101", "a-rule", "says", name, Position(row, 12), Position(row, 24), Confidence.LIKELY)
        for name, row in (("a.py", 5), ("a.py", 9), ("b.py", 6), ("c.py", 5))
    ]
    counts: list[tuple[int, int]] = []
    found = verdicts(findings, lambda done, of: counts.append((done, of)))
    assert [verdict.status for verdict in found] == ["confirmed", "confirmed", "not-runnable", "not-reproduced"]
    assert found[0].text == "result is -inf"
    assert "a.py:5" in found[0].script
    assert found[2].text.startswith("import: SystemExit")
    assert counts[-1] == (4, 4)
    assert len(counts) == 3


def test_the_command_gives_what_it_gives_without_a_cluster(program: Program, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    (tmp_path / "nanlint.toml").write_text("", encoding="utf-8")
    (tmp_path / "bad.py").write_text("import torch\n\n\ndef f(x):\n    return torch.log(torch.relu(x))\n", "utf-8")
    told = [
        program("nanlint", "verify", "--output-format", "json", "--quiet", *more, cwd=tmp_path)
        for more in ((), ("--pool", "ray"))
    ]
    assert [done.returncode for done in told] == [1, 1]
    assert json.loads(told[0].stdout) == json.loads(told[1].stdout)


def test_without_ray_it_says_what_to_install(program: Program, tmp_path: Path) -> None:
    (tmp_path / "nanlint.toml").write_text("", encoding="utf-8")
    (tmp_path / "bad.py").write_text("import torch\n\n\ndef f(x):\n    return torch.log(torch.relu(x))\n", "utf-8")
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ray'] = None\n", encoding="utf-8")
    done = program(
        "nanlint", "verify", "bad.py", "--pool", "ray", cwd=tmp_path, env={"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    )
    assert done.returncode == 2
    assert "ray is not installed" in done.stderr
    assert "Traceback" not in done.stderr
