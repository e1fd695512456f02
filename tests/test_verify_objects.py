"""Objects: those that methods belong to, with what training makes of their parameters, and those that are arguments."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.verify.arguments.instances import cheapest
from nanlint.verify.verdicts import Verifier

HEAD = "from __future__ import annotations\n\nimport torch\nfrom torch import Tensor, nn\n\n\n"
Judge = Callable[[str], Verdict]


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier() as made:
        yield made


@pytest.fixture
def judge(verifier: Verifier, tmp_path: Path, request: pytest.FixtureRequest) -> Judge:
    """The verdict on the line marked `# bad` of a file of this text, whose script fails by itself where it is one."""

    def of(text: str) -> Verdict:
        whole = HEAD + textwrap.dedent(text)
        (row,) = (number for number, line in enumerate(whole.splitlines(), 1) if line.endswith("# bad"))
        path = tmp_path / f"{request.node.originalname.removeprefix('test_')}.py"
        path.write_text(whole, encoding="utf-8")
        start, end = Position(row, 1), Position(row + 1, 1)
        verdict = verifier.verdict(Finding("NAN999", "a-rule", "says", str(path), start, end, Confidence.LIKELY))
        if verdict.script:
            script = tmp_path / "script.py"
            script.write_text(verdict.script, encoding="utf-8")
            alone = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
            assert "still not finite" in alone.stderr
        return verdict

    return of


def test_a_trained_parameter_can_be_what_an_ordinary_input_fails_with(judge: Judge) -> None:
    verdict = judge("""
        class Energy(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.full((3,), 0.01))
                self.other = nn.Parameter(torch.ones(3))

            def forward(self, visible):
                hidden = visible.clamp(0, 1) * self.weight + self.other
                return hidden.exp().add(1).log()  # bad
        """)
    assert verdict.status == "confirmed"
    assert verdict.witness == (
        "Energy()",
        "instance.other = torch.full((3,), 100.0)",
        "visible = torch.tensor([[0.0]])",
    )


def test_parameters_that_need_no_other_value_keep_their_own(judge: Judge) -> None:
    verdict = judge("""
        class Scaled(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.ones(3))

            def forward(self, x):
                return torch.log(x) * self.weight  # bad
        """)
    assert (verdict.status, verdict.witness) == ("confirmed", ("Scaled()", "x = torch.tensor([[0.0]])"))


def test_an_attribute_that_the_line_hangs_on_is_set(judge: Judge) -> None:
    verdict = judge("""
        class Loss:
            def __init__(self):
                self.collect = False

            def __call__(self, x):
                if self.collect:
                    return x.log()  # bad
                return x
        """)
    assert (verdict.status, verdict.witness[:2]) == ("confirmed", ("Loss()", "instance.collect = True"))


def test_a_lazy_property_is_an_attribute(judge: Judge) -> None:
    verdict = judge("""
        from torch.distributions.utils import lazy_property


        class Shape(nn.Module):
            def __init__(self):
                super().__init__()
                self.scale = nn.Parameter(torch.ones(2))

            @lazy_property
            def inverse(self):
                return 1 / self.scale  # bad
        """)
    assert (verdict.status, verdict.text) == ("confirmed", "result is inf")


CAMERA = """
    from abc import ABC, abstractmethod
    from dataclasses import dataclass


    @dataclass
    class Camera:
        focal: Tensor
        width: int

        def __post_init__(self):
            if self.focal.dim() != 1:
                raise ValueError("one focal length for each camera")


    class Lens(ABC):
        @abstractmethod
        def bend(self, x): ...


    class Thin(Lens):
        def __init__(self, power: Tensor):
            self.power = power

        def bend(self, x):
            return x.sum() * self.power


"""


@pytest.mark.parametrize(
    ("text", "argument"),
    [
        ("def depth(camera: Camera, x: Tensor):\n    return x / camera.focal.sum()  # bad\n", "camera = "),
        ("def depth(x: Tensor, lens: Lens | None):\n    return lens.bend(x).log()  # bad\n", "lens = "),
        ("def depth(x: Tensor, lens: 'Lens'):\n    return lens.bend(x).log()  # bad\n", "lens = "),
        (
            (
                "class Rig:\n    def __init__(self, camera: Camera):\n        self.focal = camera.focal\n\n"
                "    def depth(self, x):\n        return (x - x) / self.focal.sum() / x.sum()  # bad\n"
            ),
            "Rig(camera=",
        ),
    ],
)
def test_objects_are_made_for_parameters_of_their_class(judge: Judge, text: str, argument: str) -> None:
    verdict = judge(textwrap.dedent(CAMERA) + text)
    assert verdict.status == "confirmed", verdict.text
    (source,) = (line for line in verdict.witness if line.startswith(argument))
    assert 'importlib.import_module("objects_are_made_for_parameters_of_their_class")' in source


def test_what_an_object_is_made_of_is_searched_too(judge: Judge) -> None:
    verdict = judge(textwrap.dedent(CAMERA) + "def depth(camera: Camera):\n    return 1 / camera.focal  # bad\n")
    assert verdict.status == "confirmed"
    assert "focal=torch.tensor([0.0])" in verdict.witness[0]


def test_cheap_choices_come_first() -> None:
    costs = [[0, 1, 2], [0, 2, 3], [0, 1]]
    found = list(cheapest(costs))
    assert sorted(found) == sorted(itertools.product(range(3), range(3), range(2)))
    prices = [sum(each[index] for each, index in zip(costs, choice, strict=True)) for choice in found]
    assert prices == sorted(prices)


MODES = """
    import enum


    class Mode(enum.Enum):
        PLAIN = "plain"
        LOG = "log"


"""


@pytest.mark.parametrize(
    "text",
    [
        MODES
        + "    def f(x, mode: Mode | str = Mode.PLAIN):\n"
        + "        if mode == Mode.LOG:\n            return x.log()  # bad\n",
        """
    def f(points, lens):
        if lens.shape[-1] not in (4, 11):
            raise ValueError("unknown lens")
        tilted = lens.shape[-1] == 11
        if tilted:
            return points / lens.sum()  # bad
        return points
    """,
        """
    def f(x, anchors):
        if anchors is not None:
            raise ValueError("anchors is not supported here")
        return x.log()  # bad
    """,
        """
    class Head(nn.Module):
        def __init__(self, dim: int, heads: int = 8):
            super().__init__()
            assert dim % heads == 0, "dim should be divisible by heads"
            self.scale = (dim // heads // 2) ** -0.5
            self.query = nn.Linear(dim, dim)

        def forward(self, x):
            return x.log() * self.query(x)  # bad
    """,
        """
    class Stem(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(7, 2, 3)

        def forward(self, x):
            return self.first(x).mean() + x.log()  # bad
    """,
    ],
)
def test_sizes_and_choices_that_the_code_asks_for_are_given(judge: Judge, text: str) -> None:
    verdict = judge(text)
    assert verdict.status == "confirmed", verdict.text


FUNCTION = """
    class Root(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x)
            return (x * scale).clamp_min(1e-6).sqrt()

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return gradient / x.sqrt(), None
"""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("            return gradient / x.sqrt(), None", "result[0] is inf"),
        ("            return (x * scale).clamp_min(1e-6).sqrt()", ""),
    ],
)
def test_the_methods_of_an_autograd_function_run_as_torch_calls_them(judge: Judge, line: str, told: str) -> None:
    verdict = judge(FUNCTION.replace(line, line + "  # bad"))
    if told:
        assert (verdict.status, verdict.text) == ("confirmed", told)
    else:
        assert verdict.status in ("not-reproduced", "confirmed-extreme")
