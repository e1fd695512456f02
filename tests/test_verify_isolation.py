"""Whatever the code under test does, the verifier lives on and says so."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.verify.devices import CHILD
from nanlint.verify.isolate import worker
from nanlint.verify.verdicts import Limits, Verifier

HEAD = "import ctypes\nimport os\nimport socket\nimport sys\n\nimport torch\n\n\n"
GOOD = "def f(x):\n    return torch.log(x)  # bad\n"
Judge = Callable[..., Verdict]


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(Limits(import_s=60, search_s=15)) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("code")


@pytest.fixture
def judge(verifier: Verifier, folder: Path) -> Judge:
    """The verdict on the line marked `# bad` of a file of this text."""

    def of(text: str, name: str) -> Verdict:
        path = folder / f"{name}.py"
        path.write_text(HEAD + text, encoding="utf-8")
        (row,) = (number for number, line in enumerate((HEAD + text).splitlines(), 1) if line.endswith("# bad"))
        place = Position(row, 1)
        end = Position(place.row + 1, 1)
        return verifier.verdict(Finding("NAN999", "a-rule", "says", str(path), place, end, Confidence.LIKELY))

    return of


@pytest.fixture(autouse=True)
def _goes_on(judge: Judge, request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the next finding is judged as if nothing had been."""
    yield
    assert judge(GOOD, f"good_{request.node.name.split('[')[0]}").status == "confirmed"


def endless(body: str) -> str:
    return f"def f(x):\n    while True:\n        {body}\n    return torch.log(x)  # bad\n"


def test_a_loop_without_end_is_stopped(judge: Judge) -> None:
    verdict = judge(endless("pass"), "endless")
    assert (verdict.status, verdict.text.split(":")[0]) == ("not-runnable", "timeout")


def test_a_loop_that_catches_everything_is_killed(judge: Judge) -> None:
    text = endless("try:\n            sum(range(10**6))\n        except BaseException:\n            pass")
    verdict = judge(text, "stubborn")
    assert (verdict.status, verdict.text) == ("not-runnable", "timeout: no answer within 15 s")


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("leaves", "os._exit(3)", "exit: the process ended with status 3"),
        ("crashes", "ctypes.string_at(0)", "crash: the process died of SIGSEGV"),
        ("aborts", "os.abort()", "crash: the process died of SIG"),
        ("closes", "os.closerange(0, 100)", "crash: "),
    ],
)
def test_a_process_that_dies_is_told(judge: Judge, name: str, body: str, said: str) -> None:
    verdict = judge(f"def f(x):\n    {body}\n    return torch.log(x)  # bad\n", name)
    assert verdict.status == "not-runnable"
    assert verdict.text.startswith(said) or name == "closes"


def test_forks_are_limited(judge: Judge) -> None:
    text = "def f(x):\n    for _ in range(40):\n        os.fork()\n    return torch.log(x)  # bad\n"
    verdict = judge(text, "forks")
    assert (verdict.status, verdict.text.split(":")[0]) == ("not-runnable", "processes")


def test_a_single_fork_does_no_harm(judge: Judge) -> None:
    assert judge("def f(x):\n    os.fork()\n    return torch.log(x)  # bad\n", "one_fork").status == "confirmed"


@pytest.mark.parametrize("made", ["bytearray(2**36)", "[torch.empty(2**28) for _ in range(99)]"])
def test_memory_is_limited(judge: Judge, made: str) -> None:
    verdict = judge(f"def f(x):\n    held = {made}\n    return torch.log(x)  # bad\n", f"hoards_{made[0] == '['}")
    assert (verdict.status, verdict.text.split(":")[0]) == ("not-runnable", "memory")


def test_output_is_dropped(judge: Judge) -> None:
    assert judge("print('x' * 10**7)\n\n\n" + GOOD, "talks").status == "confirmed"


def test_standard_input_is_empty(judge: Judge) -> None:
    text = "WORD = sys.stdin.read()\n\n\ndef f(x):\n    assert WORD == ''\n    return torch.log(x)  # bad\n"
    assert judge(text, "asks").status == "confirmed"


@pytest.mark.parametrize("body", ["open({!r}, 'w')", "os.mkdir({!r})", "torch.save(x, {!r})", "os.symlink('/', {!r})"])
def test_writes_elsewhere_are_refused(judge: Judge, tmp_path: Path, body: str) -> None:
    aim = tmp_path / "precious"
    verdict = judge(f"def f(x):\n    {body.format(str(aim))}\n    return torch.log(x)  # bad\n", "writes" + body[:4])
    assert verdict.status == "not-runnable"
    assert not aim.exists()


