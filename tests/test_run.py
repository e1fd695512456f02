"""`nanlint run` on training scripts, in child processes. The line to blame is marked with `# cause` in the script."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, run, run_module

Done = subprocess.CompletedProcess[str]
Train = Callable[..., Done]

PRELUDE = """
import random, sys, torch
from torch import nn
torch.manual_seed(0)
random.seed(0)
net = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.2))
optimizer = torch.optim.Adam(net.parameters())
"""
LOOP = """
for number in range(5):
    a = torch.randn(8, 4)
    optimizer.zero_grad()
    scale = 0.0 if number == 3 else 1.0
    squared = (net(a) * scale).pow(2).sum(-1)
    distance = squared.sqrt()  # cause
    distance.mean().backward()
    optimizer.step()
print("done")
"""
CLOSURE = """
for number in range(4):
    a = torch.randn(8, 4)
    scale = 0.0 if number == 2 else 1.0

    def closure():
        optimizer.zero_grad()
        squared = (net(a) * scale).pow(2).sum(-1)
        distance = squared.sqrt()  # cause
        loss = distance.mean()
        loss.backward()
        return loss

    optimizer.step(closure)
"""
HEALTHY = """
for number in range(2):
    optimizer.zero_grad()
    loss = net(torch.randn(8, 4)).pow(2).mean()
    loss.backward()
    optimizer.step()
print(f"{loss.item():.6f}", sys.argv[1:], __name__)
"""


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """Writes a script and runs it with the options given."""

    def write_and_run(source: str, *options: str, arguments: tuple[str, ...] = ()) -> Done:
        (tmp_path / "train.py").write_text(PRELUDE + source, encoding="utf-8")
        return run_module("nanlint", "run", *options, "train.py", *arguments, cwd=tmp_path)

    return write_and_run


def cause(source: str) -> int:
    """The marked row of a script."""
    (row,) = (row for row, line in enumerate((PRELUDE + source).splitlines(), 1) if line.endswith("# cause"))
    return row


def blamed(done: Done) -> list[int]:
    """The rows that the reports name."""
    return [int(row) for row in re.findall(r"^train\.py:(\d+):\d+: the (?:loss|gradient)", done.stderr, re.MULTILINE)]


@pytest.mark.parametrize(
    ("mode", "source"), [("trace", LOOP), ("two-pass", LOOP), ("watch", CLOSURE), ("trace", CLOSURE)]
)
def test_the_cause_is_reported_with_all_that_is_known_of_it(
    train: Train, tmp_path: Path, mode: str, source: str
) -> None:
    done = train(source, "--mode", mode)
    assert done.returncode == 1
    assert "done" not in done.stdout
    assert blamed(done) == [cause(source)]
    row, text = cause(source), done.stderr
    assert "the gradient of `0.weight` is nan in step" in text
    assert f"{row} |         distance = squared.sqrt()" in text or f"{row} |     distance = squared.sqrt()" in text
    assert "cause: `div` in the backward pass of `sqrt` made inf of finite operands" in text
    assert "operand other: float32[8] all zero" in text
    assert f"`mul` in the backward pass of `pow`, train.py:{row - 1}: nan" in text
    assert "NAN401 sqrt-gradient-at-zero" in text
    reproducer = tmp_path / re.findall(r"reproducer: (\S+)", text)[0]
    again = run([sys.executable, reproducer], cwd=tmp_path)
    assert again.returncode == 1
    assert "FloatingPointError: aten.div.Tensor gives" in again.stderr
    mended = reproducer.read_text(encoding="utf-8").replace("0.0, 0.0", "1.0, 1.0")
    reproducer.write_text(mended, encoding="utf-8")
    assert run([sys.executable, reproducer], cwd=tmp_path).returncode == 0


def test_operands_that_are_large_go_into_a_file(train: Train, tmp_path: Path) -> None:
    source = "(net(torch.randn(99, 4)) / torch.zeros(3)).sum().backward()  # cause"
    done = train(source)
    assert blamed(done) == [cause(source)]
    reproducer = tmp_path / re.findall(r"reproducer: (\S+)", done.stderr)[0]
    assert "torch.load" in reproducer.read_text(encoding="utf-8")
    assert "FloatingPointError" in run([sys.executable, reproducer], cwd=tmp_path).stderr


@pytest.mark.parametrize(("mode", "source"), [("trace", LOOP), ("two-pass", LOOP), ("watch", CLOSURE)])
def test_a_report_can_be_read_by_machines(train: Train, tmp_path: Path, mode: str, source: str) -> None:
    done = train(source, "--mode", mode, "--output-format", "json", "--output-file", "report.json")
    assert done.returncode == 1
    assert "cause:" not in done.stderr
    (found,) = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert found["filename"] == str(tmp_path / "train.py")
    assert found["location"]["row"] == found["end_location"]["row"] == cause(source)
    assert (found["what"], found["contents"]) == ("gradient", "nan")
    assert found["message"] == f"the gradient of `0.weight` is nan in step {found['step']}"
    assert found["cause"] == "`div` in the backward pass of `sqrt` made inf of finite operands"
    assert "NAN401" in [finding["code"] for finding in found["findings"]]
    assert Path(found["reproducer"]).is_file()


def test_a_healthy_program_has_an_empty_report(train: Train) -> None:
    done = train(HEALTHY, "--output-format", "json")
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_a_report_can_go_to_a_file(train: Train, tmp_path: Path) -> None:
    done = train(LOOP, "-o", "report.txt")
    assert (done.returncode, done.stderr) == (1, "")
    assert f"train.py:{cause(LOOP)}:" in (tmp_path / "report.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("mode", ["trace", "watch", "two-pass"])
def test_a_healthy_program_runs_as_without(train: Train, tmp_path: Path, mode: str) -> None:
    source = HEALTHY + "sys.exit(3)\n"
    done = train(source, "--mode", mode, arguments=("--mode", "x", "-m", "--help"))
    plain = run([sys.executable, "train.py", "--mode", "x", "-m", "--help"], cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert plain.returncode == 3
    assert plain.stdout.endswith("['--mode', 'x', '-m', '--help'] __main__\n")


@pytest.mark.parametrize("end", ["raise KeyError('k')", "sys.exit('over')", "def f(): 1 / 0\nf()", "x = ("])
def test_an_exception_is_shown_as_python_shows_it(train: Train, tmp_path: Path, end: str) -> None:
    done = train(end + "\n")
    plain = run([sys.executable, "train.py"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout) == (1, "")
    assert done.stderr.replace(str(tmp_path) + os.sep, "") == plain.stderr.replace(str(tmp_path) + os.sep, "")


def test_a_module_of_a_package_runs(tmp_path: Path) -> None:
    package = tmp_path / "trainer"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "net.py").write_text("import torch\n\n\ndef f(x):\n    return torch.log(x)\n", encoding="utf-8")
    main = "import sys\nimport torch\nfrom .net import f\nprint(__spec__.name, sys.argv[1:])\n"
    main += "x = torch.zeros(2, requires_grad=True)\nf(x).sum().backward()\n"
    (package / "__main__.py").write_text(main, encoding="utf-8")
    done = run_module("nanlint", "run", "-m", "trainer", "--fast", cwd=tmp_path)
    assert done.stdout == "trainer.__main__ ['--fast']\n"
    assert done.returncode == 1
    assert done.stderr.startswith(f"{os.path.join('trainer', 'net.py')}:5:12: the loss is -inf in step 1\n")


def test_a_program_that_swallows_exceptions_still_fails(train: Train) -> None:
    done = train("try:\n    (net(torch.ones(1, 4)) / 0).sum().backward()\nexcept Exception:\n    print('on')\n")
    assert done.stdout == "on\n"
    assert done.returncode == 1
    assert len(blamed(done)) == 1


def test_a_skipping_scaler_is_normal_and_a_program_that_repairs_is_too(train: Train) -> None:
    done = train(
        """
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
for number in range(30):
    optimizer.zero_grad()
    with torch.autocast("cpu", torch.float16):
        h = net(torch.randn(8, 4))
    scaler.scale(h.float().pow(2).mean()).backward()
    scaler.step(optimizer)
    scaler.update()
