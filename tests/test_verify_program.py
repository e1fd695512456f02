"""Lines at module level, and functions of files that cannot be imported: programs, run only as far as a line needs."""

# ruff: noqa: ISC004 (programs of several lines in lists)

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.verify.verdicts import Limits, Verifier

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n"
Judge = Callable[..., Verdict]

REGRESSION = """
    import no_such_logger

    x_train = torch.FloatTensor([[1, 2], [2, 3], [3, 1], [4, 3]])
    y_train = torch.LongTensor([0, 1, 2, 2])
    one_hot = torch.zeros(4, 3)
    one_hot.scatter_(1, y_train.unsqueeze(1), 1)
    W = torch.zeros((2, 3), requires_grad=True)
    b = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=0.1)
    no_such_logger.start("run")
    while True:
        hypothesis = F.softmax(x_train.matmul(W) + b, dim=1)
        cost = (one_hot * -torch.log(hypothesis)).sum(dim=1).mean()  # bad
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        no_such_logger.note(cost)
"""


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(Limits(import_s=8)) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("code")


@pytest.fixture
def judge(verifier: Verifier, folder: Path, request: pytest.FixtureRequest) -> Judge:
    """The verdict on each line marked `# bad` of a file of this text."""
    numbers = iter(range(99))

    def of(text: str, mark: str = "# bad") -> Verdict:
        whole = HEAD + textwrap.dedent(text)
        (row,) = (number for number, line in enumerate(whole.splitlines(), 1) if line.endswith(mark))
        name = "".join(c if c.isalnum() else "_" for c in request.node.name)
        path = folder / f"{name}_{next(numbers)}.py"
        path.write_text(whole, encoding="utf-8")
        line = whole.splitlines()[row - 1].removesuffix("  " + mark)
        start, end = Position(row, len(line) - len(line.lstrip()) + 1), Position(row, len(line) + 1)
        return verifier.verdict(Finding("NAN999", "a-rule", "says", str(path), start, end, Confidence.LIKELY))

    return of


def test_a_line_of_a_training_loop_fails_for_parameters_alone(judge: Judge) -> None:
    verdict = judge(REGRESSION)
    assert (verdict.status, verdict.text) == ("confirmed", "result is nan")
    assert [line.split(" = ")[0] for line in verdict.witness] == ["W"]


def test_its_script_fails_now_and_passes_once_mended(judge: Judge, folder: Path, tmp_path: Path) -> None:
    verdict = judge(REGRESSION)
    script = tmp_path / "test_it.py"
    script.write_text(verdict.script, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(script)]
    failing = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert failing.returncode == 1
    assert "still not finite: the result is nan" in failing.stdout
    (path,) = folder.glob("test_its_script*.py")
    mended = (
        path.read_text(encoding="utf-8")
        .replace("F.softmax(", "F.log_softmax(")
        .replace("torch.log(hypothesis)", "hypothesis")
    )
    path.write_text("# a line more\n" + mended, encoding="utf-8")
    passing = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert passing.returncode == 0, passing.stdout


