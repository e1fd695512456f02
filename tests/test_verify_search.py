"""Which lines are confirmed, with which arguments, and which never are."""

# ruff: noqa: ISC004 (programs of several lines in lists)

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.verify.place import module_of
from nanlint.verify.verdicts import Verifier

HEAD = "from __future__ import annotations\n\nimport torch\nfrom torch import Tensor, nn\n\n\n"
Judge = Callable[..., Verdict]


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier() as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("code")


@pytest.fixture
def judge(verifier: Verifier, folder: Path, request: pytest.FixtureRequest) -> Judge:
    """The verdict on the line marked `# bad` of a file of this text."""
    numbers = iter(range(99))

    def of(text: str) -> Verdict:
        whole = HEAD + textwrap.dedent(text)
        (row,) = (number for number, line in enumerate(whole.splitlines(), 1) if line.endswith("# bad"))
        name = "".join(c if c.isalnum() else "_" for c in request.node.name)
        path = folder / f"{name}_{next(numbers)}.py"
        path.write_text(whole, encoding="utf-8")
        start, end = Position(row, 1), Position(row + 1, 1)
        return verifier.verdict(Finding("NAN999", "a-rule", "says", str(path), start, end, Confidence.LIKELY))

    return of


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return torch.log(x)", "result is -inf"),
        ("return x / x.sum()", "result is nan"),
        ("return {'loss': [x.log().mean()]}", "result['loss'][0] is -inf"),
        ("return torch.log(x).sum().item()", "result is -inf"),
        ("return torch.sqrt(x)", "the gradient of x is inf"),
        ("return x.std()", "result is nan"),
        ("return 1 / (1 + torch.exp(-x))", "the gradient of x is nan"),
        ("x.log_()", "x is -inf"),
    ],
)
def test_a_bad_line_is_confirmed(judge: Judge, body: str, said: str) -> None:
    verdict = judge(f"def f(x):\n    {body}  # bad\n")
    if said == "result is nan" and "std" not in body:
        assert verdict.text in (said, "result is inf")
    elif "inf" not in said or "gradient" in said:
        assert verdict.text == said
    assert verdict.status == "confirmed"
    assert verdict.witness[0].startswith("x = torch.")


def test_a_complex_tensor_is_given_where_the_code_asks_for_one(judge: Judge) -> None:
    verdict = judge("""
        def phase(z):
            assert z.is_complex()
            return z / z.abs()  # bad
        """)
    assert (verdict.status, verdict.witness) == ("confirmed", ("z = torch.tensor([0j])",))


def test_no_gradient_of_what_a_loss_takes_for_its_target_is_wanted(judge: Judge) -> None:
    verdict = judge("""
        def loss(p, y):
            return torch.nn.functional.binary_cross_entropy(p, y)  # bad
        """)
    assert verdict.status != "confirmed", verdict.witness


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("return x * x", "confirmed-extreme"),
        ("return torch.log(x.clamp(min=1e-8))", "confirmed-extreme"),
        # the slope is wrong only where the square of x is not in range
        ("return torch.atan2(torch.zeros_like(x), x)", "confirmed-extreme"),
        ("return torch.tanh(x)", "not-reproduced"),
        ("return torch.where(x > 0, 1.0, -torch.inf)", "not-reproduced"),
        ("return x.masked_fill(x > 0, -torch.inf).softmax(-1).nan_to_num()", "not-reproduced"),
    ],
)
def test_a_good_line_is_not_confirmed_at_ordinary_inputs(judge: Judge, body: str, status: str) -> None:
    verdict = judge(f"def f(x):\n    {body}  # bad\n")
    assert verdict.status == status


def test_another_line_to_blame_is_no_confirmation(judge: Judge) -> None:
    text = "def f(x):\n    y = torch.log(x)\n    return y.abs() + 1  # bad\n"
    assert judge(text).status == "not-reproduced"
    assert judge(text.replace("  # bad", "").replace("log(x)", "log(x)  # bad")).status == "confirmed"


def test_what_is_repaired_is_no_confirmation(judge: Judge) -> None:
    repaired = "def f(x):\n    y = torch.log(x.detach())  # bad\n    return torch.where(x > 0, y, 0.0)\n"
    assert judge(repaired).status == "not-reproduced"


def test_the_gradient_behind_a_mask_is_a_confirmation(judge: Judge) -> None:
    verdict = judge("def f(x):\n    return torch.where(x > 0, torch.sqrt(x), 0.0)  # bad\n")
    assert (verdict.status, verdict.text) == ("confirmed", "the gradient of x is nan")


