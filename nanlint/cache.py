"""Results kept from run to run: one small JSON file for each checked file and set of options."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from nanlint import __version__
from nanlint.config import Config
from nanlint.finding import Confidence, Edit, Finding, Fix, Position, Related, Result
from nanlint.project import LookedAt, digest_of

FOLDER = ".nanlint_cache"
# The first line is the signature that https://bford.info/cachedir/ asks for, so that backups leave the folder out.
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# The cache of nanlint.\n"
_PACKAGE = Path(__file__).parent


def digest(folders: Iterable[Path]) -> str:
    """A fingerprint of nanlint itself and of the rule packs: names, sizes and change times, and the two versions."""
    state: list[object] = [__version__, sys.version_info[:3], sys.implementation.name]
    for folder in (_PACKAGE, *folders):
        for base, below, names in os.walk(folder):
            below.sort()
            for name in sorted(names):
                if not name.endswith((".pyc", ".pyo")):
                    with contextlib.suppress(OSError):
                        stat = os.stat(os.path.join(base, name))
                        state.append((base, name, stat.st_size, stat.st_mtime_ns))
    return digest_of(repr(state).encode())


class Entries:
    """Named pieces of JSON in one folder, for processes that use it side by side.

    They never make a run fail: what cannot be read is absent, what cannot be written is not kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writable = True
        self._is_marked = False

    def load(self, name: str) -> Any:
        """The entry, or None."""
        try:
            with open(self.folder / name, "rb") as stream:
                return json.loads(stream.read())
        except (OSError, ValueError, RecursionError):
            return None

    def store(self, name: str, value: object) -> None:
        """Keep an entry, in place of the one of that name."""
        if not self._writable:
            return
        file = self.folder / name
        temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
        try:
            self._make_folder()
            file.parent.mkdir(exist_ok=True)
            temporary.write_text(json.dumps(value), encoding="utf-8")
            os.replace(temporary, file)
        except OSError:
            self._writable = False
            with contextlib.suppress(OSError):
                temporary.unlink()

    def _make_folder(self) -> None:
        """An empty folder is ours too: the disk was full when a run before this one made it."""
        try:
            self.folder.mkdir(parents=True)
        except FileExistsError:
            self._is_marked = self._is_marked or any(self.folder.iterdir())
            if self._is_marked:
                return
        marks = {self.folder / "CACHEDIR.TAG": _TAG, self.folder / ".gitignore": "*\n"}
        try:
            for mark, text in marks.items():
                mark.write_text(text, encoding="utf-8")
        except OSError:
            for mark in marks:
                mark.unlink(missing_ok=True)
            raise
        self._is_marked = True


def entry_name(identity: object) -> str:
    """The name of the entry of what has this `repr`."""
    name = digest_of(repr(identity).encode("utf-8", "surrogateescape"))
    return os.path.join(name[:2], name[2:] + ".json")