def test_what_is_there_is_not_removed(judge: Judge, tmp_path: Path) -> None:
    aim = tmp_path / "precious"
    aim.write_text("here", encoding="utf-8")
    verdict = judge(f"torch = os.remove({str(aim)!r}) or torch\n\n\n" + GOOD, "removes")
    assert verdict.text.startswith("writes: ")
    assert aim.exists()


def test_writes_to_the_current_folder_go_to_scratch(judge: Judge) -> None:
    text = "def f(x):\n    open('note.txt', 'w').write('x')\n    return torch.log(x)  # bad\n"
    assert judge(text, "notes").status == "confirmed"
    assert not Path("note.txt").exists()


@pytest.mark.parametrize(
    ("name", "head", "said"),
    [
        ("ends", "sys.exit(0)", "import: the program ends on line 9"),
        ("raises", "torch = torch.cuda.no_such_thing", "import: AttributeError: module 'torch.cuda' has no"),
        ("misses", "import no_such_module as torch", "import: ModuleNotFoundError"),
        ("dies", "torch = os._exit(1)", "import: exit: the process ended with status 1"),
    ],
)
def test_an_import_that_fails_is_told(judge: Judge, name: str, head: str, said: str) -> None:
    verdict = judge(f"{head}\n\n\n{GOOD}", name)
    assert verdict.status == "not-runnable"
    assert verdict.text.startswith(said)


def test_an_import_that_changes_settings_is_reset(judge: Judge) -> None:
    text = "torch.set_grad_enabled(False)\ntorch.set_default_dtype(torch.float64)\nos.chdir('/')\n\n\n"
    assert judge(text + GOOD, "settings").status == "confirmed"


def test_a_child_that_does_not_read_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deaf.py").write_text(
        "import os, sys, time\nos.write(int(sys.argv[2]), b'{}\\n')\ntime.sleep(99)\n", encoding="utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    deaf = worker.Worker("deaf", tmp_path)
    with pytest.raises(worker.Lost, match="timeout: the question was not read within 1 s"):
        deaf.ask({"text": "x" * (1 << 20)}, 1)
    with pytest.raises(worker.Lost, match="timeout: no answer within 1 s"):
        deaf.ask({"text": "x"}, 1)
    assert deaf.starts == 2


def test_a_child_that_cannot_be_started_leaves_nothing_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        worker.Worker("deaf", tmp_path / "nowhere").ask({}, 1)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_script_ends_with_the_child_that_runs_it(tmp_path: Path) -> None:
    """Without the namespaces, of which the child is the first process and in which all others die with it."""
    script, note = tmp_path / "script.py", tmp_path / "pid.txt"
    script.write_text(f"import os\nopen({str(note)!r}, 'w').write(str(os.getpid()))\nwhile True:\n    pass\n", "utf-8")
    asked, ask = os.pipe()
    answers, answer = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", CHILD, str(asked), str(answer)],
        cwd=tmp_path, pass_fds=(asked, answer), env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.write(ask, json.dumps({"do": "script", "path": str(script)}).encode() + b"\n")
    assert waited(lambda: note.exists() and note.read_text(encoding="utf-8"))
    child.kill()
    child.wait()
    for descriptor in (asked, ask, answers, answer):
        os.close(descriptor)
    number = int(note.read_text(encoding="utf-8"))
    process = Path(f"/proc/{number}")
    ended = waited(lambda: not process.exists() or "Z (zombie)" in (process / "status").read_text(encoding="utf-8"))
    if not ended:
        os.kill(number, signal.SIGKILL)
    assert ended


def waited(done: Callable[[], object]) -> bool:
    until = time.monotonic() + 60
    while not done() and time.monotonic() < until:
        time.sleep(0.05)
    return bool(done())


def test_there_is_no_network(judge: Judge) -> None:
    if worker.has_network():
        pytest.skip("this system does not let its users make namespaces")
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = f"def f(x):\n    socket.create_connection(('127.0.0.1', {server.getsockname()[1]}))\n"
        verdict = judge(text + "    return torch.log(x)  # bad\n", "calls")
    assert verdict.status == "not-runnable"
    assert "OSError" in verdict.text or "ConnectionRefused" in verdict.text or "unreachable" in verdict.text
