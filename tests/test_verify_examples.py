"""Calls in docstrings and tests reach lines that nothing else reaches, and their values are where a search begins."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.verify.program.examples import Example, examples
from nanlint.verify.program.loading import parsed
from nanlint.verify.verdicts import Verifier

Judge = Callable[[Path], Verdict]

SESSION = '''
    """Losses of sessions."""
    import torch


    class Session:
        def __init__(self, name):
            if not name.startswith("run-"):
                raise ValueError(name)
            self.name = name


    def _ratio(session, p, q):
        if not isinstance(session, Session):
            raise TypeError(session)
        return p / q  # bad


    def divergence(session, p, q):
        """How far apart.

        Args:
            session: where it happens
            {}

        {}
        """
        return _ratio(session, p, q).sum()
'''
DOCTEST = """Example:
            >>> p = torch.tensor([0.5, 0.5])
            >>> divergence(Session("run-1"), p, q=torch.tensor([0.1, 0.9]))
            tensor(5.56)"""
FENCED = """```python
        p, q = torch.rand(2, 3)
        divergence(Session("run-1"), p, q)
        ```"""


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """The verdict on the line marked `# bad` of a file."""
    with Verifier() as verifier:

        def of(path: Path) -> Verdict:
            lines = path.read_text(encoding="utf-8").splitlines()
            (row,) = (number for number, line in enumerate(lines, 1) if line.endswith("# bad"))
            start, end = Position(row, 1), Position(row + 1, 1)
            return verifier.verdict(Finding("NAN999", "a-rule", "says", str(path), start, end, Confidence.LIKELY))

        yield of


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    return path


def test_a_docstring_reaches_what_nothing_else_does(judge: Judge, tmp_path: Path) -> None:
    assert judge(written(tmp_path / "without.py", SESSION.format("q: what is", ""))).status == "not-runnable"
    verdict = judge(written(tmp_path / "with_doctest.py", SESSION.format("q: what is", DOCTEST)))
    assert (verdict.status, verdict.text) == ("confirmed", "result is nan (in the example of a docstring)")
    assert verdict.witness == ("p = torch.tensor([0.0])", "q = torch.tensor([0.0])")
    script = tmp_path / "script.py"
    script.write_text(verdict.script, encoding="utf-8")
    alone = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert "still not finite: the result is nan" in alone.stderr


def test_code_in_fences_is_an_example_too(judge: Judge, tmp_path: Path) -> None:
    verdict = judge(written(tmp_path / "fenced.py", SESSION.format("q: what is", FENCED)))
    assert verdict.status == "confirmed"


def test_what_a_docstring_says_of_its_parameters_holds_in_its_example(judge: Judge, tmp_path: Path) -> None:
    text = SESSION.replace("return p / q  # bad", "return p").replace("return _ratio(session, p, q).sum()", "{line}")
    text = text.replace("{line}", "return torch.log(q)  # bad")
    body = text.replace("{}", "q: must be positive", 1).replace("{}", DOCTEST)
    verdict = judge(written(tmp_path / "positive.py", body))
    assert verdict.status in ("not-reproduced", "confirmed-extreme"), verdict.witness


STATEFUL = """
    import torch
    from torch import nn


    class Coder(nn.Module):
        def __init__(self, encoder):
            super().__init__()
            self.encoder = encoder

        def encode(self, x):
            self.mean, self.spread = self.encoder(x)
            return self.mean

        def loss(self):
            return (self.mean**2 - self.spread.log()).sum()  # bad
"""
TESTS = """
    import pytest
    import torch

    from parcel.coder import Coder


    @pytest.fixture
    def data():
        return torch.rand(3)


    def test_with_data(data):
        assert Coder(data).loss() > 0


    def test_loss():
        coder = Coder(lambda x: (x, x + 1))
        x = torch.rand(3, 2)
        assert coder.encode(x).shape == (3, 2)
        assert coder.loss() > 0
"""


def test_a_test_of_the_package_makes_the_object_and_its_state(judge: Judge, tmp_path: Path) -> None:
    path = written(tmp_path / "parcel" / "coder.py", STATEFUL)
    written(path.parent / "__init__.py", "")
    assert judge(path).status == "not-runnable"
    written(tmp_path / "tests" / "test_coder.py", TESTS)
    verdict = judge(path)
    assert verdict.status == "confirmed"
    assert verdict.text.endswith("(in a test of test_coder.py)")
    assert [line.split(" = ")[0] for line in verdict.witness] == ["x"]


@pytest.mark.parametrize(
    "body",
    [
        """
        @pytest.mark.parametrize("size", [3, 4])
        @pytest.mark.parametrize(("scale", "shift"), [pytest.param(2, 1, id="two"), (3, 1)])
        def test_loss(size, scale, shift):
            coder = Coder(lambda x: (x, scale * x + shift))
            x = torch.rand(size, 2)
            coder.encode(x)
            assert coder.loss() > 0
        """,
        """
        @pytest.fixture
        def size():
            return 3


        @pytest.fixture()
        def x(size):
            yield torch.rand(size, 2)


        def test_loss(x):
            coder = Coder(lambda x: (x, x + 1))
            coder.encode(x)
            assert coder.loss() > 0
        """,
        """
        class TestCoder:
            def setup_method(self):
                self.coder = Coder(lambda x: (x, x + 1))

            @pytest.mark.parametrize("x", [torch.rand(3, 2)])
            def test_loss(self, x):
                self.coder.encode(x)
                assert self.coder.loss() > 0
        """,
    ],
)
def test_a_test_is_given_what_pytest_gives_it(judge: Judge, tmp_path: Path, body: str) -> None:
    path = written(tmp_path / "parcel" / "coder.py", STATEFUL)
    written(path.parent / "__init__.py", "")
    head = "import pytest\nimport torch\n\nfrom parcel.coder import Coder\n\n\n"
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_coder.py").write_text(head + textwrap.dedent(body), encoding="utf-8")
    verdict = judge(path)
    assert verdict.status == "confirmed", verdict.text
    assert verdict.text.endswith("(in a test of test_coder.py)")


def test_the_own_examples_come_first(tmp_path: Path) -> None:
    text = '"""\n>>> f(0)\n"""\n\n\ndef f(x):\n    """\n    >>> f(1)\n    """\n\n\n'
    text += 'def g():\n    """\n    >>> g() + f(2)\n    """\n'
    path = tmp_path / "m.py"
    path.write_text(text, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    test = tmp_path / "tests" / "test_m.py"
    test.write_text("from m import f\n\n\ndef test_f():\n    assert [f(3)]\n", encoding="utf-8")
    found = list(examples(str(path), str(tmp_path), parsed(str(path)), "f"))
    assert found == [
        Example("", "f(1)\n", "body[0].value"),
        Example("", "f(0)\n", "body[0].value"),
        Example(str(test), "", "body[1].body[0].test.elts[0]"),
        Example("", "g() + f(2)\n", "body[0].value.left"),
    ]
