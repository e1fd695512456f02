"""Findings about lost digits, judged by what float64 gives."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import run

from nanlint.finding import Confidence, Finding, Position
from nanlint.slotted import replace
from nanlint.verify.isolate.worker import Worker
from nanlint.verify.verdicts import CHILD, Verifier

HEAD = "import torch\nfrom torch import Tensor, nn\n\n\n"
Answer = dict[str, Any]
Ask = Callable[[str], Answer]


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = Worker(CHILD, tmp_path_factory.mktemp("scratch"))
    yield worker
    worker.close()


@pytest.fixture
def ask(child: Worker, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """What a search finds on the line marked `# bad`, and whether its script fails by itself."""

    def of(text: str) -> Answer:
        folder = tmp_path_factory.mktemp("code")
        path = folder / f"{folder.name}.py"
        path.write_text(HEAD + textwrap.dedent(text), encoding="utf-8")
        lines = path.read_text(encoding="utf-8").splitlines()
        (row,) = (number for number, line in enumerate(lines, 1) if line.endswith("# bad"))
        place = {"path": str(path), "root": str(folder), "module": path.stem, "start": (row, 1), "end": (row + 1, 1)}
        question = {"do": "search", **place, "foreign": [], "precise": True, "title": "says", "name": "it"}
        answer = child.ask(question, 60)
        if "script" in answer:
            script = folder / "script.py"
            script.write_text(answer["script"], encoding="utf-8")
            answer["again"] = child.ask({"do": "script", "path": str(script)}, 60)
        return answer

    return of


@pytest.mark.parametrize(
    "body",
    [
        "return (1 - torch.cos(x)) / (x * x).clamp_min(1e-20)",
        "return torch.log(1 + x)",
        "return torch.exp(x) - 1",
        "return (x + 1).sqrt() - x.sqrt()",
        "return ((x**2).mean() - x.mean() ** 2).clamp_min(0.0)",
        "return {'all': [torch.log(1 + x)]}",
        "return (torch.exp(x) - 1).sum().item()",
    ],
)
def test_lost_digits_are_confirmed(ask: Ask, body: str) -> None:
    answer = ask(f"def f(x: Tensor):\n    {body}  # bad\n")
    assert " where float64 gives " in answer["what"]
    assert not answer["extreme"]
    assert answer["again"]["failed"]
    assert answer["again"]["message"].startswith("still imprecise: result")


def test_a_finding_of_a_rule_about_precision_is_judged_so(tmp_path: Path) -> None:
    path = tmp_path / "angles.py"
    path.write_text(f"{HEAD}def f(angle: Tensor):\n    return 1 - torch.cos(angle)\n", encoding="utf-8")
    start, end = Position(6, 12), Position(6, 32)
    finding = Finding("NAN705", "one-minus-cosine", "says", str(path), start, end, Confidence.LIKELY)
    with Verifier() as verifier:
        assert verifier.verdict(finding).text == "result is 0 where float64 gives 5e-09"
        assert verifier.verdict(replace(finding, code="NAN101")).status == "not-reproduced"


@pytest.mark.parametrize(
    "text",
    [
        "def f(x: Tensor):\n    return torch.expm1(x)  # bad\n",
        "def f(x: Tensor):\n    return torch.log1p(x)  # bad\n",
        "def f(x: Tensor):\n    return torch.var(x, correction=0)  # bad\n",
        # at 1e-8 it is 0 and not 5e-17, which nobody misses
        "def f(x: Tensor):\n    return torch.expm1(x.clamp(max=50.0)) - x  # bad\n",
        # it overflows, which is another rule's business
        "def f(x: Tensor):\n    return torch.exp(x)  # bad\n",
        # the digits that are lost do not reach the result
        "def f(x: Tensor):\n    y = 1 - torch.cos(x)  # bad\n    return y + 1.0\n",
        # they are lost before the line
        "def f(x: Tensor):\n    y = torch.exp(x) - 1\n    return y * 2.0  # bad\n",
        # float32 never sees it
        "def f(x: Tensor):\n    wide = x.double()\n    return torch.exp(wide) - 1  # bad\n",
    ],
)
def test_what_float64_agrees_with_is_not(ask: Ask, text: str) -> None:
    answer = ask(text)
    assert "script" not in answer
    assert answer["trials"]["edge values"] > 0
    assert "proved" not in answer


def test_a_program_is_compared_with_itself_in_float64(ask: Ask) -> None:
    answer = ask("""
        inputs = torch.linspace(0.1, 0.5, 5)
        model = nn.Linear(5, 1)
        rate = model(inputs) * 1e-6
        growth = torch.exp(rate) - 1  # bad
    """)
    assert " where float64 gives " in answer["what"]
    assert answer["again"]["message"].startswith("still imprecise: result")


def test_a_program_that_keeps_its_digits_is_not_confirmed(ask: Ask) -> None:
    answer = ask("""
        inputs = torch.linspace(0.1, 0.5, 5)
        growth = torch.expm1(inputs * 1e-6)  # bad
    """)
    assert "script" not in answer
    assert answer["trials"]["edge values"] > 0


def test_of_code_that_draws_numbers_nothing_is_said(ask: Ask) -> None:
    answer = ask("def f(x: Tensor):\n    return torch.exp(x + torch.randn_like(x)) - 1  # bad\n")
    assert answer["reason"].startswith("random: ")


def test_parameters_become_float64_too_and_a_mended_line_passes(ask: Ask, tmp_path: Path) -> None:
    text = """
        class M(nn.Module):
            def __init__(self, n: int = 3):
                super().__init__()
                self.linear = nn.Linear(n, 2)

            def forward(self, x: Tensor, others: list[Tensor]):
                h = self.linear(x) * 1e-6 + sum(each.sum() for each in others) * 0
                return torch.exp(h) - 1  # bad
    """
    answer = ask(text)
    assert answer["again"]["failed"]
    script = tmp_path / "script.py"
    script.write_text(answer["script"], encoding="utf-8")
    (module,) = (line for line in answer["script"].splitlines() if line.startswith("sys.path.insert(0, "))
    folder = Path(module.split("'")[1])
    (source,) = folder.glob("code*.py")
    source.write_text(source.read_text(encoding="utf-8").replace("torch.exp(h) - 1", "torch.expm1(h)"), "utf-8")
    done = run([sys.executable, script], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
