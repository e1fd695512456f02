"""The tasks of the verifier on a real Ray cluster of this machine; skipped where Ray is not installed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Program

from nanlint.cache import Cache
from nanlint.finding import Confidence, Finding, Position
from nanlint.verify.cluster import Broken, spread, verdicts
from nanlint.verify.verdicts import Verifier

ROOT = str(Path(__file__).parents[1])


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    found = pytest.importorskip("ray")
    paths = {"PYTHONPATH": os.pathsep.join([ROOT, str(Path(__file__).parent)])}
    # a GPU to Ray, whether there is one or not
    found.init(num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": paths})
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
    assert found[2].text == "import: the program ends on line 1"
    assert counts[-1] == (4, 4)
    assert len(counts) == 3


def gpus(_: int) -> tuple[list[int], str, float, float]:
    import ray

    begun = time.monotonic()
    time.sleep(0.2)
    return ray.get_gpu_ids(), os.environ.get("CUDA_VISIBLE_DEVICES", ""), begun, time.monotonic()


def test_a_gpu_is_lent_to_one_task_at_a_time_and_only_where_it_is_asked_for(ray: Any) -> None:
    lent = dict(spread(gpus, [1, 2], gpus=1))
    assert not any(isinstance(each, Broken) for each in lent.values())
    assert [each[:2] for each in lent.values()] == [([0], "0")] * 2
    (_, _, _, first_end), (_, _, second_begin, _) = sorted(lent.values(), key=lambda each: each[2])
    assert first_end <= second_begin
    assert [each[:2] for each in dict(spread(gpus, [1, 2])).values()] == [([], "")] * 2


def project(folder: Path) -> list[Finding]:
    """Findings of three files: confirmed, confirmed in half precision alone, and finite."""
    for name, body in (("a", "torch.log(x)"), ("b", "1 / (x.abs() + 1e-8)"), ("c", "torch.tanh(x)")):
        (folder / f"{name}.py").write_text(f"import torch\n\n\ndef f(x):\n    return {body}\n", encoding="utf-8")
    return [
        Finding("NAN999", "a-rule", "says", f"{name}.py", Position(5, 12), Position(6, 1), Confidence.LIKELY)
        for name in "abc"
    ]


def test_half_precision_is_tried_on_devices_as_without_a_cluster(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    findings = project(tmp_path)
    counts: list[tuple[int, int]] = []
    found = verdicts(findings, lambda done, of: counts.append((done, of)), device="cpu")
    assert [verdict.status for verdict in found] == ["confirmed", "confirmed-extreme", "not-reproduced"]
    with Verifier(device="cpu") as verifier:
        assert found == [verifier.verdict(finding) for finding in findings]
    assert counts[-1] == (3, 3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_node_whose_gpu_cannot_be_used_costs_half_precision_alone(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = verdicts(project(tmp_path), lambda done, of: None, device="cuda")
    assert [verdict.status for verdict in found] == ["confirmed", "not-reproduced", "not-reproduced"]
    for verdict in found[1:]:
        assert "; not tried in reduced precision on cuda: ray: DeviceMissing: cuda cannot be used here" in verdict.text


@pytest.mark.gpu
def test_a_gpu_of_the_cluster_gives_what_it_gives_without(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    findings = project(tmp_path)
    with Verifier(device="cuda") as verifier:
        told = [verifier.verdict(finding) for finding in findings]
    assert verdicts(findings, lambda done, of: None, device="cuda") == told
    assert told[1].text == "result is inf on cuda"


def test_verdicts_are_kept_here_and_known_to_runs_without_a_cluster(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    findings, cache = project(tmp_path), Cache(tmp_path / "cache", "1")
    for device in ("", "cpu"):
        told = verdicts(findings, lambda done, of: None, cache, device)
        entries = list((tmp_path / "cache").rglob("*.json"))
        assert len(entries) == 3
        for entry in entries:
            kept = json.loads(entry.read_text(encoding="utf-8"))
            (verdict,) = kept["verdicts"].values()
            verdict["text"] = f"kept: {verdict['text']}"
            entry.write_text(json.dumps(kept), encoding="utf-8")
        again = verdicts(findings, lambda done, of: None, cache, device)
        assert [verdict.text for verdict in again] == [f"kept: {verdict.text}" for verdict in told]
        with Verifier(cache=cache) as verifier:
            assert (verifier.verdict(findings[0]) == again[0]) is not device


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


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_cluster_without_a_gpu_is_told(program: Program, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    (tmp_path / "nanlint.toml").write_text("", encoding="utf-8")
    (tmp_path / "bad.py").write_text("import torch\n\n\ndef f(x):\n    return torch.log(torch.relu(x))\n", "utf-8")
    done = program("nanlint", "verify", "--pool", "ray", "--device", "cuda", "--quiet", cwd=tmp_path)
    assert done.returncode == 2
    assert "the Ray cluster has nothing to run --device cuda on" in done.stderr
    assert "Traceback" not in done.stderr
