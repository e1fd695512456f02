"""Half precision on a device: what is found is what the CPU alone finds, and what dies there costs that part alone."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from conftest import Program, run

from nanlint.cache import Cache
from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.verify.devices import Device, DeviceMissing
from nanlint.verify.on_device import TF32, _Call
from nanlint.verify.place import Flagged, place_of
from nanlint.verify.script import Scene, script
from nanlint.verify.target import target
from nanlint.verify.verdicts import Limits, Verifier

Judge = Callable[..., Verdict]
HEAD = "import ctypes\nimport os\n\nimport torch\n\n\n"
# What half precision alone spoils: 1e-8 is 0 there, and exp(12) is more than 65504.
ALONE = "def f(x):\n    return 1 / (x.abs() + 1e-8)  # bad\n"
FINE = "def f(x):\n    return torch.tanh(x)  # bad\n"
IN_HALF = "def f(x):\n    if x.dtype is torch.float16:\n        {}\n    return torch.tanh(x)  # bad\n"
LIMITS = Limits(import_s=60, search_s=15)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("code")


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(LIMITS, device="cpu") as made:
        yield made


def finding(folder: Path, name: str, text: str, code: str = "NAN999") -> Finding:
    path = folder / f"{name}.py"
    path.write_text(HEAD + text, encoding="utf-8")
    (row,) = (number for number, line in enumerate((HEAD + text).splitlines(), 1) if line.endswith("# bad"))
    return Finding(code, "a-rule", "says", str(path), Position(row, 1), Position(row + 1, 1), Confidence.LIKELY)


def starts(verifier: Verifier) -> int:
    assert verifier._device is not None
    return verifier._device.starts


PROGRAMS = {
    "alone": ALONE,
    "overflows": "def f(x):\n    return torch.exp(x.clamp(-12, 12))  # bad\n",
    "ordinary": "def f(x):\n    return torch.log(x)  # bad\n",
    "extreme": "def f(x):\n    return x.clamp(0, 1e30).square()  # bad\n",
    "fine": FINE,
    "proved": "def f(x):\n    # nanlint: assume x in [1, 2]\n    return torch.log(x)  # bad\n",
    "module": "x = torch.zeros(3)\ny = torch.tanh(x)  # bad\n",
    "method": (
        "class M(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.weight = torch.nn.Parameter(torch.ones(1))\n\n"
        "    def forward(self, x):\n        return 1 / ((self.weight.to(x.dtype) * x).abs() + 1e-8)  # bad\n"
    ),
    "fails_in_half": "def f(x):\n    return torch.tanh(x) @ torch.ones(x.shape[-1])  # bad\n",
    "unreached": "def f(x):\n    if x is None:\n        return torch.log(x)  # bad\n    raise TypeError\n",
}


def test_verdicts_are_as_without_a_device_and_one_worker_gives_them(verifier: Verifier, folder: Path) -> None:
    codes = {"proved": "NAN101"}
    findings = [finding(folder, name, text, codes.get(name, "NAN999")) for name, text in PROGRAMS.items()]
    before = starts(verifier)
    with_device = [verifier.verdict(each) for each in findings]
    assert starts(verifier) == before == 1
    with Verifier(LIMITS) as without:
        assert with_device == [without.verdict(each) for each in findings]
    told = dict(zip(PROGRAMS, with_device, strict=True))
    assert {name: verdict.status for name, verdict in told.items()} == {
        "alone": "confirmed-extreme",
        "overflows": "confirmed-extreme",
        "ordinary": "confirmed",
        "extreme": "confirmed-extreme",
        "fine": "not-reproduced",
        "proved": "proved",
        "module": "not-reproduced",
        "method": "confirmed-extreme",
        "fails_in_half": "not-reproduced",
        "unreached": "not-runnable",
    }
    assert "18 half precision" in told["fine"].text
    assert "half precision" not in told["fails_in_half"].text
    assert "dtype=torch.float16" in told["alone"].witness[0]
    assert "dtype=torch.float16" in told["method"].witness[-1]


STUBBORN = "while True:\n            try:\n                sum(range(10**6))\n            except BaseException: pass"


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("leaves", "os._exit(3)", "exit: the process ended with status 3"),
        ("crashes", "ctypes.string_at(0)", "crash: the process died of SIGSEGV"),
        ("hangs", STUBBORN, "timeout: no answer within 15 s"),
        ("hoards", "held = [torch.empty(2**28) for _ in range(99)]", "memory: "),
    ],
)
def test_a_worker_that_is_lost_is_replaced(verifier: Verifier, folder: Path, name: str, body: str, said: str) -> None:
    before = starts(verifier)
    verdict = verifier.verdict(finding(folder, name, IN_HALF.format(body)))
    assert verdict.status == "not-reproduced"
    on_cpu, _, on_device = verdict.text.partition("; not tried in reduced precision on cpu: ")
    assert on_cpu.startswith("the line ran and stayed finite in 73 calls")
    assert on_device.startswith(said)
    assert verifier.verdict(finding(folder, f"{name}_then", ALONE)).status == "confirmed-extreme"
    assert starts(verifier) == before + 1


def test_what_is_lost_is_tried_again_and_what_is_found_is_kept(folder: Path, tmp_path: Path) -> None:
    here, cache = tmp_path / "here", Cache(tmp_path / "cache", "1")
    here.mkdir()
    good, bad = finding(here, "good", FINE), finding(here, "bad", IN_HALF.format("os._exit(3)"))
    with Verifier(LIMITS, cache, device="cpu") as verifier:
        told = [verifier.verdict(each) for each in (good, bad)]
        assert starts(verifier) == 1
    with Verifier(LIMITS, cache, device="cpu") as verifier:
        assert [verifier.verdict(each) for each in (good, bad)] == told
        assert (verifier.starts, starts(verifier)) == (1, 1)
    with Verifier(LIMITS, cache) as verifier:
        # without the device it is another question
        assert verifier.verdict(good).text == told[0].text
        assert verifier.starts == 1


def test_writes_elsewhere_are_refused_there_too(verifier: Verifier, folder: Path, tmp_path: Path) -> None:
    aim = tmp_path / "precious"
    verdict = verifier.verdict(finding(folder, "writes", IN_HALF.format(f"open({str(aim)!r}, 'w')")))
    assert verdict.status == "not-reproduced"
    assert not aim.exists()


def test_a_device_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-7")
    with pytest.raises(DeviceMissing, match='cuda:2 cannot be used here: CUDA_VISIBLE_DEVICES is "5,GPU-7"'):
        Device("cuda:2", tmp_path)
    assert Device("cuda:1", tmp_path)._searcher._environment["CUDA_VISIBLE_DEVICES"] == "GPU-7"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DeviceMissing, match='cuda:0 cannot be used here: CUDA_VISIBLE_DEVICES is ""'):
        Device("cuda", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    if not torch.cuda.is_available():
        device = Device("cuda", tmp_path)
        with pytest.raises(DeviceMissing, match="cuda cannot be used here: AssertionError: Torch not compiled"):
            device.start()
        device.close()


def test_the_command_says_which_devices_there_can_be(program: Program, tmp_path: Path) -> None:
    (tmp_path / "nanlint.toml").write_text("", encoding="utf-8")
    (tmp_path / "bad.py").write_text("import torch\n\n\ndef f(x):\n    return torch.log(torch.relu(x))\n", "utf-8")
    wrong = program("nanlint", "verify", "--device", "gpu", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "give cuda, cuda:1 or cpu" in wrong.stderr
    missing = program("nanlint", "verify", "--device", "cuda:9", cwd=tmp_path)
    assert missing.returncode == 2
    assert "cuda:9 cannot be used here: " in missing.stderr
    done = program("nanlint", "verify", "--device", "cpu", "--output-format", "json", "--quiet", cwd=tmp_path)
    assert [each["verdict"]["status"] for each in json.loads(done.stdout)] == ["confirmed"]


SCENE = Scene(
    loading="", call="torch.log", owner="torch.nn.Identity", construction={},
    arguments={"input": 'torch.zeros(2, device="cuda")'}, bad="result", outputs=(), wanting=(), device="cuda",
    matmul=TF32,
)  # fmt: skip


def test_a_script_for_a_gpu_is_skipped_where_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(script(SCENE, "a title", "it"), encoding="utf-8")
    assert 'instance.train().to("cuda")' in file.read_text(encoding="utf-8")
    done = run([sys.executable, "-m", "pytest", "-q", file], cwd=tmp_path)
    assert ("1 failed" if torch.cuda.is_available() else "1 skipped") in done.stdout


def test_a_call_with_tf32_asks_for_it(tmp_path: Path) -> None:
    path = tmp_path / "asks.py"
    path.write_text("import torch\n\n\ndef f():\n    return torch.get_float32_matmul_precision()\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("asks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    aim = target(module, str(path), tree, place_of(tree, Flagged(5, 1, 5, 2)))
    before = torch.get_float32_matmul_precision()
    try:
        assert _Call(aim, TF32).call(None, {}) == TF32
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.gpu
def test_a_gpu_gives_what_half_precision_gives_and_a_script_for_it(folder: Path) -> None:
    with Verifier(LIMITS, device="cuda") as verifier:
        verdict = verifier.verdict(finding(folder, "alone_there", ALONE))
        assert verdict.status == "confirmed-extreme"
        assert verdict.text == "result is inf on cuda"
        assert 'dtype=torch.float16, device="cuda")' in verdict.witness[0]
        fine = verifier.verdict(finding(folder, "fine_there", FINE))
        assert fine.status == "not-reproduced"
        assert "18 half precision on cuda" in fine.text
        assert ("with TF32" in fine.text) is (torch.cuda.get_device_capability() >= (8, 0))
        assert starts(verifier) == 1


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("asserts", "torch.zeros(2, device=x.device)[torch.tensor([5], device=x.device)].sum()", "device: "),
        ("takes_all", "torch.empty(2**40, device=x.device)", "memory: "),
        ("leaves_there", "os._exit(3)", "exit: "),
    ],
)
def test_a_poisoned_gpu_costs_one_verdict(folder: Path, name: str, body: str, said: str) -> None:
    with Verifier(LIMITS, device="cuda") as verifier:
        verdict = verifier.verdict(finding(folder, name, IN_HALF.format(body)))
        assert verdict.text.partition("; not tried in reduced precision on cuda: ")[2].startswith(said)
        assert verifier.verdict(finding(folder, f"{name}_then", ALONE)).status == "confirmed-extreme"
        assert starts(verifier) == 2