assert scaler.get_scale() < 2.0**40
w = nn.Parameter(torch.zeros(2))
w.abs().sqrt().sum().backward()
w.grad.nan_to_num_(0.0, 0.0, 0.0)
torch.optim.SGD([w], lr=1.0).step()
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_gradient_that_is_left_at_the_end_counts_without_optimizers(train: Train) -> None:
    source = "del optimizer\nw = torch.zeros(2, requires_grad=True)\nw.sqrt().sum().backward()  # cause"
    done = train(source)
    assert blamed(done) == [cause(source)]
    done = train("w = torch.zeros(2, requires_grad=True)\nsgd = torch.optim.SGD([w])\nw.sqrt().sum().backward()\n")
    assert (done.returncode, done.stderr) == (0, ""), "the loop does without this step"


def test_a_parameter_that_an_update_spoiled_is_named(train: Train) -> None:
    source = """
sgd = torch.optim.SGD(net.parameters(), lr=1e38)
for number in range(3):
    sgd.zero_grad()
    out = net[0](torch.full((2, 4), 100.0))  # cause
    out.pow(2).mean().backward()
    sgd.step()
"""
    done = train(source)
    assert blamed(done) == [cause(source)]
    assert "in step 2" in done.stderr
    assert "cause: the parameter `0.weight` held" in done.stderr
    assert "its last update made that" in done.stderr


