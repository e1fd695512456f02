"""The tracer names the planted line of each broken program and accuses no healthy one."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import tracer
from benchmarks.programs import Program, programs
from nanlint.verify.trace.finite import Contents, contents, is_finite
from nanlint.verify.trace.flags import Flags
from nanlint.verify.trace.recorder import Recorder
from nanlint.verify.trace.tracing import Bad, Tracing

PLANTED, HEALTHY = list(programs("planted")), list(programs("healthy"))


def row_of(text: str) -> int:
    """The row of this file in which a text stands that stands there once, besides where it is asked for."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    rows = [row for row, line in enumerate(lines, 1) if line.endswith(f"# {text}")]
    assert len(rows) == 1
    return rows[0]


def found(bad: Bad | None) -> Bad:
    assert bad is not None
    assert bad.blame is not None
    return bad


def test_the_corpus_is_large_enough() -> None:
    assert len(PLANTED) >= 60
    assert len(HEALTHY) >= 30
    assert len({program.name for program in (*PLANTED, *HEALTHY)}) == len(PLANTED) + len(HEALTHY)


@pytest.mark.parametrize("program", PLANTED, ids=lambda program: program.name)
def test_the_planted_line_is_named(program: Program) -> None:
    outcome = tracer.traced(program)
    assert outcome.spoke
    assert outcome.row == program.row


@pytest.mark.parametrize("program", HEALTHY, ids=lambda program: program.name)
def test_a_healthy_program_is_not_accused(program: Program) -> None:
    assert not tracer.traced(program).spoke


def test_deferred_looks_name_the_same_lines() -> None:
    right = [tracer.traced(program, deferred=True).row == program.row for program in PLANTED]
    assert sum(right) >= 0.95 * len(right)
    assert [program.name for program in HEALTHY if tracer.traced(program, deferred=True).spoke] == []


def test_a_sum_tells_whether_a_tensor_is_finite() -> None:
    formats = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.float8_e5m2)
    for dtype in formats:
        fine = torch.ones(3, 4).to(dtype)
        assert is_finite(fine)
        for value, kind in ((math.nan, Contents.NAN), (math.inf, Contents.POSITIVE), (-math.inf, Contents.NEGATIVE)):
            bad = torch.tensor([[1.0, 1.0, value]]).to(dtype)
            assert not is_finite(bad), (dtype, value)
            assert contents(bad) == kind, (dtype, value)
    large = {torch.float16: 6e4, torch.bfloat16: 3e38, torch.float32: 3e38, torch.float64: 1.7e308}
    for dtype, value in large.items():
        assert is_finite(torch.full((1000,), value, dtype=dtype)), f"a sum that overflows in {dtype}"


def test_flags_hold_more_than_a_block_and_start_anew() -> None:
    flags = Flags(torch.device("cpu"), size=3)
    for _ in range(2):
        kinds = [0.0, math.nan, math.inf, -math.inf, 2.0, 3e4, math.nan]
        for value in kinds:
            flags.add(torch.tensor([1.0, value], dtype=torch.float64 if value == 2.0 else torch.float16))
        assert flags.read() == [
            Contents.NOTHING,
            Contents.NAN,
            Contents.POSITIVE,
            Contents.NEGATIVE,
            Contents.NOTHING,
            Contents.NOTHING,
            Contents.NAN,
        ]
    assert flags.read() == []


def test_the_chain_leads_from_the_cause_to_the_gradient() -> None:
    w = nn.Parameter(torch.zeros(3))
    with Tracing()() as tracing:
        length = w.pow(2).sum().sqrt()  # the root
        length.backward()
        torch.optim.SGD([w], lr=0.1).step()
    bad = found(tracing.found)
    assert (bad.what, bad.step, bad.contents) == ("gradient", 1, Contents.NAN)
    assert bad.tensor is w
    chain = [(record.op, record.node, str(record.contents.words)) for record in bad.blame.chain]
    assert chain[0] == ("div", "SqrtBackward0", "inf")
    assert chain[-1] == ("mul", "PowBackward0", "nan")
    cause = bad.blame.cause
    assert cause.location.row == row_of("the root")
    assert cause.location.path == __file__
    assert cause.call.is_intact


def test_a_mask_is_what_a_nan_stands_on() -> None:
    w = nn.Parameter(torch.zeros(2, 3))
    with Tracing()() as tracing:
        masked = w.masked_fill(torch.tensor([[True], [False]]), -math.inf)
        masked.softmax(-1).sum().backward()
    bad = found(tracing.found)
    assert bad.blame.cause.op == "_softmax"
    assert [(record.op, record.is_deliberate) for record in bad.blame.because] == [("masked_fill", True)]


def test_a_parameter_that_was_bad_before_comes_from_outside() -> None:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight[0, 1] = math.nan
    with Tracing()() as tracing:
        layer(torch.ones(3, 2)).sum().backward()  # first use
    bad = found(tracing.found)
    assert bad.blame.cause.op == ""
    assert bad.blame.cause.outside is layer.weight or bad.blame.cause.outside._base is layer.weight
    assert bad.blame.cause.location.row == row_of("first use")


