"""The arithmetic of the benchmarks, without a clock and without downloads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from conftest import run_module
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import noise, packages, page, sanitizer, speed, table, torch_sources, verify
from benchmarks.speed import FLAKE8, LIBCST, NANLINT, SAMPLED, TORCHFIX, Timing
from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.report.source_text import SourceText
from nanlint.slotted import replace

# The file as it would lie in an unpacked wheel: one certain finding, one likely one, and a line without torch.
MODEL = """import torch


def entropy(logits, mask):
    p = torch.softmax(logits, dim=-1)
    total = (p * p.log()).sum()
    return total / mask.sum()
"""


def finding(number: int, confidence: Confidence = Confidence.LIKELY, code: str = "NAN101") -> Finding:
    return Finding(code, f"rule-{code}", f"m{number}", "f.py", Position(number, 1), Position(number, 2), confidence)


def timings(*seconds: float) -> list[Timing]:
    return [Timing(cpu=each, wall=2 * each) for each in seconds]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds one small package, so that nothing is downloaded."""
    monkeypatch.setenv("NANLINT_BENCH_CACHE", str(tmp_path))
    folder = tmp_path / "packages" / "timm-1.0.31" / "timm"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    (folder / "version.py").write_text("VERSION = 1\n", encoding="utf-8")
    monkeypatch.setattr(packages, "PINNED", ("timm==1.0.31", "trl==1.16.0"))
    return tmp_path


@pytest.mark.parametrize(
    "module",
    [
        f"benchmarks.{name}"
        for name in (
            "speed",
            "bars",
            "profile",
            "noise",
            "tracer",
            "sanitizer",
            "verify",
            "hazards",
            "told",
            "grist",
            "fixes",
            "torch_sources",
        )
    ],
)
def test_help_runs(module: str) -> None:
    done = run_module(module, "--help")
    assert done.returncode == 0, done.stderr
    assert f"Usage: python -m {module}" in done.stdout


@pytest.mark.parametrize("main", [speed.main, noise.main])
def test_an_unknown_package_is_an_error_that_names_the_known_ones(main: object) -> None:
    done = CliRunner().invoke(main, ["--package", "no-such-package"])  # type: ignore[arg-type]
    assert done.exit_code == 1
    assert "no-such-package: choose from gpytorch, kornia" in done.output


def test_packages_are_pinned_once_each() -> None:
    names = [package.name for package in packages.chosen(())]
    assert len(set(names)) == len(names) == len(packages.PINNED)
    assert all(pin.count("==") == 1 for pin in packages.PINNED)
    assert [package.pin for package in packages.chosen(["trl", "timm", "trl"])] == ["trl==1.16.0", "timm==1.0.31"]


def test_torch_lines_are_those_of_files_that_mention_torch(cache: Path) -> None:
    (package,) = packages.chosen(["timm"])
    assert [(file.path.name, file.lines, file.torch) for file in package.files] == [
        ("model.py", 7, True),
        ("version.py", 1, False),
    ]
    assert package.torch_lines == 7


def test_a_table_is_padded_markdown() -> None:
    assert table.render(("tool", "s"), [("a", "10.00"), ("longer", "1.00")], left=1) == (
        "| tool   |     s |\n|--------|------:|\n| a      | 10.00 |\n| longer |  1.00 |"
    )


def test_a_ratio_is_of_medians_and_its_spread_of_rounds() -> None:
    slower, faster = timings(10, 40, 30), timings(2, 5, 10)
    assert speed.ratio(slower, faster) == 6
    assert speed.ratios(slower, faster) == (3, 8)


@pytest.mark.parametrize(
    ("nanlint", "verdicts"),
    [(1.0, ["pass", "pass", "pass"]), (1.5, ["miss", "miss", "pass"]), (3.5, ["miss", "miss", "miss"])],
)
def test_bars(nanlint: float, verdicts: list[str]) -> None:
    own = timings(nanlint)
    measured = {NANLINT: own, SAMPLED: own, TORCHFIX: timings(20.0), LIBCST: timings(2.0), FLAKE8: timings(3.0)}
    assert [sentence.partition(":")[0] for sentence in speed.bars(measured)] == verdicts