class Cache:
    """The results in one folder; `version` is a `digest`."""

    def __init__(self, folder: Path, version: str) -> None:
        self.entries = Entries(folder)
        self.version = version
        self._digests: dict[str, str] = {}

    def __reduce__(self) -> tuple[type[Cache], tuple[Path, str]]:
        return Cache, (self.entries.folder, self.version)

    def get(self, path: str, data: bytes, config: Config, fixing: str = "no") -> Result | None:
        """The result of checking these bytes under this path and configuration, if it is known."""
        stored = self.entries.load(self._entry(path, config, fixing))
        if not isinstance(stored, dict) or stored.get("key") != self._key(path, data, config):
            return None
        try:
            if not all(self._is_as_before(file, was) for file, was in stored["looked_at"].items()):
                return None
            return _result(stored["result"])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            return None

    def _is_as_before(self, file: str, was: str | None) -> bool:
        """Many files look at the same few others: each is read once in a run."""
        if not was:
            return os.path.exists(file) == (was is not None)
        if file not in self._digests:
            try:
                with open(file, "rb") as stream:
                    self._digests[file] = digest_of(stream.read())
            except OSError:
                self._digests[file] = ""
        return self._digests[file] == was

    def put(
        self,
        path: str,
        data: bytes,
        config: Config,
        result: Result,
        looked_at: LookedAt | None = None,
        fixing: str = "no",
    ) -> None:
        """Keep a result. One with a failure is not kept: the next run shall try again.

        It holds as long as the files in `looked_at` are as they were; see `nanlint.project`.
        """
        if result.failures:
            return
        kept = {"key": self._key(path, data, config), "looked_at": looked_at or {}, "result": _plain(result)}
        self.entries.store(self._entry(path, config, fixing), kept)

    def codes(self, packs: Sequence[Path], load: Callable[[], list[tuple[str, str]]]) -> list[tuple[str, str]]:
        """Code and name of each rule of the packs: `load` is called only where they are not known yet."""
        name = digest_of(repr([str(pack) for pack in packs]).encode())
        stored = self.entries.load(f"rules-{name[:16]}.json")
        if isinstance(stored, dict) and stored.get("key") == self.version:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                return [(str(code), str(rule)) for code, rule in stored["codes"]]
        codes = load()
        self.entries.store(f"rules-{name[:16]}.json", {"key": self.version, "codes": codes})
        return codes

    def _entry(self, path: str, config: Config, fixing: str) -> str:
        """One entry for a file under one set of options, so that a changed file takes the place of its old self.

        `fixing` is what is done about its findings.
        """
        return entry_name((os.path.abspath(path), path, _options(path, config), fixing))

    def _key(self, path: str, data: bytes, config: Config) -> str:
        head = repr((self.version, path, _options(path, config))).encode("utf-8", "surrogateescape")
        return digest_of(head + b"\0" + data)


def clean(folder: Path) -> bool:
    """Remove a cache; False, and nothing is touched, for a folder that nanlint did not make. Raises OSError."""
    try:
        ours = (folder / "CACHEDIR.TAG").read_text(encoding="utf-8") == _TAG
    except (OSError, UnicodeDecodeError):
        ours = False
    if ours:
        import shutil

        shutil.rmtree(folder)
    return ours


def _options(path: str, config: Config) -> tuple[object, ...]:
    """All of a configuration that bears on the result for a file."""
    layers = tuple((layer.select, layer.extend_select, layer.ignore) for layer in config.layers)
    return (layers, config.ignored(path), config.confidence.word, tuple(map(str, config.rules)))


def _plain(result: Result) -> dict[str, object]:
    return {
        "findings": [
            {
                "code": f.code,
                "name": f.name,
                "message": f.message,
                "path": f.path,
                "start": f.start,
                "end": f.end,
                "confidence": f.confidence.word,
                "related": [[r.message, r.start] for r in f.related],
                "fixes": [[x.title, x.applicability, [[e.start, e.end, e.text] for e in x.edits]] for x in f.fixes],
            }
            for f in result.findings
        ],
        "held_back": result.held_back,
        "notes": result.notes,
    }


def _result(plain: Any) -> Result:
    findings = tuple(
        Finding(
            str(f["code"]),
            str(f["name"]),
            str(f["message"]),
            str(f["path"]),
            _position(f["start"]),
            _position(f["end"]),
            Confidence.parse(str(f["confidence"])),
            tuple(Related(str(message), _position(start)) for message, start in f["related"]),
            tuple(
                Fix(str(title), applicability, tuple(Edit(int(s), int(e), str(text)) for s, e, text in edits))
                for title, applicability, edits in f["fixes"]
            ),
        )
        for f in plain["findings"]
    )
    return Result(findings, held_back=int(plain["held_back"]), notes=tuple(map(str, plain["notes"])))


def _position(pair: Any) -> Position:
    row, column = pair
    return Position(int(row), int(column))