@pytest.mark.parametrize(
    ("text", "witness"),
    [
        ("z = torch.rand(3, 5, requires_grad=True)\np = F.softmax(z, dim=1)\nq = torch.log(p)  # bad\n", ["z"]),
        ("x = torch.rand(3, 5)\nprint(x)\ny = torch.log(x)  # bad\n", ["x"]),
        ("x = torch.tensor([0.0, 1.0])\ny = torch.log(x)  # bad\n", []),
        (
            "model = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())\nx = torch.tensor([[0.0, 1.0]])\n"
            "for epoch in range(100):\n    p = model(x)\n    loss = -torch.log(1 - p).mean()  # bad\n"
            "    loss.backward()\n",
            ["model"],
        ),
        (
            "def main(x):\n    return x.mean()\n\n\nif __name__ == '__main__':\n    with torch.no_grad():\n"
            "        x = torch.rand(4)\n        y = main(x).log()  # bad\n",
            ["x"],
        ),
        (
            "data = torch.utils.data.TensorDataset(torch.rand(8, 2), torch.arange(8))\n"
            "loader = torch.utils.data.DataLoader(data, batch_size=4)\n"
            "for step, (image, label) in enumerate(loader):\n    loss = image.log().sum()  # bad\n",
            ["image"],
        ),
        (
            "layer = nn.LSTM(3, 2)\nx = torch.randn(4, 3)\ny, _ = layer(x)\nz = y / y.norm()  # bad\n",
            ["layer", "x"],
        ),
        ("W = torch.zeros(2)\nlr = 0.1\nW.requires_grad_(True)\nloss = W.exp().sum()  # bad\n", ["W"]),
    ],
)  # fmt: skip
def test_what_a_program_computes_fails(judge: Judge, text: str, witness: list[str]) -> None:
    verdict = judge(text)
    assert verdict.status == "confirmed", verdict.text
    assert [line.split(" = ")[0] for line in verdict.witness] == witness


def test_what_a_program_prints_fails(verifier: Verifier, folder: Path) -> None:
    path = folder / "prints.py"
    path.write_text("import torch\n\nx = torch.rand(3)\nprint('log', torch.log(x))\n", encoding="utf-8")
    start, end = Position(4, 14), Position(4, 26)
    verdict = verifier.verdict(Finding("NAN101", "a-rule", "says", str(path), start, end, Confidence.LIKELY))
    assert (verdict.status, verdict.text) == ("confirmed", "result is -inf")


@pytest.mark.parametrize(
    "text",
    [
        # labels are 0 or 1, and some are 1
        "y = torch.tensor([1.0, 0.0, 1.0])\nz = torch.rand(3)\nloss = (y * z).sum() / y.sum()  # bad\n",
        # a row of a one-hot table has its 1 somewhere
        "y = torch.eye(3)\nmean = 1 / y.sum(1)  # bad\n",
        # an image is no larger than 1
        "image = torch.rand(2, 2)\nloss = torch.log(2 - image)  # bad\n",
        # years are not negative
        "years = torch.tensor([3.0, 7.0])\nloss = torch.log(years + 1)  # bad\n",
        "z = torch.randn(3, requires_grad=True)\nloss = torch.log(z.sigmoid() + 1e-3)  # bad\n",
        "labels = torch.tensor([1, 2, 3])\nshare = 1 / labels  # bad\n",
    ],
)
def test_values_that_a_program_cannot_have_do_not_confirm(judge: Judge, text: str) -> None:
    assert judge(text).status == "not-reproduced"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = torch.rand(3)\nwhile True:\n    x = x + 1\ny = x.log()  # bad\n", "the loop on line 6 has no end"),
        ("import sys\nx = torch.rand(3)\nsys.exit()\ny = x.log()  # bad\n", "the program ends on line 7"),
        ("x = torch.rand(3)\nif x.sum() > 99:\n    y = x.log()  # bad\n", "the condition on line 6 does not hold"),
    ],
)
def test_a_line_that_a_program_never_comes_to_is_told(judge: Judge, text: str, said: str) -> None:
    verdict = judge(text)
    assert verdict.status == "not-runnable"
    assert verdict.text.startswith(f"line not reached: {said}")


def test_what_a_program_lacks_is_told(judge: Judge) -> None:
    verdict = judge("import no_such_data\nx = torch.tensor(no_such_data.load())\ny = x.log()  # bad\n")
    assert verdict == Verdict("not-runnable", "import: ModuleNotFoundError: No module named 'no_such_data'")
    verdict = judge("x = torch.load('no_such_file.pt')\ny = x.log()  # bad\n")
    assert verdict.text.startswith("arguments: FileNotFoundError: ")