def test_the_table_of_speeds() -> None:
    files = (packages.SourceFile(Path("a.py"), 3000, torch=True), packages.SourceFile(Path("b.py"), 1000, torch=False))
    both = [speed.Tool(name, "1.0", name, (), files, {}) for name in (LIBCST, NANLINT)]
    rows = speed.tools_table(both, {LIBCST: timings(4.0), NANLINT: timings(2.0)}).splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells == [
        [LIBCST, "1.0", "4.00", "8.00", "1,000", "1.00", "2.00"],
        [NANLINT, "1.0", "2.00", "4.00", "2,000", "2.00", "1.00"],
    ]


def test_a_tool_that_fails_is_not_timed(cache: Path) -> None:
    broken = speed.Tool("broken", "1.0", "broken", ("sh", "-c", "echo torn >&2; exit 1"), (), {})
    with pytest.raises(speed.BenchmarkError, match="broken exited with 1:\ntorn"):
        speed.timed(broken, ())


def test_per_thousand() -> None:
    assert noise.per_thousand(3, 1500) == 2
    assert noise.per_thousand(0, 0) == 0


@given(st.integers(0, 30), st.integers(1, 40), st.integers())
def test_a_sample_is_repeatable_and_draws_nothing_twice(size: int, count: int, seed: int) -> None:
    findings = [finding(number) for number in range(1, size + 1)]
    drawn = noise.sample(findings, count, seed)
    assert drawn == noise.sample(findings, count, seed)
    assert len(drawn) == len(set(drawn)) == min(size, count)
    assert set(drawn) <= set(findings)


def test_seeds_differ() -> None:
    findings = [finding(number) for number in range(1, 101)]
    assert noise.sample(findings, 10, 0) != noise.sample(findings, 10, 1)


def test_every_kth() -> None:
    findings = [finding(number) for number in range(1, 8)]
    assert [each.start.row for each in noise.every(findings, 3)] == [3, 6]
    assert noise.every(findings, 1) == findings


def test_the_table_of_rules_has_the_most_frequent_first_and_the_sum_last() -> None:
    findings = [
        finding(1, code="NAN201"),
        finding(2),
        finding(3, Confidence.CERTAIN),
    ]
    rows = [
        [cell.strip() for cell in row.strip("|").split("|")] for row in noise.rules_table(findings, 500).split("\n")
    ]
    assert rows[0] == ["code", "rule", "certain", "likely", "all", "per 1,000 lines"]
    assert rows[2:] == [
        ["NAN101", "rule-NAN101", "1", "1", "2", "4.00"],
        ["NAN201", "rule-NAN201", "0", "1", "1", "2.00"],
        ["", "all", "1", "2", "3", "6.00"],
    ]


@pytest.mark.parametrize(("row", "first", "last"), [(1, 1, 3), (5, 1, 7), (10, 4, 12), (20, 14, 20)])
def test_an_excerpt_shows_six_lines_before_and_two_after(row: int, first: int, last: int) -> None:
    text = SourceText(lambda path: b"\n".join(b"line%d" % number for number in range(1, 21)))
    head, message, *code = noise.excerpt(finding(row), "shown.py", text).splitlines()
    assert head == f"shown.py:{row}:1: NAN101 rule-NAN101 [likely]"
    assert message.strip() == f"m{row}"
    assert [line.split()[-1] for line in code] == [f"line{number}" for number in range(first, last + 1)]
    assert [line.split()[-1] for line in code if line.startswith(">")] == [f"line{row}"]