@pytest.mark.parametrize(
    "contract",
    [
        "# nanlint: assume p > 0",
        "# nanlint: assume p in (0, 1]",
        "assert (p > 0).all()",
        "if (p <= 0).any():\n        raise ValueError(p)",
        '"""Says.\n\n    Args:\n        p: must be positive, as a rule.\n    """',
        '"""Says.\n\n    :param p: weights between 0.5 and 1\n    """',
    ],
)
def test_inputs_that_break_a_contract_do_not_confirm(judge: Judge, contract: str) -> None:
    assert judge("def f(p):\n    return torch.log(p)  # bad\n").status == "confirmed"
    kept = judge(f"def f(p):\n    {contract}\n    return torch.log(p)  # bad\n")
    assert kept.status in ("proved", "not-reproduced", "confirmed-extreme")


@pytest.mark.parametrize("name", ["confmat", "counts", "variance"])
def test_what_no_caller_means_by_a_name_does_not_confirm(judge: Judge, name: str) -> None:
    assert judge(f"def f({name}):\n    return torch.log({name} + 1)  # bad\n").status != "confirmed"
    assert judge(f"def f({name}):\n    return torch.log({name})  # bad\n").status == "confirmed"


def test_inputs_that_are_not_finite_do_not_confirm(judge: Judge) -> None:
    verdict = judge("def f(x, y):\n    return torch.softmax(x.clamp(-9, 9) + y.clamp(max=0), -1)  # bad\n")
    assert verdict.status == "not-reproduced"


def test_the_witness_is_small(judge: Judge) -> None:
    verdict = judge("def f(x: Tensor, y: Tensor):\n    return (x / y.sum(-1, keepdim=True)).mean()  # bad\n")
    assert verdict.status == "confirmed"
    assert len(verdict.witness) == 2
    assert all(len(line) < 40 for line in verdict.witness)


@pytest.mark.parametrize(
    "text",
    [
        "def f(logits, target):\n    n, c = logits.shape\n    assert target.dtype == torch.long\n"
        "    return logits.exp()[torch.arange(n), target].log()  # bad\n",
        "def f(img):\n    b, c, h, w = img.shape\n    return img / img.std(dim=(2, 3), keepdim=True)  # bad\n",
        "def f(x, reduction='none'):\n    if reduction == 'geometric':\n"
        "        return x.log().mean().exp().log()  # bad\n    return x\n",
        "def f(x, use_log=False):\n    if use_log:\n        return x.log()  # bad\n    return x\n",
        "def f(batch):\n    x = batch['image']\n    return x / x.sum()  # bad\n",
        "def f(xs: list[Tensor]):\n    return torch.stack(xs).log()  # bad\n",
        "def f(x):\n    def inner(y):\n        return y.log()  # bad\n    return inner(x)\n",
        "def f(x):\n    (g,) = torch.autograd.grad(x.pow(2).sum(), x, create_graph=True)\n"
        "    return (g.pow(2).sum().sqrt() - 1) ** 2  # bad\n",
        "def f(x):\n    return torch.from_numpy(x.numpy()).log()  # bad\n",
        "def f(mask, x):\n    return x[~mask].sum() / (~mask).sum()  # bad\n",
        "def f(value):\n    if value.dim() < 1 or value.shape[-1] != 7:\n"
        "        raise ValueError(f'Expected value to have rightmost dim 7, actual shape = {value.shape}')\n"
        "    return value.log()  # bad\n",
        "def f(x, points):\n    assert points.shape[-1] == 11, 'points must be of shape (N, 11)'\n"
        "    return x.sum() / points.sum()  # bad\n",
    ],
)
def test_arguments_that_reach_the_line_are_found(judge: Judge, text: str) -> None:
    verdict = judge(text)
    assert verdict.status == "confirmed", verdict.text


