"""Verdicts that are kept, and what makes them worthless."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from conftest import Program

from nanlint.cache import Cache
from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.slotted import replace
from nanlint.verify.dependencies import environment, fingerprint, fingerprints
from nanlint.verify.verdict_cache import VerdictCache

CONFIRMED = Verdict("confirmed", "result is -inf", ("x = torch.zeros(1)",), "assert False\n")
NOT_REPRODUCED = Verdict("not-reproduced", "9 calls")
LOG = "import torch\n\nimport helper\n\n\ndef f(x):\n    return torch.log(helper.made(x))\n"
RELU = "import torch\n\n\ndef made(x):\n    return torch.relu(x)\n"
CHANGED = f"{RELU}\n\nmade.__doc__ = 'changed'\n"


def finding(path: str = "m.py", message: str = "log of 0") -> Finding:
    place = Position(1, 1)
    return Finding("NAN101", "a-rule", message, path, place, place, Confidence.LIKELY)


def opened(folder: Path, version: str = "1", limits: str = "") -> VerdictCache:
    """As a new run sees it."""
    return VerdictCache(Cache(folder / "c", version), limits)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.py"
    path.write_text("x = 1\n", encoding="utf-8")
    return path


def files(*paths: Path) -> dict[str, str]:
    return {str(path): fingerprint(str(path)) for path in paths}


def test_what_comes_out_is_what_went_in(tmp_path: Path, file: Path) -> None:
    cache = opened(tmp_path)
    cache.put(finding(), CONFIRMED, files(file))
    cache.put(finding(message="another"), NOT_REPRODUCED, files(file))
    again = opened(tmp_path)
    assert again.get(finding()) == CONFIRMED
    assert again.get(finding(message="another")) == NOT_REPRODUCED
    assert again.get(finding(message="a third")) is None


def test_every_part_of_the_question_counts(tmp_path: Path, file: Path) -> None:
    opened(tmp_path).put(finding(), CONFIRMED, files(file))
    assert opened(tmp_path, version="2").get(finding()) is None
    assert opened(tmp_path, limits="short").get(finding()) is None
    for other in (
        finding("n.py"),
        replace(finding(), code="NAN102"),
        replace(finding(), start=Position(2, 1)),
        replace(finding(), end=Position(1, 2)),
    ):
        assert opened(tmp_path).get(other) is None


def test_another_environment_is_another_question(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(tmp_path).put(finding(), CONFIRMED, files(file))
    before = environment()
    packages = tmp_path / "packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(str(packages))
    assert environment() == before
    (packages / "numbers_of_theirs-2.0.dist-info").mkdir()
    assert environment() != before
    assert opened(tmp_path).get(finding()) is None


def test_it_rests_on_all_files_that_were_used(tmp_path: Path, file: Path) -> None:
    data, absent = tmp_path / "table.csv", tmp_path / "local.toml"
    data.write_text("1", encoding="utf-8")
    used = files(file, data, absent, tmp_path)
    opened(tmp_path).put(finding(), CONFIRMED, used)
    assert opened(tmp_path).get(finding()) == CONFIRMED

    os.utime(file, (1, 1))
    assert opened(tmp_path).get(finding()) == CONFIRMED  # source counts by content
    file.write_text("x = 2\n", encoding="utf-8")
    assert opened(tmp_path).get(finding()) is None
    file.write_text("x = 1\n", encoding="utf-8")
    assert opened(tmp_path).get(finding()) == CONFIRMED
    absent.write_text("", encoding="utf-8")
    assert opened(tmp_path).get(finding()) is None
    absent.unlink()
    (tmp_path / "torchlike.py").write_text("", encoding="utf-8")
    assert opened(tmp_path).get(finding()) is None  # what is imported may be the new module
    (tmp_path / "torchlike.py").unlink()
    data.write_text("12", encoding="utf-8")
    assert opened(tmp_path).get(finding()) is None


def test_a_verdict_on_changed_code_takes_the_place_of_all_older_ones(tmp_path: Path, file: Path) -> None:
    opened(tmp_path).put(finding(), CONFIRMED, files(file))
    file.write_text("x = 2\n", encoding="utf-8")
    opened(tmp_path).put(finding(message="another"), NOT_REPRODUCED, files(file))
    assert opened(tmp_path).get(finding()) is None
    assert opened(tmp_path).get(finding(message="another")) == NOT_REPRODUCED
    assert len(list((tmp_path / "c").rglob("*.json"))) == 1


def test_an_entry_follows_the_files_of_its_last_verdict(tmp_path: Path, file: Path) -> None:
    """The fingerprint in the cache is of a file that has changed while the same run went on."""
    cache = opened(tmp_path)
    cache.put(finding(), CONFIRMED, files(file))
    assert cache.get(finding()) == CONFIRMED
    file.write_text("x = 2\n", encoding="utf-8")
    cache.put(finding(message="another"), NOT_REPRODUCED, files(file))
    assert opened(tmp_path).get(finding()) is None


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("construction: TypeError: no", True),
        ("arguments: ValueError: no", True),
        ("line not reached: 80 calls", True),
        ("import: ModuleNotFoundError: No module named 'numpy'", False),
        ("timeout: no answer within 40 s", False),
        ("memory: the limit was reached", False),
        ("crash: the process died of SIGSEGV", False),
    ],
)
def test_what_may_be_better_another_time_is_not_kept(tmp_path: Path, file: Path, reason: str, kept: bool) -> None:
    opened(tmp_path).put(finding(), Verdict("not-runnable", reason), files(file))
    assert (opened(tmp_path).get(finding()) is not None) is kept


def test_without_its_files_nothing_is_kept(tmp_path: Path) -> None:
    opened(tmp_path).put(finding(), CONFIRMED, None)
    assert opened(tmp_path).get(finding()) is None


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b"null", b'{"version": 1}', b"[" * 100_000])
def test_damaged_entry_is_as_good_as_none(tmp_path: Path, file: Path, rubbish: bytes) -> None:
    opened(tmp_path).put(finding(), CONFIRMED, files(file))
    (entry,) = (tmp_path / "c").rglob("*.json")
    entry.write_bytes(rubbish)
    assert opened(tmp_path).get(finding()) is None
    opened(tmp_path).put(finding(), CONFIRMED, files(file))
    assert opened(tmp_path).get(finding()) == CONFIRMED


@pytest.mark.parametrize("part", ["status", "text", "witness", "script"])
def test_entry_of_another_shape_is_as_good_as_none(tmp_path: Path, file: Path, part: str) -> None:
    opened(tmp_path).put(finding(), CONFIRMED, files(file))
    (entry,) = (tmp_path / "c").rglob("*.json")
    stored = json.loads(entry.read_text(encoding="utf-8"))
    (kept,) = stored["verdicts"].values()
    del kept[part]
    entry.write_text(json.dumps(stored), encoding="utf-8")
    assert opened(tmp_path).get(finding()) is None


def write(folder: Path, used: dict[str, str], number: int) -> None:
    opened(folder).put(finding(message=str(number)), CONFIRMED, used)


def test_many_writers_leave_an_entry_that_can_be_read(tmp_path: Path, file: Path) -> None:
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        list(pool.map(write, [tmp_path] * 64, [files(file)] * 64, range(64)))
    (entry,) = (tmp_path / "c").rglob("*.json")
    assert json.loads(entry.read_text(encoding="utf-8"))["verdicts"]
    assert {opened(tmp_path).get(finding(message=str(number))) for number in range(64)} <= {None, CONFIRMED}


def test_what_changed_since_the_child_began_is_not_trusted(tmp_path: Path, file: Path) -> None:
    changed = file.stat().st_ctime
    assert str(file) in (fingerprints([str(file)], tmp_path / "scratch", changed + 1) or {})
    assert fingerprints([str(file)], tmp_path / "scratch", changed - 1) is None


def test_torch_and_the_standard_library_count_by_their_versions(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    mine = [str(scratch / "made.txt"), "/proc/cpuinfo", json.__file__]
    found = fingerprints(mine, scratch, float("inf"))
    assert found is not None
    assert not set(mine) & set(found)
    assert __file__ in found
    assert not any("/site-packages/torch/" in path for path in found)


def verdicts(done: CompletedProcess[str]) -> list[str]:
    return [found["verdict"]["status"] for found in json.loads(done.stdout)]


def test_the_second_run_starts_no_child_until_something_is_changed(program: Program, tmp_path: Path) -> None:
    (tmp_path / "nanlint.toml").write_text("", encoding="utf-8")
    (tmp_path / "bad.py").write_text(LOG, encoding="utf-8")
    helper = tmp_path / "helper.py"
    helper.write_text(RELU, encoding="utf-8")

    def verify(*options: str) -> CompletedProcess[str]:
        return program("nanlint", "verify", "bad.py", "--quiet", "--output-format", "json", *options, cwd=tmp_path)

    first = verify()
    assert verdicts(first) == ["confirmed"]
    assert verify().stdout == first.stdout
    entry = max((tmp_path / ".nanlint_cache").rglob("*.json"), key=lambda path: len(path.read_bytes()))
    kept = json.loads(entry.read_text(encoding="utf-8"))
    assert {str(tmp_path / "bad.py"), str(helper), str(tmp_path)} <= set(kept["files"])
    (verdict,) = kept["verdicts"].values()
    verdict["text"] = "read from the cache"
    entry.write_text(json.dumps(kept), encoding="utf-8")
    assert "read from the cache" in verify().stdout
    assert "read from the cache" not in verify("--no-cache").stdout
    (tmp_path / ".nanlint_cache").rename(tmp_path / "elsewhere")
    assert "read from the cache" in verify("--cache-dir", "elsewhere").stdout

    helper.write_text(CHANGED, encoding="utf-8")
    assert verify("--cache-dir", "elsewhere").stdout == first.stdout