def test_noise_of_a_package(cache: Path) -> None:
    file = cache / "noise.json"
    done = CliRunner().invoke(noise.main, ["--package", "timm", "--every", "1", "--json", str(file)])
    assert done.exit_code == 0, done.output
    report = json.loads(file.read_text(encoding="utf-8"))
    (package,) = report["packages"]
    assert package["torch_lines"] == 7
    found = [(each["path"], each["row"], each["code"], each["confidence"]) for each in report["findings"]]
    assert found == [("timm/model.py", 6, "NAN310", "certain"), ("timm/model.py", 7, "NAN201", "likely")]
    assert package["per_1000_torch_lines"] == pytest.approx(2000 / 7)
    assert f"| timm==1.0.31 |           7 |       1 |      1 |   2 |          285.71 | {package['held_back']:>9} |" in (
        done.output
    )
    assert "[2] timm-1.0.31/timm/model.py:7:12: NAN201" in done.output


def test_sample_and_every_exclude_each_other(cache: Path) -> None:
    done = CliRunner().invoke(noise.main, ["--sample", "1", "--every", "1"])
    assert done.exit_code == 2


def test_a_page_has_one_section_of_each_benchmark(tmp_path: Path) -> None:
    file = tmp_path / "performance.md"
    page.write(file, "speed", "old")
    page.write(file, "sanitizer", "other \\1")
    page.write(file, "speed", "new")
    text = file.read_text(encoding="utf-8")
    speed_section, other = page.section("speed", "new"), page.section("sanitizer", "other \\1")
    assert text == f"{page.TITLE}\n{speed_section}\n{other}"
    assert text.count("benchmarks.speed") == 1
    page.write(file, "sanitizer --device cuda", "on a GPU")
    page.write(file, "sanitizer", "again")
    both = page.section("sanitizer", "again"), page.section("sanitizer --device cuda", "on a GPU")
    assert file.read_text(encoding="utf-8") == f"{page.TITLE}\n{speed_section}\n{both[0]}\n{both[1]}"


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_the_sanitizer_trains_where_it_is_told(device: str, tmp_path: Path) -> None:
    file = tmp_path / "performance.md"
    options = ["--rounds", "1", "--size", "tiny", "--device", device, "--write", str(file)]
    done = CliRunner().invoke(sanitizer.main, options)
    assert done.exit_code == 0, done.output
    text = file.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in text.splitlines() if "| tiny |" in line]
    dtypes = ("float32",) if device == "cpu" else ("float32", "bfloat16")
    assert rows == [[kind, "tiny", dtype] for dtype in dtypes for kind in ("MLP", "CNN", "transformer")]
    assert ("on a GPU\n" in text) is (device == "cuda")


def test_the_bars_of_the_sanitizer_are_those_of_the_worst_model() -> None:
    def ratios(kind: str, size: str, trace: float, watch: float) -> sanitizer.Ratios:
        return sanitizer.Ratios(kind, size, torch.float32, 1.0, {"trace": [trace] * 3, "watch": [9.0, watch, 0.1]})

    results = [ratios("MLP", "medium", 1.2, 1.01), ratios("CNN", "medium", 1.1, 1.04), ratios("MLP", "tiny", 2.7, 1.0)]
    assert [sentence.split(":")[0] for sentence in sanitizer.bars(results)] == ["pass", "miss", "miss"]
    assert "1.04" in sanitizer.bars(results)[1]
    assert "(CNN)" in sanitizer.bars(results)[1]


