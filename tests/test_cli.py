"""The command line as its users meet it: in child processes, on files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
from conftest import Program

from nanlint import __version__

BAD = "import torch\n\n\ndef f(x):\n    return torch.log(torch.relu(x))\n"
GOOD = "import torch\n\n\ndef f(x):\n    return torch.log1p(torch.relu(x))\n"
# Nothing is known of the divisor, so this is a finding of the lowest confidence.
POSSIBLE = "import torch\n\n\ndef f(x, y):\n    return torch.relu(x) / y\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without findings, in which no configuration from above applies."""
    (tmp_path / "nanlint.toml").write_text("", encoding="utf-8")
    (tmp_path / "good.py").write_text(GOOD, encoding="utf-8")
    return tmp_path


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def codes(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [finding["code"] for finding in json.loads(done.stdout)]


def test_clean_project(nanlint: Program) -> None:
    done = nanlint("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "All clear.\n", "")


def test_findings_give_status_1_and_an_excerpt(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD)
    done = nanlint("check")
    assert done.returncode == 1
    first, *block = done.stdout.splitlines()
    assert first.startswith("bad.py:5:22: NAN101 [certain] ")
    assert block[1:3] == ["5 |     return torch.log(torch.relu(x))", "  |                      ^^^^^^^^^^^^^"]
    assert block[-1] == "Found 1 finding (1 certain)."


def test_concise_prints_a_line_each_and_quiet_nothing_else(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD, also=BAD)
    done = nanlint("check", "--output-format", "concise", "--quiet")
    assert [line.split(" ")[0] for line in done.stdout.splitlines()] == ["also.py:5:22:", "bad.py:5:22:"]


def test_paths_are_shown_as_they_are_given(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD)
    for path, shown in [("bad.py", "bad.py"), (str(project), f"{project}/bad.py"), (".", "bad.py")]:
        assert nanlint("check", "--output-format", "concise", path).stdout.startswith(f"{shown}:5:22:")


def test_json_has_absolute_paths_and_confidence(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD)
    (finding,) = json.loads(nanlint("check", "--output-format", "json").stdout)
    assert finding["filename"] == str(project / "bad.py")
    assert (finding["code"], finding["name"], finding["confidence"]) == ("NAN101", "log-of-nonpositive", "certain")
    assert (finding["location"], finding["end_location"]) == ({"row": 5, "column": 22}, {"row": 5, "column": 35})


def test_json_of_a_clean_project(nanlint: Program) -> None:
    assert nanlint("check", "--output-format", "json").stdout == "[]\n"


def test_sarif_is_relative_to_the_repository_and_tells_the_rule(nanlint: Program, project: Path) -> None:
    (project / "sub").mkdir()
    write(project / "sub", bad=BAD)
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    log = json.loads(nanlint("check", "--output-format", "sarif", cwd=project / "sub").stdout)
    schema = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0-rtm.4.json").read_text(encoding="utf-8"))
    jsonschema.Draft4Validator(schema).validate(log)
    (run,) = log["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "sub/bad.py"
    assert run["tool"]["driver"]["version"] == __version__
    assert "Why is this bad?" in run["tool"]["driver"]["rules"][0]["help"]["text"]


def test_github_prints_only_annotations(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD)
    (line,) = nanlint("check", "--output-format", "github").stdout.splitlines()
    assert line.startswith("::error title=nanlint (NAN101),file=bad.py,line=5,endLine=5,col=22,endColumn=35::NAN101")


def test_statistics_count_by_rule(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD, also=BAD)
    done = nanlint("check", "--statistics")
    assert (done.returncode, done.stdout) == (1, "2  NAN101  log-of-nonpositive\n")


def test_output_file(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD)
    done = nanlint("check", "--output-format", "json", "--output-file", "report.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert [finding["code"] for finding in json.loads((project / "report.json").read_text("utf-8"))] == ["NAN101"]


def test_output_file_that_cannot_be_written(nanlint: Program) -> None:
    done = nanlint("check", "--output-file", "nowhere/report.txt")
    assert done.returncode == 2
    assert "cannot write nowhere/report.txt" in done.stderr


def test_exit_zero_forgives_findings_only(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD)
    assert nanlint("check", "--exit-zero").returncode == 0
    assert nanlint("check", "--exit-zero", "missing.py").returncode == 2


def test_confidence_holds_back_and_says_so(nanlint: Program, project: Path) -> None:
    write(project, perhaps=POSSIBLE)
    held = nanlint("check")
    assert (held.returncode, "1 possible one is held back" in held.stdout) == (0, True)
    shown = nanlint("check", "--confidence", "possible", "--output-format", "json")
    assert (shown.returncode, codes(shown)) == (1, ["NAN201"])


def test_select_and_ignore(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD)

    def found(*options: str) -> list[str]:
        return codes(nanlint("check", "--output-format", "json", *options))

    assert found("--select", "NAN2") == []
    assert found("--select", "NAN2,log-of-nonpositive") == ["NAN101"]
    assert found("--select", "NAN2", "--extend-select", "NAN1") == ["NAN101"]
    assert found("--ignore", "NAN1") == []
    assert found("--ignore", "NAN1", "--select", "NAN101") == ["NAN101"]


@pytest.mark.parametrize("option", ["--select", "--ignore", "--extend-select"])
def test_unknown_rule_on_the_command_line(nanlint: Program, option: str) -> None:
    done = nanlint("check", option, "log-of-nonpositve")
    assert done.returncode == 2
    assert f"`{option.removeprefix('--')}`" in done.stderr
    assert "did you mean log-of-nonpositive?" in done.stderr


def test_command_line_wins_over_the_configuration(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD)
    (project / "nanlint.toml").write_text("select = ['NAN2']\noutput-format = 'json'\n", encoding="utf-8")
    assert codes(nanlint("check")) == []
    assert codes(nanlint("check", "--select", "NAN1")) == ["NAN101"]
    assert codes(nanlint("check", "--extend-select", "NAN1")) == ["NAN101"]
    assert "NAN101" in nanlint("check", "--isolated").stdout


def test_config_option_names_the_only_configuration(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD)
    (project / "other.toml").write_text("ignore = ['NAN101']\n", encoding="utf-8")
    assert nanlint("check", "--config", "other.toml").returncode == 0
    assert nanlint("check", "--config", "other.toml", "--isolated").returncode == 2
    assert nanlint("check", "--config", "missing.toml").returncode == 2


def test_per_file_ignores(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD, also=BAD)
    text = "[per-file-ignores]\n'al*.py' = ['log-of-nonpositive']\n"
    (project / "nanlint.toml").write_text(text, encoding="utf-8")
    (finding,) = json.loads(nanlint("check", "--output-format", "json").stdout)
    assert finding["filename"].endswith("bad.py")


def test_excludes(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD)
    assert nanlint("check", "--extend-exclude", "bad.py").returncode == 0
    assert nanlint("check", "--exclude", "b*.py").returncode == 0
    assert nanlint("check", "bad.py", "--exclude", "bad.py").returncode == 1
    assert nanlint("check", "bad.py", "--exclude", "bad.py", "--force-exclude").returncode == 0


def test_standard_input(nanlint: Program, project: Path) -> None:
    done = nanlint("check", "-", stdin=BAD)
    assert done.returncode == 1
    assert done.stdout.startswith("-:5:22: NAN101")
    assert "5 |     return torch.log(torch.relu(x))" in done.stdout
    named = nanlint("check", "-", "--stdin-filename", "sub/x.py", "--output-format", "json", stdin=BAD)
    assert json.loads(named.stdout)[0]["filename"] == str(project / "sub" / "x.py")


def test_standard_input_stands_alone(nanlint: Program) -> None:
    assert nanlint("check", "-", "good.py", stdin=BAD).returncode == 2


def test_verbose_counts_the_files(nanlint: Program) -> None:
    assert "checked 1 file\n" in nanlint("check", "--verbose").stderr


@pytest.mark.parametrize("style", ["full", "json"])
def test_output_is_the_same_for_any_number_of_processes(nanlint: Program, project: Path, style: str) -> None:
    # Enough bytes for more than one process, with findings in every third file.
    filler = "".join(f"\n\ndef g{number}(x):\n    return x + {number}\n" for number in range(600))
    for number in range(40):
        write(project, **{f"m{number:02}": (BAD if number % 3 == 0 else GOOD) + filler})
    outputs = {
        nanlint("check", "--no-cache", "--output-format", style, "--jobs", jobs).stdout for jobs in ("1", "2", "auto")
    }
    assert len(outputs) == 1
    assert next(iter(outputs)).count("log-of-nonpositive" if style == "json" else "NAN101 [certain]") == 14


def test_second_run_comes_from_the_cache_and_says_the_same(nanlint: Program, project: Path) -> None:
    write(project, bad=BAD)
    first = nanlint("check")
    assert (project / ".nanlint_cache" / "CACHEDIR.TAG").exists()
    assert nanlint("check").stdout == first.stdout
    write(project, bad=GOOD)
    assert nanlint("check").returncode == 0


def test_cache_can_be_elsewhere_or_nowhere(nanlint: Program, project: Path) -> None:
    nanlint("check", "--no-cache")
    nanlint("check", "--cache-dir", "one")
    nanlint("check", env={"NANLINT_CACHE_DIR": str(project / "two")})
    assert not (project / ".nanlint_cache").exists()
    assert (project / "one" / "CACHEDIR.TAG").exists()
    assert (project / "two" / "CACHEDIR.TAG").exists()


def test_clean_removes_the_cache(nanlint: Program, project: Path) -> None:
    nanlint("check")
    assert "Removed" in nanlint("clean").stdout
    assert not (project / ".nanlint_cache").exists()
    assert nanlint("clean").stdout == "There is no cache.\n"
    assert nanlint("clean", "--cache-dir", ".").returncode == 2
    assert (project / "good.py").exists()


def test_rules_lists_every_rule(nanlint: Program) -> None:
    lines = nanlint("rules").stdout.splitlines()
    plain = json.loads(nanlint("rules", "--output-format", "json").stdout)
    assert [line.split()[:3] for line in lines] == [[each["code"], each["name"], each["kind"]] for each in plain]
    assert "NAN101" in [each["code"] for each in plain]


def test_explain_by_code_and_name(nanlint: Program) -> None:
    text = nanlint("explain", "NAN101").stdout
    assert text.startswith("# log-of-nonpositive (NAN101)\n")
    assert "## Why is this bad?" in text
    assert nanlint("explain", "log-of-nonpositive").stdout == nanlint("explain", "nan101").stdout == text


@pytest.mark.parametrize(("code", "name"), [("NAN001", "unused-suppression"), ("NAN000", "invalid-file")])
def test_explain_of_what_is_no_rule(nanlint: Program, code: str, name: str) -> None:
    for word in (code, name):
        assert nanlint("explain", word).stdout.startswith(f"# {name} ({code})\n")


def test_explain_of_an_unknown_rule(nanlint: Program) -> None:
    done = nanlint("explain", "NAN1O1")
    assert done.returncode == 2
    assert "did you mean NAN101?" in done.stderr


@pytest.mark.parametrize("arguments", [["check", "--jobs", "0"], ["check", "--nonsense"], ["chekc"]])
def test_wrong_usage_is_status_2(nanlint: Program, arguments: list[str]) -> None:
    assert nanlint(*arguments).returncode == 2


def test_version(nanlint: Program) -> None:
    assert nanlint("--version").stdout == f"nanlint {__version__}\n"


PROBE = """
import sys
sys.argv[0] = "nanlint"
from nanlint.hosts.cli import main
try:
    main()
finally:
    heavy = ("libcst", "rich", "torch", "numpy", "nanlint.engine", "nanlint.rules", "multiprocessing", "pathspec")
    if "check" not in sys.argv:
        heavy += ("nanlint.run", "nanlint.source", "nanlint.cache", "nanlint.baseline")
    print(*[name for name in heavy if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["--version"], ["check", "plain"]])
def test_what_needs_no_analysis_imports_nothing_heavy(project: Path, arguments: list[str]) -> None:
    (project / "plain").mkdir()
    write(project / "plain", a="x = 1\n", b="import numpy\n")
    assert probe(project, *arguments) == ""


def test_warm_run_imports_nothing_heavy(project: Path, nanlint: Program) -> None:
    write(project, bad=BAD)
    arguments = ("check", "--ignore", "NAN2", "--output-format", "concise")
    nanlint(*arguments)
    assert probe(project, *arguments) == ""


def probe(project: Path, *arguments: str) -> str:
    """The heavy modules that a run has imported."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", PROBE, *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, encoding="utf-8", check=False)
    return done.stderr.strip()


def test_interrupt_is_status_130_without_a_traceback(project: Path) -> None:
    os.mkfifo(project / "pipe.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "nanlint", "check", "pipe.py"]
    # a shell starts what it runs in the background with SIGINT ignored, and children inherit that
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command, cwd=project, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
    finally:
        signal.signal(signal.SIGINT, before)
    # Opening the other end waits until nanlint reads; holding it open keeps nanlint reading.
    with process, (project / "pipe.py").open("wb"):
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "interrupted\n")


def test_closed_pipe_is_no_failure_worth_a_traceback(project: Path) -> None:
    for number in range(300):
        write(project, **{f"m{number}": BAD})
    command = f"{sys.executable} -m nanlint check | head -1"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        command, shell=True, cwd=project, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert "NAN101" in done.stdout
    assert done.stderr == ""
