"""What twice as much code costs, in steps of the engine rather than in seconds: hardly more than twice as many."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Check

from nanlint.config import Config
from nanlint.facts.frame import Frame
from nanlint.files import Target
from nanlint.run import run
from nanlint.source import Source

HEAD = "import torch\nimport torch.nn as nn\n\n\n"
LOG = "torch.log(torch.relu(x))"


def functions(n: int) -> str:
    return "".join(f"def f{i}(x):\n    return {LOG} + {i}\n\n\n" for i in range(n))


def calls(n: int) -> str:
    chain = "".join(f"def f{i}(x):\n    return f{i + 1}(torch.exp(x))\n\n\n" for i in range(n))
    return f"{chain}def f{n}(x):\n    return {LOG}\n"


def classes(n: int) -> str:
    methods = (
        f"    def __init__(self, n):\n        self.n = n\n\n    def forward(self, x):\n        return {LOG} / self.n\n"
    )
    return "".join(f"class C{i}({f'C{i - 1}' if i % 10 else 'nn.Module'}):\n{methods}\n\n" for i in range(n))


def branches(n: int) -> str:
    arms = "".join(f"    elif k == {i}:\n        y = {LOG} + {i}\n" for i in range(n))
    return f"def f(x, k):\n    if k < 0:\n        y = x\n{arms}    return y\n"


def cases(n: int) -> str:
    arms = "".join(f"        case {i}:\n            y = {LOG} + {i}\n" for i in range(n))
    return f"def f(x, k):\n    y = x\n    match k:\n{arms}    return y\n"


def nesting(n: int) -> str:
    rows = [f"{'    ' * (i + 1)}if k > {i}:\n" for i in range(n)]
    return f"def f(x, k):\n{''.join(rows)}{'    ' * (n + 1)}return {LOG}\n    return x\n"


def loops(n: int) -> str:
    """Loops side by side: each within another costs passes of both, up to what a function may cost."""
    return "def f(x, k):\n" + "".join(f"    for i in range(k):\n        x = {LOG} + x\n" for _ in range(n))


def statements(n: int) -> str:
    return f"def f(x):\n{''.join(f'    x{i} = {LOG}{chr(10)}' for i in range(n))}    return x0\n"


def chain(n: int) -> str:
    """What is wrong in any statement is in the last one, too."""
    return "def f(x):\n" + f"    x = {LOG} + x\n" * n + "    return x\n"


def choices(n: int) -> str:
    return "def f(x, k):\n" + "".join(f"    if k == {i}:\n        x = {LOG} + x\n" for i in range(n)) + "    return x\n"


SHAPES = pytest.mark.parametrize(
    ("made", "size"),
    [
        (functions, 200), (calls, 100), (classes, 100), (branches, 600), (cases, 200), (nesting, 20), (loops, 80),
        (statements, 500), (chain, 200), (choices, 200),
    ],
    ids=lambda what: getattr(what, "__name__", str(what)),
)  # fmt: skip


@SHAPES
def test_steps_grow_with_the_code(
    check: Check, monkeypatch: pytest.MonkeyPatch, made: Callable[[int], str], size: int
) -> None:
    evaluate, steps = Frame.evaluate, [0]

    def counting(frame: Frame, node: object) -> object:
        steps[0] += 1
        return evaluate(frame, node)  # type: ignore[arg-type]

    monkeypatch.setattr(Frame, "evaluate", counting)

    def cost(n: int) -> int:
        steps[0] = 0
        result = check(HEAD + made(n))
        assert not result.notes, "an analysis that was cut short shows nothing"
        assert any(finding.code == "NAN101" for finding in result.findings)
        return steps[0]

    small, large = cost(size), cost(2 * size)
    assert small >= size
    assert large <= 2.2 * small


def test_the_text_of_many_functions_is_looked_through_once(check: Check) -> None:
    """Most of these show nothing, and each may call any of the others."""

    def cost(n: int) -> int:
        plain = "".join(f"def g{i}(x, k):\n    return k.setdefault({i}, x)\n\n\n" for i in range(4 * n))
        text = HEAD + functions(n) + plain
        events = Counter[str]()
        sys.setprofile(lambda frame, event, of: events.update((event,)))
        try:
            result = check(text)
        finally:
            sys.setprofile(None)
        assert len(result.findings) == n
        # of Python's functions and of those in C, such as a search in a text
        return events["call"] + events["c_call"]

    cost(10)
    small, large = cost(200), cost(400)
    assert large <= 2.2 * small


@SHAPES
def test_memory_grows_with_the_code(check: Check, made: Callable[[int], str], size: int) -> None:
    def peak(n: int) -> int:
        text = HEAD + made(n)
        tracemalloc.start()
        try:
            check(text)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(size)  # rules and tables are loaded
    small, large = peak(size), peak(2 * size)
    # a table takes twice the room at once, so that twice the code may take a little more; a square would take 4 times
    assert large <= 2.5 * small


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the unit is another, or there is no such number")
def test_a_process_that_checks_a_function_of_very_many_branches_stays_small(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(HEAD + branches(2_900), encoding="utf-8")
    code = (
        "import re\n"
        "from pathlib import Path\n"
        "from nanlint.config import Config\n"
        "from nanlint.files import Target\n"
        "from nanlint.run import run\n"
        "found = run([Target('m.py', Config())], jobs=1).findings\n"
        # the highest of this program alone: `ru_maxrss` begins with that of the process that started it
        "kilobytes = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]\n"
        "print(len(found), int(kilobytes) // 1024)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=True)
    found, megabytes = map(int, done.stdout.split())
    assert found == 2_900
    assert megabytes < 300


def test_a_chain_of_as_many_branches_as_python_compiles_is_followed_to_its_end(check: Check) -> None:
    text = HEAD + branches(2_000)
    compile(text, "m.py", "exec")
    result = check(text)
    assert result.notes == ()
    assert max(finding.start.row for finding in result.findings) == text.count("\n") - 1


def test_a_hazard_that_is_lost_sight_of_in_a_crowd_counts_as_having_left(check: Check) -> None:
    def told(n: int) -> int:
        names = ", ".join(f"x{i}" for i in range(n))
        total = " + ".join(f"torch.log(torch.relu(x{i}))" for i in range(n))
        body = f"    with torch.no_grad():\n        return torch.nan_to_num({total})\n"
        return len(check(f"{HEAD}def f({names}):\n{body}").findings)

    assert told(10) == 0
    assert told(100) > 64


def test_files_that_were_checked_are_let_go(tmp_path: Path) -> None:
    text = "import torch\n\n\ndef f(x):\n    return torch.log(torch.relu(x))\n" + "# nothing\n" * 20_000
    targets = []
    for number in range(60):
        file = tmp_path / f"m{number}.py"
        file.write_text(text, encoding="utf-8")
        targets.append(Target(str(file), Config()))

    def held(some: list[Target]) -> int:
        assert len(run(some, jobs=1).findings) == len(some)
        gc.unfreeze()  # the first run of a process keeps what it has imported out of this list
        gc.collect()
        return sum(isinstance(one, Source) and one.path.startswith(str(tmp_path)) for one in gc.get_objects())

    before = held(targets[:30])
    assert held(targets) <= before
    assert before < 30
