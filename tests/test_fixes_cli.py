"""`nanlint check --fix`, `--unsafe-fixes` and `--diff` as their users meet them: on files, in child processes."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Program

from nanlint.fixes.files import NotWritten, write

BEFORE = "import torch\n\n\ndef f(z):\n    return torch.log(torch.sigmoid(z))\n"
AFTER = "import torch\n\n\ndef f(z):\n    return torch.nn.functional.logsigmoid(z)\n"
LEFT = "\n\ndef g(x):\n    return torch.log(torch.relu(x))\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "nanlint.toml").write_text("", encoding="utf-8")
    path = tmp_path / "model.py"
    path.write_text(BEFORE, encoding="utf-8")
    return path


@pytest.fixture
def project(file: Path) -> Path:
    return file.parent


def test_fix_writes_what_it_says(nanlint: Program, file: Path) -> None:
    done = nanlint("check", "--fix")
    assert (done.returncode, done.stdout, done.stderr) == (0, "All clear.\n", "Fixed 1 finding in 1 file.\n")
    assert file.read_text(encoding="utf-8") == AFTER
    again = nanlint("check", "--fix")
    assert (again.returncode, again.stdout, again.stderr) == (0, "All clear.\n", "")


def test_what_is_left_is_told_where_it_is_now(nanlint: Program, file: Path) -> None:
    file.write_text(BEFORE.replace("    return", "    p = torch.sigmoid(z)\n    return").replace(
        "torch.log(torch.sigmoid(z))", "torch.log(p)") + LEFT, encoding="utf-8")  # fmt: skip
    done = nanlint("check", "--fix", "--output-format", "concise")
    assert done.returncode == 1
    assert file.read_text(encoding="utf-8") == AFTER + LEFT
    assert done.stdout.startswith("model.py:9:22: NAN101")
    assert "Found 1 finding" in done.stdout


def test_diff_writes_nothing(nanlint: Program, file: Path) -> None:
    done = nanlint("check", "--diff")
    assert (done.returncode, done.stderr) == (1, "Would fix 1 finding in 1 file.\n")
    assert done.stdout.splitlines()[-2:] == [
        "-    return torch.log(torch.sigmoid(z))", "+    return torch.nn.functional.logsigmoid(z)",
    ]  # fmt: skip
    assert file.read_text(encoding="utf-8") == BEFORE
    assert nanlint("check", "--diff", "--exit-zero").returncode == 0
    file.write_text(AFTER, encoding="utf-8")
    assert (nanlint("check", "--diff").returncode, nanlint("check", "--diff").stdout) == (0, "")


def test_the_diff_is_one_that_patch_applies(nanlint: Program, file: Path) -> None:
    file.write_text(BEFORE.rstrip("\n"), encoding="utf-8")
    done = nanlint("check", "--diff")
    subprocess.run(["git", "apply", "-p0", "-"], cwd=file.parent, input=done.stdout, check=True, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == AFTER.rstrip("\n")


def test_unsafe_fixes_need_a_reason(nanlint: Program) -> None:
    done = nanlint("check", "--unsafe-fixes")
    assert done.returncode == 2
    assert "--unsafe-fixes needs --fix or --diff" in done.stderr


def test_standard_input_is_fixed_to_standard_output(nanlint: Program) -> None:
    done = nanlint("check", "--fix", "-", stdin=BEFORE + LEFT)
    assert (done.returncode, done.stdout) == (1, AFTER + LEFT)
    assert "NAN101" in done.stderr
    clean = nanlint("check", "--fix", "-q", "-", stdin=AFTER)
    assert (clean.returncode, clean.stdout, clean.stderr) == (0, AFTER, "")


def test_programs_are_told_the_fix(nanlint: Program, file: Path) -> None:
    (finding,) = json.loads(nanlint("check", "--output-format", "json").stdout)
    assert finding["fix"] == {
        "applicability": "safe",
        "message": "Replace with `torch.nn.functional.logsigmoid(z)`",
        "edits": [
            {
                "content": "torch.nn.functional.logsigmoid(z)",
                "location": {"row": 5, "column": 12},
                "end_location": {"row": 5, "column": 39},
            }
        ],
    }
    log = json.loads(nanlint("check", "--output-format", "sarif").stdout)
    (fix,) = log["runs"][0]["results"][0]["fixes"]
    assert fix["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"] == (
        "torch.nn.functional.logsigmoid(z)"
    )


def test_a_cached_result_is_not_taken_for_one_with_fixes(nanlint: Program, file: Path) -> None:
    assert nanlint("check").returncode == 1
    assert json.loads(nanlint("check", "--output-format", "json").stdout)[0]["fix"]
    assert json.loads(nanlint("check", "--output-format", "json").stdout)[0]["fix"]
    assert nanlint("check", "--fix").returncode == 0


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_takes_no_file_is_an_error(nanlint: Program, file: Path) -> None:
    file.parent.chmod(0o500)
    try:
        done = nanlint("check", "--fix", "--no-cache")
    finally:
        file.parent.chmod(0o700)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert file.read_text(encoding="utf-8") == BEFORE


def test_a_read_only_file_is_left(nanlint: Program, file: Path) -> None:
    file.chmod(0o444)
    done = nanlint("check", "--fix", "--output-format", "concise")
    assert done.returncode == 2
    assert "error: model.py: is read-only; it is left as it is" in done.stderr
    assert done.stdout.startswith("model.py:5:22: NAN311"), "what was found is still there"
    assert "Fixed" not in done.stderr
    assert file.read_text(encoding="utf-8") == BEFORE


def test_a_link_stays_a_link_and_the_mode_stays(nanlint: Program, file: Path) -> None:
    file.chmod(0o640)
    elsewhere = file.parent / "elsewhere"
    elsewhere.mkdir()
    link = elsewhere / "link.py"
    link.symlink_to(file)
    assert nanlint("check", "--fix", str(link)).returncode == 0
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert file.read_text(encoding="utf-8") == AFTER
    assert sorted(path.name for path in elsewhere.iterdir()) == ["link.py"]


def test_a_file_that_changed_meanwhile_is_left(file: Path) -> None:
    file.write_text(AFTER, encoding="utf-8")
    with pytest.raises(NotWritten, match="changed while it was checked"):
        write(str(file), BEFORE.encode(), AFTER.encode())
    assert file.read_text(encoding="utf-8") == AFTER


def test_a_file_that_is_gone_is_no_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="No such file"):
        write(str(tmp_path / "gone.py"), b"", b"x = 1\n")


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit on the size of files here")
def test_a_full_disk_loses_nothing(file: Path) -> None:
    text = BEFORE + "# padding\n" * 10_000
    file.write_text(text, encoding="utf-8")
    full = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "from nanlint.hosts.cli import main\n"
        "main(['check', '--fix', '--no-cache', sys.argv[1]])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", full, file.name]
    done = subprocess.run(command, cwd=file.parent, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert file.read_text(encoding="utf-8") == text
    assert sorted(path.name for path in file.parent.iterdir()) == ["model.py", "nanlint.toml"]
