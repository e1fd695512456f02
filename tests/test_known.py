"""Known findings stay quiet, by baselines, revisions and comments; comments that silence nothing are told."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from conftest import Program
from test_fixes import HEAD, after, fixed

LOG = "def f(x):\n    return torch.log(torch.relu(x))\n"
SQRT = "\n\ndef g(x: torch.Tensor):\n    return torch.sqrt(x - 1)\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "nanlint.toml").write_text("", encoding="utf-8")
    (tmp_path / "model.py").write_text(HEAD + LOG, encoding="utf-8")
    return tmp_path


def codes(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [finding["code"] for finding in json.loads(done.stdout)]


def test_a_baseline_keeps_old_findings_quiet_where_lines_move(nanlint: Program, project: Path) -> None:
    done = nanlint("check", "--write-baseline", "known.json")
    assert (done.returncode, done.stderr) == (0, "Wrote 1 finding to known.json.\n")
    file = project / "model.py"
    file.write_text(HEAD + "# moved\n\n" + LOG.replace("torch.relu(x)", "torch.relu( x )") + SQRT, encoding="utf-8")
    assert codes(nanlint("check", "--baseline", "known.json", "--output-format", "json")) == ["NAN103"]
    (project / "elsewhere").mkdir()
    done = nanlint("check", "--baseline", "../known.json", "..", cwd=project / "elsewhere")
    assert "NAN103" in done.stdout
    assert "NAN101" not in done.stdout


def test_one_more_of_the_same_is_new(nanlint: Program, project: Path) -> None:
    nanlint("check", "--write-baseline", "known.json")
    twice = LOG.replace("    return", "    y = torch.log(torch.relu(x))\n    return y,")
    (project / "model.py").write_text(HEAD + twice, encoding="utf-8")
    assert codes(nanlint("check", "--baseline", "known.json", "--output-format", "json")) == ["NAN101"]


@pytest.mark.parametrize("text", [None, "no json", "[]", '{"version": 1}', '{"version": 99, "findings": []}'])
def test_a_baseline_that_cannot_be_read_is_an_error(nanlint: Program, project: Path, text: str | None) -> None:
    if text is not None:
        (project / "known.json").write_text(text, encoding="utf-8")
    done = nanlint("check", "--baseline", "known.json")
    assert done.returncode == 2
    assert "known.json: " in done.stderr


def test_only_what_a_change_brings_is_told(nanlint: Program, project: Path) -> None:
    def git(*arguments: str) -> None:
        names = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *names, *arguments], cwd=project, check=True, capture_output=True)

    (project / "same.py").write_text(HEAD + LOG, encoding="utf-8")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "base")
    git("checkout", "-q", "-b", "topic")
    git("mv", "model.py", "renamed.py")
    (project / "renamed.py").write_text("# moved\n" + HEAD + LOG + SQRT, encoding="utf-8")
    git("commit", "-q", "-a", "-m", "topic")
    (project / "new.py").write_text(HEAD + LOG, encoding="utf-8")
    found = json.loads(nanlint("check", "--diff-base", "main", "--output-format", "json", "--no-cache").stdout)
    assert [(Path(f["filename"]).name, f["code"]) for f in found] == [("new.py", "NAN101"), ("renamed.py", "NAN103")]
    assert nanlint("check", "--diff-base", "no-such-revision").returncode == 2
    assert nanlint("check", "--diff-base", "--output=x").returncode == 2


def test_without_a_repository_there_is_no_base(nanlint: Program) -> None:
    done = nanlint("check", "--diff-base", "main", env={"GIT_CEILING_DIRECTORIES": "/"})
    assert done.returncode == 2
    assert "--diff-base: git" in done.stderr


@pytest.mark.parametrize("option", ["--baseline=known.json", "--diff-base=main", "--write-baseline=known.json"])
def test_known_findings_and_fixes_do_not_go_together(nanlint: Program, option: str) -> None:
    assert "does not go together" in nanlint("check", "--fix", option).stderr


def test_comments_are_written_behind_findings(nanlint: Program, project: Path) -> None:
    file = project / "model.py"
    text = HEAD + (
        "def f(x: torch.Tensor):\n"
        "    a = torch.log(torch.relu(x))  # why\n"
        "    b = torch.log(\n        torch.relu(x)\n    )\n"
        "    c = torch.sqrt(x - 1)  # noqa: E501\n"
        '    d = """\n    """, torch.log(torch.relu(x))\n'
        "    return a, b, c, d\n"
    )
    file.write_text(text, encoding="utf-8")
    done = nanlint("check", "--add-noqa")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Silenced 4 findings.\n")
    expected = text.replace("# why", "# why  # noqa: NAN101").replace("\n    )", "\n    )  # noqa: NAN101")
    expected = expected.replace("E501", "E501, NAN103").replace(
        "relu(x))\n    return", "relu(x))  # noqa: NAN101\n    return"
    )
    assert file.read_text(encoding="utf-8") == expected
    assert nanlint("check").stdout == "All clear.\n"


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("# noqa: NAN201", ""),
        ("# noqa: NAN101, NAN201", "# noqa: NAN101"),
        ("# noqa: NAN201, NAN101", "# noqa: NAN101"),
        ("# noqa: E501, NAN201", "# noqa: E501"),
        ("# why  # noqa: NAN201", "# why"),
        ("# noqa: NAN201 is no reason", "# is no reason"),
        ("# noqa: NAN201  # why", "# why"),
        ("# nanlint: ignore[division-by-zero-tensor]", ""),
        ("# nanlint: ignore[NAN101, NAN201]", "# nanlint: ignore[NAN101]"),
    ],
)
def test_what_silences_nothing_is_taken_out(comment: str, left: str) -> None:
    text = f"{HEAD}def f(x):\n    return torch.log(torch.relu(x))  {comment}\n"
    told = fixed(text, "no").findings
    assert [f.code for f in told if f.code != "NAN101"] == ["NAN001"]
    assert after(text) == text.replace(comment, left).replace("  \n", "\n")


@pytest.mark.parametrize(
    "comment",
    ["# noqa: NAN101", "# noqa", "# noqa: E501", "# noqa: NAN", "# nanlint: ignore", "# noqa: NAN1  # nanlint: ignore"],
)
def test_what_silences_something_or_is_not_ours_is_left(comment: str) -> None:
    text = f"{HEAD}def f(x):\n    return torch.log(torch.relu(x))  {comment}\n"
    assert [f.code for f in fixed(text, "no").findings if f.code == "NAN001"] == []


def test_what_silences_a_finding_of_low_confidence_is_of_use() -> None:
    text = f"{HEAD}def f(x, y):\n    return torch.relu(x) / y  # noqa: NAN201\n"
    assert fixed(text, "no").findings == ()


def test_unused_suppressions_are_selected_like_rules(nanlint: Program, project: Path) -> None:
    (project / "model.py").write_text(HEAD + "X = 1  # noqa: NAN101\nY = 2  # nanlint: ignore\n", encoding="utf-8")
    assert codes(nanlint("check", "--output-format", "json")) == ["NAN001", "NAN001"]
    assert codes(nanlint("check", "--output-format", "json", "--ignore", "NAN001")) == []
    assert codes(nanlint("check", "--output-format", "json", "--ignore", "unused-suppression")) == []
    assert codes(nanlint("check", "--output-format", "json", "--select", "NAN101,NAN001")) == ["NAN001"]
    assert codes(nanlint("check", "--output-format", "json", "--select", "NAN2,NAN001")) == []
