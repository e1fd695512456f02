"""The cache gives back what was put in, for exactly the same question, and never breaks a run."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanlint.cache import Cache, clean, digest
from nanlint.config import Config
from nanlint.finding import Confidence, Edit, Failure, Finding, Fix, Position, Related, Result
from nanlint.selection import Layer
from nanlint.slotted import replace

RESULT = Result(notes=("seen",))

TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
POSITIONS = st.builds(Position, st.integers(1, 10**6), st.integers(1, 10**4))
EDITS = st.builds(Edit, st.integers(0, 99), st.integers(0, 99), TEXT)
FINDINGS = st.builds(
    Finding,
    *[TEXT] * 4,
    POSITIONS,
    POSITIONS,
    st.sampled_from(Confidence),
    st.lists(st.builds(Related, TEXT, POSITIONS), max_size=2).map(tuple),
    st.lists(
        st.builds(Fix, TEXT, st.sampled_from(["safe", "unsafe"]), st.lists(EDITS, max_size=2).map(tuple)), max_size=2
    ).map(tuple),
)
RESULTS = st.builds(
    Result,
    st.lists(FINDINGS, max_size=3).map(tuple),
    held_back=st.integers(0, 99),
    notes=st.lists(TEXT, max_size=2).map(tuple),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(RESULTS)
def test_what_comes_out_is_what_went_in(result: Result) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder) / "c", "1")
        cache.put("a.py", b"x", Config(), result)
        assert cache.get("a.py", b"x", Config()) == result


def test_every_part_of_the_question_counts(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", "1")
    config = Config()
    cache.put("a.py", b"x", config, RESULT)
    others = [
        replace(config, confidence=Confidence.CERTAIN),
        replace(config, layers=(Layer("", ("NAN1",)),)),
        replace(config, layers=(Layer("", None, (), ("NAN1",)),)),
        replace(config, per_file_ignores=(("a.py", ("NAN1",)),)),
        replace(config, rules=(tmp_path,)),
    ]
    assert cache.get("a.py", b"x", config) == RESULT
    assert [cache.get("a.py", b"x", other) for other in others] == [None] * len(others)
    assert cache.get("a.py", b"y", config) is None
    assert cache.get("b.py", b"x", config) is None
    assert Cache(tmp_path / "c", "2").get("a.py", b"x", config) is None


def test_options_that_do_not_bear_on_results_do_not_count(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", "1")
    cache.put("a.py", b"x", Config(), RESULT)
    other = Config(output_format="json", jobs=3, exclude=(), file=tmp_path, per_file_ignores=(("b.py", ("NAN1",)),))
    assert cache.get("a.py", b"x", other) == RESULT


def test_changed_file_takes_the_place_of_its_old_self(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", "1")
    for data in (b"x", b"y", b"z"):
        cache.put("a.py", data, Config(), RESULT)
    assert len(list((tmp_path / "c").rglob("*.json"))) == 1


def test_failures_are_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", "1")
    cache.put("a.py", b"x", Config(), Result(failures=(Failure("a.py", "r", "t"),)))
    assert cache.get("a.py", b"x", Config()) is None


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"key": 1}', b"[" * 100_000])
def test_damaged_entry_is_as_good_as_none(tmp_path: Path, rubbish: bytes) -> None:
    cache = Cache(tmp_path / "c", "1")
    cache.put("a.py", b"x", Config(), RESULT)
    (entry,) = (tmp_path / "c").rglob("*.json")
    entry.write_bytes(rubbish)
    assert cache.get("a.py", b"x", Config()) is None
    cache.put("a.py", b"x", Config(), RESULT)
    assert cache.get("a.py", b"x", Config()) == RESULT


@pytest.mark.parametrize("part", ["start", "confidence", "related", "fixes"])
def test_entry_of_another_shape_is_as_good_as_none(tmp_path: Path, part: str) -> None:
    cache = Cache(tmp_path / "c", "1")
    start = Position(1, 1)
    found = Finding("NAN101", "n", "m", "a.py", start, start, Confidence.LIKELY)
    cache.put("a.py", b"x", Config(), Result((found,)))
    (entry,) = (tmp_path / "c").rglob("*.json")
    stored = json.loads(entry.read_text(encoding="utf-8"))
    stored["result"]["findings"][0][part] = [1]
    entry.write_text(json.dumps(stored), encoding="utf-8")
    assert cache.get("a.py", b"x", Config()) is None


def test_folder_that_cannot_be_made_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    cache = Cache(tmp_path / "file" / "c", "1")
    cache.put("a.py", b"x", Config(), RESULT)
    assert cache.get("a.py", b"x", Config()) is None


def test_folder_tells_git_and_backups_to_pass_by(tmp_path: Path) -> None:
    Cache(tmp_path / "c", "1").put("a.py", b"x", Config(), RESULT)
    assert (tmp_path / "c" / ".gitignore").read_text(encoding="utf-8") == "*\n"
    assert (tmp_path / "c" / "CACHEDIR.TAG").read_text(encoding="utf-8").startswith("Signature: 8a477f597d28d172789f")


def test_existing_folder_is_not_made_invisible_and_not_removed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "work.txt").write_text("mine", encoding="utf-8")
    Cache(tmp_path / "precious", "1").put("a.py", b"x", Config(), RESULT)
    assert not (tmp_path / "precious" / ".gitignore").exists()
    assert clean(tmp_path / "precious") is False
    assert (tmp_path / "precious" / "work.txt").exists()


def test_clean_removes_what_nanlint_made(tmp_path: Path) -> None:
    Cache(tmp_path / "c", "1").put("a.py", b"x", Config(), RESULT)
    assert clean(tmp_path / "c") is True
    assert not (tmp_path / "c").exists()
    assert clean(tmp_path / "c") is False


def test_codes_are_loaded_once_for_each_version(tmp_path: Path) -> None:
    calls: list[int] = []

    def load() -> list[tuple[str, str]]:
        calls.append(1)
        return [("NAN101", "log-of-nonpositive")]

    for version in ("1", "1", "2"):
        cache = Cache(tmp_path / "c", version)
        assert cache.codes((), load) == [("NAN101", "log-of-nonpositive")]
        assert cache.codes((), load) == [("NAN101", "log-of-nonpositive")]
    cache.codes((tmp_path,), load)
    assert len(calls) == 3


def test_digest_sees_a_change_in_a_rule_pack(tmp_path: Path) -> None:
    rule = tmp_path / "rule.py"
    rule.write_text("a", encoding="utf-8")
    before = digest([tmp_path])
    assert digest([tmp_path]) == before
    os.utime(rule, ns=(1, 1))
    touched = digest([tmp_path])
    assert touched != before
    (tmp_path / "more.py").write_text("", encoding="utf-8")
    assert digest([tmp_path]) != touched
    assert digest([]) != before
