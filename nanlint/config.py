"""The options of nanlint and the files they are read from: one class, and the nearest file upwards."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nanlint.finding import Confidence
from nanlint.selection import Layer
from nanlint.slotted import Data, replace

# The nearest folder that has one of these governs a file; within a folder the first one wins.
FILE_NAMES = (".nanlint.toml", "nanlint.toml", "pyproject.toml")
OUTPUT_FORMATS = ("full", "concise", "json", "json-lines", "github", "sarif")
# Ruff's defaults, and what torch projects keep beside their source.
DEFAULT_EXCLUDE = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nanlint_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pycache__",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)


class ConfigError(Exception):
    """A configuration that cannot be used; the message names the file and the key."""


class Config(Data):
    """All options, resolved for the files that one configuration governs.

    `exclude` and the patterns of `per_file_ignores` are made by `pattern`, so they need no folder to be matched in.
    `jobs` is None for one process per CPU.
    """

    file: Path | None = None
    layers: tuple[Layer, ...] = ()
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    confidence: Confidence = Confidence.LIKELY
    output_format: str = "full"
    jobs: int | None = None
    rules: tuple[Path, ...] = ()
    cache_dir: Path | None = None
    respect_gitignore: bool = True
    force_exclude: bool = False

    def excludes(self, path: str) -> bool:
        """Whether an `exclude` pattern names this absolute path; the folders above it are not looked at."""
        return _matcher(self.exclude)(path)

    def ignored(self, path: str) -> tuple[str, ...]:
        """The selectors that `per-file-ignores` switches off in a file."""
        path = os.path.abspath(path)
        return tuple(
            selector
            for glob_, selectors in self.per_file_ignores
            if _matcher((glob_.removeprefix("!"),))(path) is not glob_.startswith("!")
            for selector in selectors
        )


def pattern(text: str, folder: Path) -> str:
    """A glob as written in a configuration of `folder`, made independent of it.

    Without a slash it is for the last component of a path, with one for the whole path.
    """
    negation, text = ("!", text[1:]) if text.startswith("!") else ("", text)
    text = text.rstrip("/").removeprefix("./")
    if text.startswith("**/"):
        text = text[3:]
        return negation + (f"*/{text}" if "/" in text else text)
    if "/" not in text:
        return negation + text
    import glob

    return negation + (text if text.startswith("/") else f"{glob.escape(folder.absolute().as_posix())}/{text}")


@functools.cache
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    names = re.compile("|".join(fnmatch.translate(p) for p in patterns if "/" not in p) or r"(?!)")
    paths = re.compile("|".join(fnmatch.translate(p) for p in patterns if "/" in p) or r"(?!)")

    def match(path: str) -> bool:
        path = path.replace(os.sep, "/")
        return bool(names.match(path.rsplit("/", 1)[-1]) or paths.match(path))

    return match


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError("a list of strings")
    return tuple(value)


def _word_lists(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    try:
        if isinstance(value, dict):
            return tuple((text, _words(words)) for text, words in value.items())
    except ValueError:
        pass
    raise ValueError("a table of globs, each with a list of rules")


def _one_of(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError("one of " + ", ".join(f'"{word}"' for word in words))
        return value

    return parse


def _confidence(value: object) -> Confidence:
    return Confidence.parse(_one_of(*(level.word for level in Confidence))(value))


def _jobs(value: object) -> int | None:
    if value == "auto":
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError('a number from 1, or "auto"')
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


# Each raises ValueError with what the value must be.
_KEYS: dict[str, Callable[[object], Any]] = {
    "select": _words,
    "extend-select": _words,
    "ignore": _words,
    "exclude": _words,
    "extend-exclude": _words,
    "per-file-ignores": _word_lists,
    "confidence": _confidence,
    "output-format": _one_of(*OUTPUT_FORMATS),
    "jobs": _jobs,
    "rules": _words,
    "cache-dir": _string,
    "respect-gitignore": _flag,
    "force-exclude": _flag,
}


def _table(file: Path) -> dict[str, Any] | None:
    """The table of nanlint in a file, None where a `pyproject.toml` has none."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot read the configuration: {error.strerror}") from None
    shared = file.name == "pyproject.toml"
    if shared and b"nanlint" not in data:
        return None
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from None
    if not shared:
        return document
    tool = document.get("tool", {})
    table = tool.get("nanlint") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f"{file}: `tool.nanlint` must be a table")
    return table


def load(file: Path) -> Config | None:
    """The configuration in `file`, None for a `pyproject.toml` that says nothing about nanlint.

    Raises ConfigError for bad TOML, an unknown key and a value of the wrong type.
    """
    table = _table(file)
    if table is None:
        return None
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _KEYS:
            import difflib

            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"the keys are {', '.join(sorted(_KEYS))}"
            raise ConfigError(f"{file}: unknown key `{key}`; {hint}")
        try:
            values[key] = _KEYS[key](value)
        except ValueError as error:
            raise ConfigError(f"{file}: `{key}` must be {error}, not {value!r}") from None
    return _made(file, values)


def _made(file: Path, values: dict[str, Any]) -> Config:
    """The configuration of a file, in whose folder its paths and globs start."""
    folder = file.parent
    config = Config(
        file, (Layer(str(file), values.get("select"), values.get("extend-select", ()), values.get("ignore", ())),)
    )
    excluded = (*values.get("exclude", config.exclude), *values.get("extend-exclude", ()))
    packs = tuple(folder / name for name in values.get("rules", ()))
    for pack in packs:
        if not pack.is_dir():
            raise ConfigError(f"{file}: `rules` names {str(pack)!r}, which is no folder")
    return replace(
        config,
        exclude=tuple(pattern(text, folder) for text in excluded),
        per_file_ignores=tuple((pattern(text, folder), words) for text, words in values.get("per-file-ignores", ())),
        confidence=values.get("confidence", config.confidence),
        output_format=values.get("output-format", config.output_format),
        jobs=values.get("jobs", config.jobs),
        rules=packs,
        cache_dir=folder / values["cache-dir"] if "cache-dir" in values else None,
        respect_gitignore=values.get("respect-gitignore", config.respect_gitignore),
        force_exclude=values.get("force-exclude", config.force_exclude),
    )


class Configs:
    """Which configuration governs a folder: the nearest file upwards, taken whole, as ruff does it.

    `fixed` stands for all folders where it is given (`--config`, `--isolated`); `adjust` applies the command line.
    """

    def __init__(self, fixed: Config | None = None, adjust: Callable[[Config], Config] = lambda config: config) -> None:
        self._fixed = adjust(fixed) if fixed else None
        self._adjust = adjust
        self._default = adjust(Config())
        self._known: dict[str, Config | ConfigError] = {}

    def of(self, folder: str) -> Config:
        """The configuration of the files in an absolute folder; raises ConfigError."""
        if self._fixed:
            return self._fixed
        if folder not in self._known:
            self._known[folder] = self._look_up(folder)
        known = self._known[folder]
        if isinstance(known, ConfigError):
            raise known
        return known

    def _look_up(self, folder: str) -> Config | ConfigError:
        try:
            for name in FILE_NAMES:
                file = os.path.join(folder, name)
                if os.path.isfile(file) and (config := load(Path(file))):
                    return self._adjust(config)
            above = os.path.dirname(folder)
            return self.of(above) if above != folder else self._default
        except ConfigError as error:
            return error


def parse_selectors(values: Sequence[str]) -> tuple[str, ...]:
    """The selectors of an option that is repeatable and takes a list with commas."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())