def test_a_large_tensor_is_not_written_down(judge: Judge) -> None:
    text = "W = torch.rand(300, 300, requires_grad=True)\nloss = torch.log(W.softmax(-1)).sum()  # bad\n"
    verdict = judge(text)
    assert verdict.status == "not-reproduced"
    assert verdict.text == "it failed, but the arguments cannot be written down: a tensor of 90000 values"
    verdict = judge(text.replace("W.softmax(-1)", "W"))
    assert verdict.witness == ("W = torch.full((300, 300), 0.0)",)


def test_a_statement_without_a_value_is_told(judge: Judge) -> None:
    verdict = judge("W = torch.zeros(2, requires_grad=True)\nstep = torch.optim.SGD([W], 0.1)\nstep.step()  # bad\n")
    assert verdict == Verdict("not-runnable", "result: the statement gives no tensor or number to judge")


FUNCTION = """
    import no_such_plots
    from no_such_plots import draw

    SCALE = 2.0


    class Loss(nn.Module):
        def forward(self, x):
            return torch.log(x * SCALE)  # bad

        def shown(self, x):
            draw(x.log())  # used
            return x
"""


def test_a_function_that_needs_no_missing_import_is_run(judge: Judge, folder: Path, tmp_path: Path) -> None:
    verdict = judge(FUNCTION)
    assert verdict.status == "confirmed"
    assert "No module named 'no_such_plots'; what `Loss` needs of the module was run" in verdict.text
    script = tmp_path / "script.py"
    script.write_text(verdict.script, encoding="utf-8")
    alone = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert "still not finite" in alone.stderr


def test_a_function_that_needs_it_is_not(judge: Judge) -> None:
    verdict = judge(FUNCTION, "# used")
    assert verdict.status == "not-runnable"
    assert verdict.text.startswith("import: ModuleNotFoundError: No module named 'no_such_plots'")


def test_what_a_file_of_ones_own_cannot_import_is_missed_only_where_it_is_used(judge: Judge, folder: Path) -> None:
    parcel = folder / "parcel"
    parcel.mkdir()
    (parcel / "__init__.py").write_text("from . import no_such_part\n", encoding="utf-8")
    (parcel / "scales.py").write_text("import no_such_package as other\n\nSCALE = 2.0\nOTHER = other.SCALE\n", "utf-8")
    (parcel / "base.py").write_text("from .scales import SCALE\n\n\ndef scaled(x):\n    return x * SCALE\n", "utf-8")
    verdict = judge("from parcel.base import scaled\n\n\ndef f(x):\n    return scaled(x).log()  # bad\n")
    assert verdict.status == "confirmed", verdict.text
    verdict = judge("from parcel.scales import OTHER\n\n\ndef f(x):\n    return (x * OTHER).log()  # bad\n")
    assert verdict.status == "not-runnable"
    assert "No module named 'no_such_package'" in verdict.text


def test_a_file_without_an_end_is_not_imported(judge: Judge) -> None:
    verdict = judge("def f(x):\n    return x.log()  # bad\n\n\nwhile True:\n    f(torch.rand(2))\n")
    assert verdict.status == "confirmed"
    assert "(import: the loop on line 9 has no end in the program's text; what `f` needs" in verdict.text


def test_an_import_that_hangs_costs_its_limit_once(verifier: Verifier, folder: Path) -> None:
    path = folder / "hangs.py"
    training = "\n\nrunning = 1\nwhile running:\n    f(torch.rand(2))\n"
    path.write_text(HEAD + "def f(x):\n    return x.log()\n\n\ndef g(x):\n    return x.sqrt()\n" + training, "utf-8")
    starts = []
    for row in (6, 10):
        start, end = Position(row, 12), Position(row, 19)
        verdict = verifier.verdict(Finding("NAN999", "a-rule", "says", str(path), start, end, Confidence.LIKELY))
        assert verdict.status == "confirmed"
        assert "(import: timeout: no answer within 8 s; what `" in verdict.text
        starts.append(verifier.starts)
    assert starts[0] == starts[1]