@pytest.mark.parametrize(
    "text",
    [
        "class M(nn.Module):\n    def __init__(self, num_classes: int):\n        super().__init__()\n"
        "        self.n = num_classes\n\n    def forward(self, x):\n        return torch.log(x[:, : self.n])  # bad\n",
        "class M(nn.Module):\n    def __init__(self, mode='plain'):\n        super().__init__()\n"
        "        self.mode = mode\n\n    def forward(self, x):\n        if self.mode == 'log':\n"
        "            return torch.log(x)  # bad\n        return x\n",
        "class M:\n    @staticmethod\n    def f(x):\n        return torch.log(x)  # bad\n",
        "class M:\n    def __init__(self, x):\n        self.y = torch.log(x)\n\n    @property\n    def f(self):\n"
        "        return (self.y.exp() - 1).log()  # bad\n",
        "class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.register_buffer('total', torch.ones(()))\n\n    def update(self, x):\n"
        "        self.total += torch.log(x).mean()  # bad\n",
    ],
)
def test_objects_are_made(judge: Judge, text: str) -> None:
    verdict = judge(text)
    assert verdict.status == "confirmed", verdict.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class M:\n    def __init__(self, x):\n        raise ValueError('no')\n\n    def f(self, x):\n"
         "        return torch.log(x)  # bad\n", "construction: ValueError: no"),
        ("def f(x):\n    raise ValueError('no')\n    return torch.log(x)  # bad\n", "arguments: ValueError: no"),
        ("def f(x):\n    if x is f:\n        return torch.log(x)  # bad\n    return x\n", "line not reached: "),
        ("class M:\n    scale = torch.log(torch.zeros(1))  # bad\n", "line not reached: the line stands in a"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_has_its_reason(judge: Judge, text: str, said: str) -> None:
    verdict = judge(text)
    assert verdict.status == "not-runnable"
    assert verdict.text.startswith(said)


def test_a_package_is_imported_as_a_package(verifier: Verifier, tmp_path: Path) -> None:
    package = tmp_path / "parcel" / "inner"
    package.mkdir(parents=True)
    for each in (package, package.parent):
        (each / "__init__.py").write_text("", encoding="utf-8")
    (package / "consts.py").write_text("ONE = 1.0\n", encoding="utf-8")
    path = package / "losses.py"
    path.write_text("from .consts import ONE\n\n\ndef f(x):\n    return ONE / x\n", encoding="utf-8")
    assert module_of(path) == (tmp_path.resolve(), "parcel.inner.losses")
    verdict = verifier.verdict(
        Finding("NAN201", "a-rule", "says", str(path), Position(5, 12), Position(5, 19), Confidence.LIKELY)
    )
    assert verdict.status == "confirmed"


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("def f(x):\n    return torch.log(x)  # bad\n", "def f(x):\n    return torch.log(x.clamp(min=1e-6))\n"),
        ("def f(x):\n    return torch.sqrt(x)  # bad\n", "def f(x):\n    return torch.sqrt(x.clamp(min=1e-6))\n"),
        (
            "class M(nn.Module):\n    def __init__(self, num_classes):\n        super().__init__()\n"
            "        self.layer = nn.Linear(num_classes, 2, bias=False)\n\n    def forward(self, x):\n"
            "        y = self.layer(x)\n        return y / y.norm()  # bad\n",
            "class M(nn.Module):\n    def __init__(self, num_classes):\n        super().__init__()\n"
            "        self.layer = nn.Linear(num_classes, 2, bias=False)\n\n    def forward(self, x):\n"
            "        y = self.layer(x)\n        return y / y.norm().clamp(min=1e-6)\n",
        ),
    ],
)
def test_the_reproducer_fails_now_and_passes_once_fixed(
    judge: Judge, folder: Path, tmp_path: Path, bad: str, good: str
) -> None:
    verdict = judge(bad)
    assert verdict.status == "confirmed"
    script = tmp_path / "test_it.py"
    script.write_text(verdict.script, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(script)]
    failing = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert failing.returncode == 1
    assert "still not finite" in failing.stdout
    (path,) = (
        each for each in folder.glob("test_the_reproducer*.py") if each.read_text(encoding="utf-8") == HEAD + bad
    )
    path.write_text(HEAD + good, encoding="utf-8")
    passing = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert passing.returncode == 0, passing.stdout
    path.unlink()


def test_an_object_is_prepared_by_the_method_that_makes_what_it_lacks(judge: Judge) -> None:
    verdict = judge("""
        class Net:
            def __init__(self, scale):
                self.scale = scale

            def start(self, again):
                self.logarithm = None

            def initialize(self):
                self.logarithm = torch.log

            def loss(self, x):
                return self.logarithm(x).sum()  # bad
    """)
    assert (verdict.status, verdict.text) == ("confirmed", "result is -inf")
    assert verdict.witness[0].endswith(", then initialize()")
    assert "    instance.initialize()\n" in verdict.script


def test_a_rule_that_stands_for_others_is_confirmed_by_what_they_tell(verifier: Verifier, folder: Path) -> None:
    path = folder / "stands_for.py"
    path.write_text("import torch\n\n\ndef f(x):\n    return x.exp().add(1).log().sum()\n", encoding="utf-8")
    place = (Position(5, 12), Position(5, 19))
    softplus = Finding("NAN307", "manual-sigmoid", "", str(path), *place, Confidence.LIKELY)
    assert verifier.verdict(softplus).status == "confirmed"


def test_what_another_part_of_the_statement_makes_is_no_confirmation(verifier: Verifier, folder: Path) -> None:
    path = folder / "parts.py"
    path.write_text(
        "import torch\n\n\ndef f(p, t):\n    return torch.log(p).sum() / (t.tanh() + 2.0)\n", encoding="utf-8"
    )
    whole = Finding(
        "NAN201", "division-by-zero-tensor", "", str(path), Position(5, 12), Position(5, 49), Confidence.LIKELY
    )
    part = Finding("NAN101", "log-of-nonpositive", "", str(path), Position(5, 22), Position(5, 23), Confidence.LIKELY)
    assert verifier.verdict(whole).status in ("not-reproduced", "confirmed-extreme")
    assert verifier.verdict(part).status == "confirmed"
