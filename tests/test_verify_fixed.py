"""`nanlint verify --fixed`: a fix is proved by running, or it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Program
from test_fixes import HEAD

from nanlint.config import Config
from nanlint.files import Target
from nanlint.finding import Edit, Finding, Fix
from nanlint.run import check
from nanlint.slotted import replace
from nanlint.verify.verdicts import Verifier

MODEL = HEAD + (
    "class Model(torch.nn.Module):\n"
    "    def __init__(self, size: int = 3):\n"
    "        super().__init__()\n"
    "        self.scale = 2.0\n\n"
    "    def forward(self, z: torch.Tensor):\n"
    "        return torch.log(torch.softmax(self.scale * z, dim=-1))\n\n\n"
    "def g(x: torch.Tensor):\n"
    "    return torch.log(torch.relu(x))\n"
)


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier() as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flagged_model.py"
    path.write_text(MODEL, encoding="utf-8")
    return path


def findings(file: Path) -> list[Finding]:
    return list(check(Target(str(file), Config()), fixing="offer").findings)


def test_fixes_are_proved_by_running_them(verifier: Verifier, file: Path) -> None:
    for finding in findings(file):
        verdict = verifier.verdict(finding)
        assert verdict.is_confirmed
        told = verifier.fix_verdict(finding, verdict)
        assert told is not None
        assert told.status == "fix-proved", told.text
        assert "the same in" in told.text
    assert file.read_text(encoding="utf-8") == MODEL, "a trial writes nothing"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("torch.log(torch.relu(x) * 1)", "still not finite"),
        ("torch.log(torch.relu(x) + 1)", "value or gradient is another one"),
        ("torch.log(torch.relu(x) + 1).detach() + 0 * x.sum()", "value or gradient is another one"),
        ("no_such_name(x)", "NameError"),
    ],
)
def test_a_fix_that_does_not_mend_fails(verifier: Verifier, file: Path, text: str, reason: str) -> None:
    finding = next(f for f in findings(file) if f.code == "NAN101")
    verdict = verifier.verdict(finding)
    start = MODEL.index("torch.log(torch.relu(x))")
    wrong = Fix("Do something else", "safe", (Edit(start, start + len("torch.log(torch.relu(x))"), text),))
    told = verifier.fix_verdict(replace(finding, fixes=(wrong,)), verdict)
    assert told is not None
    assert told.status == "fix-failed"
    assert reason in told.text


def test_without_a_fix_or_a_confirmation_nothing_is_said(verifier: Verifier, file: Path) -> None:
    finding = findings(file)[0]
    verdict = verifier.verdict(finding)
    assert verifier.fix_verdict(replace(finding, fixes=()), verdict) is None
    assert verifier.fix_verdict(finding, replace(verdict, status="not-reproduced")) is None


def test_the_verdict_on_the_fix_is_part_of_the_output(program: Program, file: Path) -> None:
    (file.parent / "nanlint.toml").write_text("", encoding="utf-8")
    done = program("nanlint", "verify", "--fixed", "--output-format", "json", file.name, cwd=file.parent)
    assert [finding["verdict"]["fix"]["status"] for finding in json.loads(done.stdout)] == ["fix-proved"] * 2
    again = program("nanlint", "verify", "--fixed", "--output-format", "concise", file.name, cwd=file.parent)
    assert again.stdout.count("; fix-proved: finite with the arguments that failed") == 2
    ray = program("nanlint", "verify", "--fixed", "--pool", "ray", file.name, cwd=file.parent)
    assert "--fixed does not go together with --pool ray" in ray.stderr
