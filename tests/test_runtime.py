"""`nanlint.runtime.watch`, the callbacks, and `pytest --nanlint`."""

from __future__ import annotations

import random
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT, run, run_module
from torch import Tensor, nn

from nanlint.runtime import NonFiniteError, watch

Step = Callable[..., Tensor]


def row_of(text: str) -> int:
    """The one row of this file that ends with this comment."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    rows = [row for row, line in enumerate(lines, 1) if line.endswith(f"# {text}")]
    assert len(rows) == 1
    return rows[0]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reproducers are written into the current folder."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    random.seed(0)


def rows(error: pytest.ExceptionInfo[NonFiniteError]) -> list[int]:
    return [int(row) for row in re.findall(r"test_runtime\.py:(\d+):\d+: the ", str(error.value))]


def test_a_step_that_fails_is_left_before_its_update_and_replayed() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.BatchNorm1d(6))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    calls = []

    @watch(model)
    def step(x: Tensor) -> Tensor:
        calls.append(x)
        optimizer.zero_grad()
        h = model(x) * (0.0 if torch.rand(()) < 0.1 else 1.0)
        loss = torch.sqrt(h.abs()).mean()  # a root of what dropout left
        loss.backward()
        optimizer.step()
        return loss

    last: list[Tensor] = []

    def train() -> None:
        for _ in range(100):
            last[:] = [p.detach().clone() for p in model.parameters()]
            assert torch.isfinite(step(torch.randn(8, 4)))

    with pytest.raises(NonFiniteError) as error:
        train()
    assert rows(error) == [row_of("a root of what dropout left")]
    assert "in the backward pass of `sqrt` made" in str(error.value)
    assert calls[-1] is calls[-2]
    assert all(torch.equal(one, other) for one, other in zip(last, model.parameters(), strict=True))


def test_a_step_without_its_update_is_watched_too() -> None:
    model = nn.Linear(3, 2, bias=False)

    @watch(model)
    def accumulate(x: Tensor) -> None:
        model(x).pow(2).sum().sqrt().backward()  # a root at zero

    accumulate(torch.ones(1, 3))
    with pytest.raises(NonFiniteError) as error:
        accumulate(torch.zeros(1, 3))
    assert rows(error) == [row_of("a root at zero")]


def test_state_that_is_not_restored_is_said_and_the_next_steps_are_traced() -> None:
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    divisors = [1.0, 0.0, 2.0, 1.0, 0.0]

    @watch(model)
    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = (model(x) / divisors.pop(0)).mean()  # a divisor of zero
        loss.backward()
        optimizer.step()
        return loss

    x = torch.ones(1, 3)
    assert torch.isfinite(step(x))
    with pytest.warns(RuntimeWarning, match=r"the loss was \S+ in step 2, but not when run again \(Python variables"):
        assert torch.isfinite(step(x))
    assert torch.isfinite(step(x))
    with pytest.raises(NonFiniteError) as error:
        step(x)
    assert rows(error) == [row_of("a divisor of zero")]
    assert "in step 4" in str(error.value)


def test_a_batch_that_the_step_overwrites_is_said() -> None:
    model = nn.Linear(3, 2)

    @watch(model)
    def step(x: Tensor) -> None:
        x.add_(1)
        (model(x).sum() / x.amax()).backward()

    with pytest.warns(RuntimeWarning, match="the step writes to its arguments"):
        step(torch.full((1, 3), -1.0))


def test_a_healthy_training_is_the_same_when_watched() -> None:
    def train(decorate: Callable[..., Any]) -> list[float]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.BatchNorm1d(6), nn.Linear(6, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)

        @decorate(model)
        def step(x: Tensor) -> Tensor:
            optimizer.zero_grad()
            loss = model(x).pow(2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return [step(torch.randn(8, 4)).item() for _ in range(6)]

    assert train(watch) == train(lambda model: lambda step: step)


DISTRIBUTED = """
import os, sys, torch, torch.distributed as dist
import torch.multiprocessing as mp
from datetime import timedelta
from torch import nn
from nanlint.runtime import NonFiniteError, watch

