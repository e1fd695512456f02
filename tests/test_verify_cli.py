"""`nanlint verify` and `nanlint check --verify` as their users meet them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Program, run

from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.hosts.verifying import part, write_reproducers
from nanlint.report import github, ruff_json, sarif, terminal
from nanlint.report.source_text import SourceText

BAD = "import torch\n\n\ndef f(x):\n    return torch.log(torch.relu(x))\n"
BEHIND = "import torch\n\n\ndef f(x):\n    if x is f:\n        return torch.log(torch.relu(x))\n    return x\n"
CONFIRMED = Verdict("confirmed", "result is -inf", ("x = torch.zeros(1)",), "def test_it():\n    pass\n")
PLAIN = terminal.Paint(on=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "nanlint.toml").write_text("", encoding="utf-8")
    return tmp_path


def finding(verdict: Verdict | None, row: int = 1) -> Finding:
    place = Position(row, 1)
    return Finding("NAN101", "a-rule", "log of 0", "m.py", place, place, Confidence.LIKELY, verdict=verdict)


def test_a_confirmation_comes_with_its_witness_and_a_test(nanlint: Program, project: Path) -> None:
    (project / "bad.py").write_text(BAD, encoding="utf-8")
    done = nanlint("verify", "--output-format", "json", "--reproducers", "tests", "--quiet")
    assert done.returncode == 1
    (found,) = json.loads(done.stdout)
    verdict = found["verdict"]
    assert verdict["status"] == "confirmed"
    assert verdict["message"] == "result is -inf"
    assert verdict["witness"] == ["x = torch.tensor([[0.0]])"]
    (script,) = (project / "tests").iterdir()
    assert script.name == "test_bad_5_nan101.py"
    assert script.read_text(encoding="utf-8") == verdict["script"]
    alone = run([sys.executable, str(script)], cwd=project)
    assert alone.returncode == 1
    assert "still not finite: the result is tensor([[-inf]])" in alone.stderr
    assert sorted(path.name for path in project.iterdir()) == [".nanlint_cache", "bad.py", "nanlint.toml", "tests"]


def test_the_status_of_verify_counts_what_is_confirmed(nanlint: Program, project: Path) -> None:
    (project / "behind.py").write_text(BEHIND, encoding="utf-8")
    done = nanlint("verify")
    assert done.returncode == 0
    assert "  = not-runnable: line not reached: " in done.stdout
    assert done.stdout.endswith("Found 1 finding (1 certain): 1 not-runnable.\n")
    assert nanlint("check", "--verify").returncode == 1


def test_why_nothing_is_proved_is_told(nanlint: Program, project: Path) -> None:
    text = "import torch\n\n\ndef f(x):\n    # nanlint: assume x in [0, 1]\n    x = x.renorm(2, 0, 9.0)\n"
    (project / "whole.py").write_text(text + "    return torch.log(x.square() + 1 - x)\n", encoding="utf-8")
    done = nanlint("verify", "--output-format", "json", "--verbose")
    (found,) = json.loads(done.stdout)
    verdict = found["verdict"]
    assert verdict["status"] == "not-reproduced"
    assert verdict["unproved"] == "the range of renorm is not sure"
    assert "note: whole.py:7:22: NAN101 is not proved to stay finite: the range of renorm is not sure\n" in done.stderr


def test_shards_make_up_the_whole(nanlint: Program, project: Path) -> None:
    for name in ("one", "two", "three"):
        (project / f"{name}.py").write_text(BEHIND, encoding="utf-8")
    lines: list[str] = []
    for number in (1, 2):
        done = nanlint("verify", "--shard", f"{number}/2", "--output-format", "json-lines")
        assert done.returncode == 0
        lines += done.stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert sorted(Path(each["filename"]).stem for each in found) == ["one", "three", "two"]
    assert {each["verdict"]["status"] for each in found} == {"not-runnable"}


def test_parts_are_equal_in_size_and_lose_nothing() -> None:
    findings = [finding(None, row) for row in range(1, 12)]
    parts = [part(findings, (number, 4)) for number in range(1, 5)]
    assert [len(each) for each in parts] == [3, 3, 3, 2]
    assert sorted((f for each in parts for f in each), key=lambda f: f.start) == findings
    assert part(findings, None) == findings


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_a_wrong_shard_is_told(nanlint: Program, shard: str) -> None:
    done = nanlint("verify", "--shard", shard)
    assert done.returncode == 2
    assert "such as 2/4" in done.stderr


def test_nothing_is_run_where_nothing_is_found(nanlint: Program, project: Path) -> None:
    (project / "good.py").write_text("import torch\n\nraise SystemExit\n", encoding="utf-8")
    done = nanlint("verify")
    assert (done.returncode, done.stdout) == (0, "All clear.\n")


def test_without_torch_it_says_what_to_install(nanlint: Program, project: Path) -> None:
    (project / "bad.py").write_text(BAD, encoding="utf-8")
    (project / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n", encoding="utf-8")
    path = f"{Path(__file__).parents[1]}:{project}"
    done = nanlint("verify", "bad.py", env={"PYTHONPATH": path})
    assert done.returncode == 2
    assert "torch is not installed" in done.stderr
    assert "nanlint[verify]" in done.stderr
    assert nanlint("check", "bad.py", env={"PYTHONPATH": path}).returncode == 1


def test_a_run_that_is_told_to_end_leaves_nothing_behind(project: Path, tmp_path: Path) -> None:
    (project / "bad.py").write_text(BAD, encoding="utf-8")
    scratch = tmp_path / "temporary"
    scratch.mkdir()
    running = subprocess.Popen(
        [sys.executable, "-m", "nanlint", "verify", "--quiet"], cwd=project,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "TMPDIR": str(scratch)},
    )  # fmt: skip
    until = time.monotonic() + 60
    while not list(scratch.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert list(scratch.iterdir())
    running.terminate()
    assert running.wait(60) == 128 + signal.SIGTERM
    assert not list(scratch.iterdir())


def test_reproducers_need_verify(nanlint: Program) -> None:
    done = nanlint("check", "--reproducers", "tests")
    assert done.returncode == 2
    assert "--verify" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "--help"], ["check", "--help"]])
def test_help_imports_no_torch(project: Path, arguments: list[str]) -> None:
    done = run([sys.executable, "-X", "importtime", "-m", "nanlint", *arguments], cwd=project)
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    assert not {"torch", "libcst"} & imported


def test_full_shows_verdict_and_witness() -> None:
    text = SourceText(lambda path: b"y = log(x)\n")
    shown = terminal.full([finding(CONFIRMED)], text, PLAIN).splitlines()
    assert shown[-3:-1] == ["  = confirmed: result is -inf", "  =     x = torch.zeros(1)"]


def test_concise_keeps_to_one_line() -> None:
    shown = terminal.concise([finding(CONFIRMED), finding(None)], PLAIN).splitlines()
    assert shown[0].endswith("log of 0 (confirmed: result is -inf with x = torch.zeros(1))")
    assert shown[1].endswith("log of 0")


def test_a_long_witness_is_cut_for_people_alone() -> None:
    long = Verdict("confirmed", "result is nan", (f"x = torch.tensor({list(range(400))})",), "")
    assert len(terminal.concise([finding(long)], PLAIN)) < 500
    told = json.loads(ruff_json.lines([finding(long)], SourceText(lambda path: b"\n")))
    assert told["verdict"]["witness"] == list(long.witness)


def test_the_summary_counts_verdicts() -> None:
    verdicts = [CONFIRMED, CONFIRMED, Verdict("not-reproduced", "3 calls")]
    line = terminal.summary([finding(v) for v in verdicts], 0, Confidence.LIKELY, complete=True, paint=PLAIN)
    assert line == "Found 3 findings (3 likely): 2 confirmed, 1 not-reproduced.\n"


def test_json_without_a_verdict_has_no_such_field() -> None:
    (plain,) = json.loads(ruff_json.render([finding(None)], SourceText(lambda path: b"\n")))
    assert "verdict" not in plain


def test_github_and_sarif_show_the_verdict(tmp_path: Path) -> None:
    assert github.render([finding(CONFIRMED)], None).endswith(
        "log of 0%0Aconfirmed: result is -inf with x = torch.zeros(1)\n"
    )
    text = SourceText(lambda path: b"y = log(x)\n")
    log = json.loads(sarif.render([finding(CONFIRMED)], text, version="1", root=tmp_path, rules=(), errors=()))
    (result,) = log["runs"][0]["results"]
    assert result["message"]["text"] == "log of 0 (confirmed: result is -inf with x = torch.zeros(1))"
    assert result["properties"]["verdict"]["witness"] == ["x = torch.zeros(1)"]


def test_reproducers_of_one_line_get_names_of_their_own(tmp_path: Path) -> None:
    not_confirmed = Verdict("not-reproduced", "3 calls")
    write_reproducers([finding(CONFIRMED), finding(CONFIRMED), finding(not_confirmed)], tmp_path / "made")
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["test_m_1_nan101.py", "test_m_1_nan101_2.py"]


def test_the_page_shows_what_is_printed(nanlint: Program) -> None:
    root = Path(__file__).parents[1]
    done = nanlint("verify", "docs/example.py", "--isolated", "--no-cache", cwd=root)
    assert f"$ nanlint verify docs/example.py\n{done.stdout}```" in (root / "docs" / "verify.md").read_text("utf-8")
