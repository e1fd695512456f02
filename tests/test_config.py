"""Reading configurations, and finding the one that governs a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanlint.config import DEFAULT_EXCLUDE, Config, ConfigError, Configs, load, parse_selectors
from nanlint.finding import Confidence
from nanlint.slotted import replace


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def loaded(file: Path) -> Config:
    config = load(file)
    assert config is not None
    return config


def test_every_option_is_read(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    file = write(
        tmp_path / "nanlint.toml",
        """
        select = ["NAN1", "NAN2"]
        extend-select = ["NAN301"]
        ignore = ["NAN101"]
        exclude = ["old"]
        extend-exclude = ["src/gen"]
        confidence = "certain"
        output-format = "json"
        jobs = 3
        rules = ["team"]
        cache-dir = "cache"
        respect-gitignore = false
        force-exclude = true
        [per-file-ignores]
        "tests/*" = ["NAN2", "log-of-nonpositive"]
        """,
    )
    config = loaded(file)
    (layer,) = config.layers
    assert (layer.select, layer.extend_select, layer.ignore) == (("NAN1", "NAN2"), ("NAN301",), ("NAN101",))
    assert config.exclude == ("old", f"{tmp_path}/src/gen")
    assert config.confidence is Confidence.CERTAIN
    assert (config.output_format, config.jobs, config.force_exclude) == ("json", 3, True)
    assert config.rules == (tmp_path / "team",)
    assert config.cache_dir == tmp_path / "cache"
    assert config.respect_gitignore is False
    assert config.ignored(str(tmp_path / "tests" / "a.py")) == ("NAN2", "log-of-nonpositive")
    assert config.ignored(str(tmp_path / "a.py")) == ()
    unread = [name for name in Config.fields if getattr(config, name) == getattr(Config(), name)]
    assert unread == [], "options that the file above does not set"


def test_pyproject_without_a_table_of_ours_is_no_configuration(tmp_path: Path) -> None:
    assert load(write(tmp_path / "pyproject.toml", "[project]\nname = 'x'\n")) is None
    assert load(write(tmp_path / "pyproject.toml", "[project]\nname = 'nanlint-user'\n")) is None
    assert load(write(tmp_path / "pyproject.toml", "[tool.nanlint]\n")) is not None


def test_broken_pyproject_of_others_is_not_ours_to_report(tmp_path: Path) -> None:
    assert load(write(tmp_path / "pyproject.toml", "[tool.black\n")) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("select = [", ["not valid TOML"]),
        ("selct = ['NAN1']", ["`selct`", "did you mean `select`?"]),
        ("zzz = 1", ["`zzz`", "per-file-ignores"]),
        ("select = 'NAN1'", ["`select`", "a list of strings", "'NAN1'"]),
        ("ignore = [1]", ["`ignore`", "a list of strings"]),
        ("confidence = 'sure'", ["`confidence`", '"possible"', "'sure'"]),
        ("confidence = 3", ["`confidence`"]),
        ("output-format = 'xml'", ["`output-format`", '"sarif"']),
        ("jobs = 0", ["`jobs`", "auto"]),
        ("jobs = true", ["`jobs`"]),
        ("respect-gitignore = 'no'", ["`respect-gitignore`", "true or false"]),
        ("cache-dir = []", ["`cache-dir`", "a string"]),
        ("rules = ['nowhere']", ["`rules`", "nowhere"]),
        ("per-file-ignores = ['NAN1']", ["`per-file-ignores`", "a table"]),
        ("per-file-ignores = {'a.py' = 'NAN1'}", ["`per-file-ignores`", "a table"]),
    ],
)
def test_error_names_file_and_key(tmp_path: Path, text: str, words: list[str]) -> None:
    file = write(tmp_path / "nanlint.toml", text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    for word in [str(file), *words]:
        assert word in str(caught.value)


def test_error_for_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "nanlint.toml"
    file.write_bytes(b"select = ['\xff']")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(file)


def test_nearest_file_governs_and_is_taken_whole(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.nanlint]\nconfidence = 'certain'\njobs = 2\n")
    write(tmp_path / "a" / "nanlint.toml", "jobs = 3\n")
    write(tmp_path / "a" / "b" / "pyproject.toml", "[project]\nname = 'nothing about nanlint'\n")
    configs = Configs()
    assert configs.of(str(tmp_path)).jobs == 2
    for folder in ("a", "a/b", "a/b/c"):
        config = configs.of(str(tmp_path / folder))
        assert (config.jobs, config.confidence) == (3, Confidence.LIKELY)


def test_hidden_file_wins_over_plain_over_pyproject(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.nanlint]\njobs = 1\n")
    assert Configs().of(str(tmp_path)).jobs == 1
    write(tmp_path / "nanlint.toml", "jobs = 2\n")
    assert Configs().of(str(tmp_path)).jobs == 2
    write(tmp_path / ".nanlint.toml", "jobs = 3\n")
    assert Configs().of(str(tmp_path)).jobs == 3


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert Configs().of(str(tmp_path)) == Config()


def test_command_line_adjusts_every_configuration(tmp_path: Path) -> None:
    write(tmp_path / "a" / "nanlint.toml", "jobs = 3\n")
    configs = Configs(None, lambda config: replace(config, output_format="json"))
    assert configs.of(str(tmp_path / "a")).output_format == "json"
    assert configs.of(str(tmp_path)).output_format == "json"


def test_fixed_configuration_stands_for_all_folders(tmp_path: Path) -> None:
    write(tmp_path / "nanlint.toml", "jobs = 3\n")
    assert Configs(Config()).of(str(tmp_path)).jobs is None


@pytest.mark.parametrize(
    ("glob", "hits", "misses"),
    [
        ("gen", ["gen", "a/gen"], ["a/gen2", "a/gen/x.py"]),
        ("gen/", ["gen", "a/gen"], ["genx"]),
        ("*_pb2.py", ["a_pb2.py", "x/y/a_pb2.py"], ["pb2.py"]),
        ("src/gen", ["src/gen"], ["a/src/gen", "src/gen.py"]),
        ("./src/gen", ["src/gen"], ["a/src/gen"]),
        ("src/*.py", ["src/a.py", "src/b/c.py"], ["a.py", "x/src/a.py"]),
        ("**/gen/*.py", ["a/gen/x.py", "gen/x.py"], ["gen.py"]),
        ("**/x.py", ["x.py", "a/b/x.py"], ["xx.py"]),
    ],
)
def test_exclude_globs_start_at_the_configuration(
    tmp_path: Path, glob: str, hits: list[str], misses: list[str]
) -> None:
    # A folder whose name a glob would read as a pattern.
    root = tmp_path / "we[i]rd"
    config = loaded(write(root / "nanlint.toml", f"exclude = ['{glob}']"))
    assert [path for path in hits + misses if config.excludes(str(root / path))] == hits


def test_extend_exclude_keeps_the_defaults(tmp_path: Path) -> None:
    config = loaded(write(tmp_path / "nanlint.toml", "extend-exclude = ['gen']"))
    assert config.exclude == (*DEFAULT_EXCLUDE, "gen")


def test_per_file_ignores_may_be_negated(tmp_path: Path) -> None:
    config = loaded(write(tmp_path / "nanlint.toml", "per-file-ignores = {'!src/*' = ['NAN1'], 'b.py' = ['NAN2']}"))
    assert config.ignored(str(tmp_path / "src" / "a.py")) == ()
    assert config.ignored(str(tmp_path / "a.py")) == ("NAN1",)
    assert config.ignored(str(tmp_path / "src" / "b.py")) == ("NAN2",)


def test_selectors_come_in_lists_and_repeated() -> None:
    assert parse_selectors(["NAN1, NAN2", "NAN3,"]) == ("NAN1", "NAN2", "NAN3")
