"""`nanlint run` of a script whose processes train together: none of them waits for one that has gone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

PROGRAM = """
import sys, torch, torch.distributed as dist
from datetime import timedelta
from torch import nn

dist.init_process_group("gloo", timeout=timedelta(seconds=900))
rank = dist.get_rank()
torch.manual_seed(0)
model = nn.parallel.DistributedDataParallel(nn.Linear(4, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for number in range(3):
    x = torch.ones(2, 4) * float(rank == 0 or number < 2)

    def closure():
        optimizer.zero_grad()
        loss = torch.log(model(x).abs() * x.amax()).mean()  # cause
        loss.backward()
        return loss

    optimizer.step(closure)
"""
ROW = PROGRAM[: PROGRAM.index("# cause")].count("\n") + 1


def outputs(folder: Path, mode: str) -> list[str]:
    """What the two processes say; both have to end by themselves, long before the limit of their group."""
    (folder / "train.py").write_text(PROGRAM, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-m", "nanlint", "run", "--mode", mode, "train.py"]
    processes = [
        subprocess.Popen(
            command, cwd=folder, env={**os.environ, **group, "RANK": str(rank), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        told = [process.communicate(timeout=400)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [1, 1]
    return told


def test_the_process_whose_loss_is_bad_says_why(tmp_path: Path) -> None:
    other, failed = outputs(tmp_path, "trace")
    assert f"train.py:{ROW}:16: the loss is -inf in step 3" in failed
    assert "Connection" in other
    assert "the loss is" not in other


def test_all_replay_a_step_together(tmp_path: Path) -> None:
    other, failed = outputs(tmp_path, "watch")
    assert f"train.py:{ROW}:16: the loss is -inf in step 3" in failed
    assert "= process: rank 1" in failed
    assert other.startswith("the loss was bad in another process")


def test_one_process_does_not_run_the_program_again(tmp_path: Path) -> None:
    other, failed = outputs(tmp_path, "two-pass")
    assert failed.startswith("nanlint: the loss of step 3 is -inf; one of the processes that train together cannot run")
    assert "running the program once more" not in other + failed