def train(rank, port):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, GLOO_SOCKET_IFNAME="lo")
    dist.init_process_group("gloo", rank=rank, world_size=2, timeout=timedelta(seconds=60))
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(nn.Linear(4, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    @watch(model)
    def step(x):
        optimizer.zero_grad()
        rate = torch.log(model(x).abs() * x.amax())  # cause
        rate.mean().backward()
        optimizer.step()

    try:
        for number in range(3):
            step(torch.ones(2, 4) * float(rank == 0 or number < 2))
    except NonFiniteError as error:
        with open(f"rank{rank}.txt", "w") as file:
            file.write(str(error))
    dist.destroy_process_group()

if __name__ == "__main__":
    mp.spawn(train, args=(sys.argv[1],), nprocs=2)
"""


def test_all_ranks_replay_together_and_the_one_that_failed_says_why(tmp_path: Path) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "train.py").write_text(DISTRIBUTED, encoding="utf-8")
    done = run([sys.executable, "train.py", str(port)], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    row = DISTRIBUTED[: DISTRIBUTED.index("# cause")].count("\n") + 1
    failed = (tmp_path / "rank1.txt").read_text(encoding="utf-8")
    assert failed.startswith(f"train.py:{row}:")
    assert "process: rank 1" in failed
    other = (tmp_path / "rank0.txt").read_text(encoding="utf-8")
    assert other == "the loss was bad in another process, whose report says why"


def test_compiled_code_is_traced() -> None:
    torch._dynamo.reset()
    model = nn.Linear(3, 2)

    def rate(x: Tensor) -> Tensor:
        return torch.log(torch.relu(model(x) - 100))  # compiled

    compiled = torch.compile(rate, backend="eager")

    @watch(model)
    def step(x: Tensor) -> None:
        compiled(x).mean().backward()

    with pytest.raises(NonFiniteError) as error:
        step(torch.ones(1, 3))
    assert rows(error) == [row_of("compiled")]


TESTS = """
import pytest, torch

def gradient(x):
    x = torch.tensor([x], requires_grad=True)
    x.sqrt().sum().backward()  # cause
    return x.grad

def test_fine():
    assert gradient(4.0) == 0.25

def test_gradient():
    assert gradient(0.0).isinf()

@pytest.mark.nanlint_off
def test_that_it_is_infinite():
    assert gradient(0.0).isinf()

def test_that_fails_by_itself():
    assert gradient(0.0) == 7
"""


def test_pytest_fails_tests_whose_gradients_are_bad(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    # an installed nanlint has registered it by its entry point
    known = any(entry.name == "nanlint" for entry in entry_points(group="pytest11"))
    by_name = () if known else ("-p", "nanlint.hosts.pytest_plugin")
    plugin = (*by_name, "-p", "no:cacheprovider", "-q")
    plain = run_module("pytest", *plugin, cwd=tmp_path)
    assert "1 failed, 3 passed" in plain.stdout
    done = run_module("pytest", *plugin, "--nanlint", cwd=tmp_path)
    assert "2 failed, 2 passed" in done.stdout
    assert re.findall(r"^FAILED test_it\.py::(\w+)", done.stdout, re.MULTILINE) == [
        "test_gradient",
        "test_that_fails_by_itself",
    ]
    row = TESTS[: TESTS.index("# cause")].count("\n") + 1
    assert re.findall(r"^test_it\.py:(\d+):\d+: the gradient", done.stdout, re.MULTILINE) == [str(row)] * 2
    assert "assert tensor([inf]) == 7" in done.stdout


def test_the_plugin_is_an_entry_point() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\nnanlint = "nanlint.hosts.pytest_plugin"\n' in text


@pytest.fixture
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("mode", ["trace", "watch"])
def test_the_callback_of_lightning(quiet: None, tmp_path: Path, mode: str) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    from nanlint.runtime import LightningCallback

    class Model(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.3))

        def training_step(self, batch: Tensor, number: int) -> Tensor:
            h = self.net(batch) * float(number != 2)
            return h.pow(2).sum(-1).sqrt().mean()  # lightning

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters())

    loader = torch.utils.data.DataLoader(torch.randn(32, 4), batch_size=4)
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path, callbacks=[LightningCallback(mode)],
    )  # fmt: skip
    with pytest.raises(NonFiniteError) as error:
        trainer.fit(Model(), loader)
    assert rows(error) == [row_of("lightning")]
    assert "in step 3" in str(error.value)


def test_the_callback_of_transformers(quiet: None, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from nanlint.runtime import TransformersCallback

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(4, 3)

        def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
            h = self.net(x) * labels
            return {"loss": h.pow(2).sum(-1).sqrt().mean()}  # transformers

    data = [{"x": torch.randn(4), "labels": torch.tensor([float(n < 8)])} for n in range(16)]
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=4, max_steps=4, report_to=[], use_cpu=True,
        save_strategy="no",
    )  # fmt: skip
    trainer = transformers.Trainer(Model(), arguments, train_dataset=data, callbacks=[TransformersCallback()])
    with pytest.raises(NonFiniteError) as error:
        trainer.train()
    assert rows(error) == [row_of("transformers")]


def test_other_names_are_not_there() -> None:
    import nanlint.runtime

    with pytest.raises(AttributeError, match="no attribute 'tracer'"):
        nanlint.runtime.tracer  # noqa: B018