def test_operands_that_are_overwritten_are_kept_as_they_were() -> None:
    w = nn.Parameter(torch.ones(2))
    with Tracing()() as tracing:
        h = w - 3
        h.log_()
        h.sum().backward()
    (operand,) = found(tracing.found).blame.cause.call.args
    assert operand.tolist() == [-2.0, -2.0]


def test_an_operand_that_was_written_to_later_is_known() -> None:
    w = nn.Parameter(torch.ones(2))
    with Tracing()() as tracing:
        count = torch.zeros(2)
        h = w.detach() / count
        count.add_(1)
        (w * h).sum().backward()
    assert not found(tracing.found).blame.cause.call.is_intact


def test_the_step_is_counted_and_only_the_first_is_told() -> None:
    w = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([w], lr=0.0)
    told: list[Bad] = []
    with Tracing(told.append)():
        for divisor in (2.0, 1.0, 0.0, 0.0):
            optimizer.zero_grad()
            (w.sum() / torch.tensor(divisor)).backward()
            optimizer.step()
    assert [bad.step for bad in told] == [3]


def test_an_optimizer_is_not_traced_and_its_closure_is() -> None:
    w = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([w])

    def closure() -> Any:
        optimizer.zero_grad()
        loss = w.pow(2).sum()
        loss.backward()
        return loss

    with Tracing()() as tracing:
        closure()
        of_closure = tracing.recorder.operations
        optimizer.step()
        # the marks of the profiler around a step
        marks = tracing.recorder.operations - of_closure
        assert marks <= 2
        optimizer.step(closure)
        assert tracing.recorder.operations == 2 * (of_closure + marks)


def test_casts_to_eight_bits_that_saturate_are_known() -> None:
    with Recorder() as recorder:
        torch.tensor([1.0, 1e9]).to(torch.float8_e4m3fn)  # saturates
        torch.tensor([1.0, 463.0]).to(torch.float8_e4m3fn)
        torch.tensor([1.0, 1e9]).to(torch.float8_e5m2)
        recorder.settle()
    (((location, dtype), value),) = recorder.casts.saturated.items()
    assert location is not None
    assert (location.row, dtype, value) == (row_of("saturates"), torch.float8_e4m3fn, 1e9)


def test_training_is_the_same_under_the_tracer() -> None:
    def train() -> list[float]:
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(4, 8), nn.Dropout(0.3), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.Linear(8, 1)
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        losses = []
        for _ in range(5):
            optimizer.zero_grad()
            loss = model(torch.randn(6, 4)).pow(2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    plain = train()
    with Tracing()():
        traced = train()
    assert traced == plain


def test_what_is_replaced_is_put_back() -> None:
    before = (torch.autograd.backward, torch.autograd.grad, torch.amp.GradScaler.scale)

    def fail() -> None:
        assert torch.autograd.backward is not before[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Tracing()():
        fail()
    assert (torch.autograd.backward, torch.autograd.grad, torch.amp.GradScaler.scale) == before


def test_the_page_is_of_this_corpus() -> None:
    text = (tracer.ROOT / "docs" / "tracer.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+: \w+) +\|", text, re.MULTILINE)
    assert Counter(rows) == Counter(program.title for program in (*PLANTED, *HEALTHY))


def test_modes_and_subclasses_whose_tensors_hold_no_numbers_are_let_alone() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    with Tracing()() as tracing:
        with FakeTensorMode():
            (torch.ones(3, requires_grad=True) / 0).sum().backward()
        graph = make_fx(lambda x: x.log().sum())(torch.zeros(3))
        exported = torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),))
        lazy = nn.LazyLinear(2)
        lazy(torch.ones(1, 3)).sum().backward()
        index = nn.Embedding(5, 3, sparse=True)
        index(torch.tensor([1, 2])).sum().backward()
        torch.optim.SGD(index.parameters(), lr=0.1).step()
    assert "log" in graph.code
    assert exported is not None
    assert tracing.found is None


def test_a_distributed_tensor_is_looked_at_where_it_lies(tmp_path: Path) -> None:
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    store = dist.FileStore(str(tmp_path / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))
        w = nn.Parameter(distribute_tensor(torch.zeros(4, 2), mesh, [Shard(0)]))
        with Tracing()() as tracing:
            w.sqrt().sum().backward()  # of a shard
    finally:
        dist.destroy_process_group()
    assert found(tracing.found).blame.cause.location.row == row_of("of a shard")


def test_recorded_operations_keep_no_memory_of_finite_steps() -> None:
    w = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([w], lr=0.0)

    def step() -> None:
        optimizer.zero_grad()
        mask = torch.tensor([0.0, -math.inf, 0.0])
        (w + mask).softmax(0).pow(2).sum().backward()

    with Tracing()() as tracing:
        for _ in range(3):
            step()
            assert not tracing.recorder.is_clean
            optimizer.step()
            assert tracing.recorder.is_clean