def test_watching_a_plain_loop_says_that_it_cannot_be_replayed_and_traces_on(train: Train) -> None:
    source = LOOP.replace("number == 3", "number >= 3")
    done = train(source, "--mode", "watch")
    assert done.stderr.startswith(
        "nanlint: a gradient was nan in step 4; this step is no function that could be run again: tracing from the next"
    )
    assert blamed(done) == [cause(source)]
    assert "in step 5" in done.stderr
    assert done.returncode == 1


def test_watching_says_where_it_did_not_find_the_cause(train: Train) -> None:
    done = train(LOOP, "--mode", "watch")
    assert done.returncode == 1
    assert done.stdout == "done\n"
    assert done.stderr.endswith(
        "no later step failed, so the cause is not known: --mode two-pass or --mode trace finds it\n"
    )


def test_watching_says_that_a_replay_did_not_fail(train: Train) -> None:
    source = CLOSURE.replace("scale = 0.0 if", "state = [0.0 if").replace("else 1.0\n", "else 1.0, 1.0]\n", 1)
    source = source.replace("* scale", "* state.pop(0)")
    done = train(source, "--mode", "watch")
    assert "a gradient was nan in step 3, but not when run again" in done.stderr
    assert "Python variables" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("draw", ["torch.rand(()).item()", "random.random()", "np.random.rand()"])
def test_watching_replays_random_numbers_and_buffers(train: Train, draw: str) -> None:
    source = f"""
import numpy as np
np.random.seed(0)
norm = nn.BatchNorm1d(3, momentum=None)
net.append(norm)
for number in range(60):
    a = torch.randn(8, 4)

    def closure():
        optimizer.zero_grad()
        h = net(a).pow(2) * float({draw} > 0.1)
        rate = torch.log(h + (norm.num_batches_tracked < 2))  # cause
        loss = rate.mean()
        loss.backward()
        return loss

    optimizer.step(closure)
"""
    done = train(source, "--mode", "watch")
    assert blamed(done) == [cause(source)]
    assert "tracing from the next" not in done.stderr


def test_two_passes_through_shuffled_workers(train: Train) -> None:
    source = """
from torch.utils.data import DataLoader, TensorDataset
data = TensorDataset(torch.randn(64, 4), torch.arange(64.0))
for x, y in DataLoader(data, batch_size=4, shuffle=True, num_workers=2):
    print(y.tolist())
    optimizer.zero_grad()
    relative = net(x).sum(-1) / y  # cause
    relative.pow(2).mean().backward()
    optimizer.step()
"""
    done = train(source, "--mode", "two-pass")
    assert blamed(done) == [cause(source)]
    assert "running the program once more" in done.stderr
    assert len(set(done.stdout.splitlines())) == len(done.stdout.splitlines()), "the second run is silent"


def test_two_passes_without_an_optimizer(train: Train) -> None:
    source = """
w = torch.ones(3, requires_grad=True)
for keep in (1.0, 1.0, 0.0, 1.0):
    w.grad = None
    (keep * w).pow(2).sum().backward()
    with torch.no_grad():
        direction = w.grad / w.grad.norm()  # cause
        w -= 0.1 * direction
"""
    done = train(source, "--mode", "two-pass")
    assert blamed(done) == [cause(source)]


def test_two_passes_say_that_a_program_is_not_deterministic(train: Train) -> None:
    source = "from pathlib import Path\nonce = Path('once')\nfirst = not once.exists()\nonce.touch()\n" + LOOP
    done = train(source.replace("number == 3", "number == 3 and first"), "--mode", "two-pass")
    assert "the second run did not fail in step 4 or later" in done.stderr
    assert done.returncode == 1


def test_casts_that_saturate_are_told(train: Train) -> None:
    done = train("x = torch.tensor([1e9]).to(torch.float8_e4m3fn)  # cause\n")
    assert done.returncode == 0
    warning = "warning: a cast to float8_e4m3fn turns 1e+09 into 448, its largest number, without a sign of it\n"
    assert re.fullmatch(rf"train\.py:{cause('x  # cause')}:\d+: {re.escape(warning)}", done.stderr)


def test_without_torch_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(1)\n", encoding="utf-8")
    code = "import sys; sys.modules['torch'] = None; from nanlint.hosts.cli import main; main()"
    done = run([sys.executable, "-c", code, "run", "train.py"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nanlint run needs torch" in done.stderr


def test_help_imports_no_torch() -> None:
    code = "import sys; from nanlint.hosts.cli import main; main(sys.argv[1:], standalone_mode=False);"
    code += "assert 'torch' not in sys.modules"
    for arguments in (["--help"], ["run", "--help"]):
        done = run([sys.executable, "-c", code, *arguments], cwd=ROOT)
        assert done.returncode == 0, done.stderr
        assert "Usage" in done.stdout


@pytest.mark.parametrize("program", [("nowhere.py",), ("-m", "nowhere"), ("-m", "json.nowhere"), (".",)])
def test_what_is_not_there_is_a_usage_error(tmp_path: Path, program: tuple[str, ...]) -> None:
    done = run_module("nanlint", "run", *program, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: cannot" in done.stderr