def test_one_finding_of_each_function_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("X = 1\n\n\ndef f(x):\n    y = x\n    return y\n\n\ndef g(x):\n    return x\n", encoding="utf-8")
    place = [Position(row, 1) for row in range(12)]
    found = [Finding("NAN101", "r", f"m{r}", str(path), place[r], place[r], Confidence.LIKELY) for r in (1, 5, 6, 10)]
    assert [[each.start.row for each in group] for group in verify.by_function(found)] == [[5, 6], [10]]
    package = packages.Package("timm==1.0.31")
    chosen = verify.drawn([(package, each) for each in found], 9, seed=1)
    assert len(chosen) == 2
    assert chosen == verify.drawn([(package, each) for each in found], 9, seed=1)


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_the_shares_of_verdicts_are_counted() -> None:
    place = Position(1, 1)

    def judged(package: str, verdict: Verdict) -> verify.Judged:
        return verify.Judged(
            packages.Package(package),
            Finding("NAN101", "r", "m", "p", place, place, Confidence.LIKELY, verdict=verdict),
            2,
        )

    text = verify.report(
        [
            judged("one", Verdict("confirmed", "result is nan")),
            judged("one", Verdict("not-runnable", "import: no")),
            judged("two", Verdict("not-reproduced", "9 calls")),
        ]
    )
    rows = cells(text)
    assert ["one", "2", "50%", "1", "0", "0", "0", "1"] in rows
    assert ["all", "3", "67%", "1", "0", "0", "1", "1"] in rows
    assert "- pass: the line is reached in 67% of the functions; at least 65%" in text
    assert ["import", "1"] in rows


def test_what_readers_judged_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANLINT_BENCH_CACHE", str(tmp_path))
    package = packages.Package("timm==1.0.31")
    path = tmp_path / "packages" / "timm-1.0.31" / "timm" / "loss" / "jsd.py"
    path.parent.mkdir(parents=True)
    place = [Position(row, 1) for row in range(9)]
    found = [(package, Finding("NAN101", "r", "m", str(path), place[r], place[r], Confidence.LIKELY)) for r in (3, 4)]
    text = """
| package | place | rule | confidence | verdict | why |
|---|---|---|---|---|---|
| timm | `loss/jsd.py:3` | NAN101 | likely | benign | said twice |
| timm | `loss/jsd.py:4` | NAN201 | likely | real | another rule |
| timm | `loss/jsd.py:5` | NAN101 | likely | wrong | not made any more |
| timm | `loss/jsd.py:3` | NAN101 | likely | benign | said twice |
"""
    assert verify.read_before(text, found) == [("benign", *found[0])]
    judged = verify.Judged(package, replace(found[0][1], verdict=Verdict("confirmed", "result is nan")), 1)
    rows = cells(verify.beside_readers([("benign", judged)]))
    assert ["benign", "1", "0", "0", "0", "0"] in rows
    assert ["real", "0", "0", "0", "0", "0"] in rows


def test_a_second_copy_in_a_wheel_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANLINT_BENCH_CACHE", str(tmp_path))
    package = packages.Package("timm==1.0.31")
    for folder in ("timm", "build/lib/timm"):
        made = tmp_path / "packages" / "timm-1.0.31" / folder
        made.mkdir(parents=True)
        (made / "__init__.py").write_text("import torch\n\n\ndef f(x):\n    return torch.log(torch.relu(x))\n", "utf-8")
    (finding,) = verify.importable(package)
    assert finding.path == str(package.folder / "timm" / "__init__.py")
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setenv("NANLINT_BENCH_CACHE", str(tmp_path / "link"))
    assert len(verify.importable(packages.Package("timm==1.0.31"))) == 1


def test_live_defects_of_torch_are_found() -> None:
    found = {each for each, _ in torch_sources.checked(torch_sources.torch_folder())}
    known = torch_sources.verdicts(json.loads(torch_sources.VERDICTS.read_text(encoding="utf-8")))
    assert [each for each, verdict in known.items() if verdict.known and each not in found] == []


def test_a_verdict_is_one_of_three_words() -> None:
    entry = {"file": "nn/functional.py", "function": "f", "rule": "NAN101", "text": "x", "why": "read"}
    with pytest.raises(ValueError, match="'true' is no verdict"):
        torch_sources.verdicts([{**entry, "verdict": "true"}])
    place = torch_sources.Place("nn/functional.py", "f", "NAN101", "x")
    assert torch_sources.verdicts([{**entry, "verdict": "real"}]) == {
        place: torch_sources.Verdict("real", "read", False)
    }
