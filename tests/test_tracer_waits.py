"""How often the tracer and the watch wait for a device, counted on the CPU and, where there is one, on a GPU."""

from __future__ import annotations

import contextlib
import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from nanlint.verify.run.watching import Watching
from nanlint.verify.trace.finite import Contents, not_finite
from nanlint.verify.trace.flags import Flags
from nanlint.verify.trace.recorder import Recorder
from nanlint.verify.trace.tracing import Tracing

aten = torch.ops.aten
# What takes a number out of a tensor, or has a shape that depends on one.
WAITING = {
    aten._local_scalar_dense, aten.item, aten.is_nonzero, aten.equal, aten.nonzero, aten.masked_select, aten.unique_dim,
    aten._unique2, aten.bincount, aten.allclose,
}  # fmt: skip


class Waits(TorchDispatchMode):
    """Counts the operations that wait for a device, those of the modes inside it too, and copies to another one."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.overloadpacket in WAITING
        return func(*args, **(kwargs or {}))


class Steps:
    """Training steps of many kinds, with more parameters than any count of waits below."""

    def __init__(self, device: str) -> None:
        torch.manual_seed(0)
        self.device = device
        self.mask = torch.full((4, 4), -math.inf, device=device).triu(1)
        blocks = [nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.GELU()) for _ in range(6)]
        self.model = nn.Sequential(*blocks).to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.x = torch.randn(4, 4, device=device)

    def plain(self) -> None:
        self.model(self.x).pow(2).mean().backward()
        self.optimizer.step()

    def masked(self) -> None:
        h = self.model(self.x)
        (h @ h.T + self.mask).softmax(-1).mean().backward()
        self.optimizer.step()

    def clipped(self) -> None:
        self.model(self.x).pow(2).mean().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def accumulated(self) -> None:
        for _ in range(2):
            self.model(self.x).pow(2).mean().backward()
        self.optimizer.step()

    def in_bfloat16(self) -> None:
        with torch.autocast(self.device, torch.bfloat16):
            loss = self.model(self.x).float().pow(2).mean()
        loss.backward()
        self.optimizer.step()

    def in_eight_bits(self) -> None:
        self.model(self.x).to(torch.float8_e4m3fn).float()
        self.plain()

    def by_hand(self) -> None:
        loss = self.model(self.x + (self.mask < 0)).pow(2).mean()
        torch.autograd.grad(loss, list(self.model.parameters()))

    def in_place(self) -> None:
        h = self.model(self.x).clone()
        h[0].mul_(0.5)
        h.mul_(2.0).masked_fill_(self.mask < 0, 0.5)
        h.sum().backward()
        self.optimizer.step()


# Readings of the flags in a step: one for each backward pass, and one more where something ran before the update.
READINGS = {
    "plain": 1, "masked": 1, "clipped": 2, "accumulated": 2, "in_bfloat16": 1, "in_eight_bits": 1, "by_hand": 1,
    "in_place": 1,
}  # fmt: skip


def waits(kind: str, mode: Any) -> int:
    """How often the second of two steps waits in a mode."""
    steps = Steps("cpu")
    with Waits() as counted, mode():
        getattr(steps, kind)()
        counted.count = 0
        getattr(steps, kind)()
        return counted.count


@pytest.mark.parametrize("kind", READINGS)
def test_a_step_waits_for_the_device_once_for_each_reading(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[int] = []
    read = Flags.read

    def counted(flags: Flags) -> list[Contents]:
        found = read(flags)
        readings.append(len(found))
        return found

    of_their_own = waits(kind, contextlib.nullcontext)
    monkeypatch.setattr(Flags, "read", counted)
    assert waits(kind, Tracing(deferred=True)) == of_their_own
    # of two steps, and one at the end of the last where operations are left
    assert 2 * READINGS[kind] <= len(readings) <= 2 * READINGS[kind] + 1
    assert min(readings) > 0
    watched = waits(kind, Watching(lambda bad: None))
    backwards = 2 if kind == "accumulated" else 0 if kind == "by_hand" else 1
    assert watched == of_their_own + backwards + (kind != "by_hand")


def test_the_tracer_waits_for_each_operation_where_looks_are_not_deferred() -> None:
    assert waits("plain", Tracing(deferred=False)) > 50


@pytest.mark.gpu
@pytest.mark.parametrize("kind", [kind for kind in READINGS if kind != "in_eight_bits"])
def test_no_operation_of_a_step_waits_for_the_gpu(kind: str) -> None:
    steps = Steps("cuda")
    steps.optimizer = torch.optim.SGD(steps.model.parameters(), lr=0.1, foreach=True)
    with Tracing()():
        getattr(steps, kind)()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                getattr(steps, kind)()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    told = [each for each in caught if "synchronizing CUDA operation" in str(each.message)]
    # the mask is not finite, so the loss and the gradients are looked at, and the gradients again before the update
    assert len(told) == READINGS[kind] + 2 * (kind == "masked")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_recording_never_waits_for_the_gpu(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)).to("cuda", dtype)
    x = torch.randn(4, 8, device="cuda", dtype=dtype)
    model(x).sum().backward()
    with Recorder() as recorder:
        torch.cuda.set_sync_debug_mode("error")
        try:
            (model(x).pow(2).mean() + torch.log(torch.zeros(3, device="cuda", dtype=dtype)).sum()).backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        recorder.settle()
        assert not recorder.is_clean


@pytest.mark.gpu
def test_a_gpu_gets_the_planted_line() -> None:
    w = nn.Parameter(torch.zeros(3, device="cuda"))
    with Tracing()() as tracing:
        w.pow(2).sum().sqrt().backward()
        torch.optim.SGD([w], lr=0.1).step()
    assert tracing.found is not None
    assert tracing.found.blame is not None
    cause = tracing.found.blame.cause
    assert cause.location is not None
    line = Path(__file__).read_text(encoding="utf-8").splitlines()[cause.location.row - 1]
    assert (cause.op, line.strip()) == ("div", "w.pow(2).sum().sqrt().backward()")


def test_sums_of_half_precision_do_not_overflow_where_no_element_does() -> None:
    flags = Flags(torch.device("cpu"))
    for dtype, value in ((torch.float16, 6e4), (torch.bfloat16, 1e35), (torch.float32, 1e35), (torch.float64, 1e300)):
        flags.add(torch.full((1000,), value, dtype=dtype))
    assert flags.read() == [Contents.NOTHING] * 4


def test_a_gradient_whose_sum_overflows_is_finite() -> None:
    large = [torch.full((1000,), 6e4).half(), torch.full((1000,), 3e38), torch.tensor([1e300], dtype=torch.float64)]
    bad = [torch.tensor([1.0, -math.inf]).half(), torch.tensor([complex(1, math.nan)])]
    assert not_finite([*large, *bad, torch.ones(2)]) == [3, 4]
    assert not_finite([]) == []
