"""The files of a project on disk, found by import from a file that is checked; nothing of them is run."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping

from nanlint.slotted import Entity
from nanlint.source import Parsed, Source, SourceError
from nanlint.source.stdlib import tree_of

# What a check looked at outside of its file: the digest of a file that was read, "" for what is merely there, None for
# what is not.
LookedAt = Mapping[str, "str | None"]
FOREIGN_FOLDERS = ("site-packages", "dist-packages")
MAX_BYTES = 400_000
MAX_HELD_BYTES = 2_000_000
# a tree takes about 60 times the bytes of its file
MAX_GROWN_BYTES = 150_000


class _Held(Entity):
    """A file as it was read, with its change time and size on disk where it came from there."""

    source: Source | None
    size: int
    stamp: tuple[int, int] | None = None
    digest: str = ""


class _Grown:
    """The files that were imported last and still have their trees, which their own check will ask for."""

    def __init__(self) -> None:
        self._sources: OrderedDict[Source, None] = OrderedDict()
        self._size = 0

    def add(self, source: Source) -> None:
        if self._size + len(source.data) > MAX_GROWN_BYTES:
            source.forget_trees()
        else:
            self._sources[source] = None
            self._size += len(source.data)

    def drop(self, source: Source) -> None:
        if source in self._sources:
            del self._sources[source]
            self._size -= len(source.data)
        source.forget_trees()

    def shorten(self, size: int) -> None:
        """Keep the trees of so many bytes; not in the midst of a check, which may use them."""
        while self._size > size:
            self.drop(next(iter(self._sources)))


class _Shelf:
    """The files that were checked or imported last, by absolute path, up to MAX_HELD_BYTES of them."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._size = 0

    def get(self, path: str) -> _Held | None:
        return self._held.get(path)

    def use(self, path: str) -> None:
        """Of all files this one was used last."""
        self._held.move_to_end(path)

    def put(self, path: str, held: _Held) -> _Held:
        before = self._held.get(path)
        self._size += held.size - (before.size if before is not None else 0)
        self._held[path] = held
        return held

    def drop(self, path: str) -> None:
        self._size -= self._held.pop(path).size

    def shorten(self) -> None:
        """Let go of the files that were used longest ago, as far as they are too many."""
        while self._size > MAX_HELD_BYTES:
            _, oldest = self._held.popitem(last=False)
            self._size -= oldest.size
            _close(oldest)


_shelf = _Shelf()
_grown = _Grown()


def forget_trees() -> None:
    """Let go of the trees of imported files: no file is checked next."""
    _grown.shorten(0)


def digest_of(data: bytes) -> str:
    """A fingerprint of the content of a file."""
    # loading it takes as long as parsing a long file, and most files import none of their project
    from hashlib import sha256

    return sha256(data).hexdigest()


class Project:
    """The modules that one file may import. To be closed when its check is over.

    `import a` means a module beside the package that holds the file, or in a folder `src` there; for a file in no
    package, one beside the file or beside its folder. What is installed is no part of a project. Where it is `watched`,
    `looked_at` has what a result rests on. Where the file is checked `alone`, no imported one is expected to be checked
    itself: their functions are read one by one, as they are asked for.
    """

    def __init__(self, path: str, *, watched: bool = True, alone: bool = False) -> None:
        self._watched = watched
        self._alone = alone
        self.looked_at: dict[str, str | None] = {}
        self._path = os.path.abspath(path)
        self._checked: Source | None = None
        self._found: dict[tuple[str, str], _Held | None] = {}
        self._roots: dict[str, list[str]] = {}
        self._folders: dict[Source, str] = {}

    def open(self, data: bytes, path: str, parsed: Parsed | None = None) -> Source:
        """The file that is checked, with its index where it has been imported before; see `nanlint.source.Modules`."""
        held = _shelf.get(self._path)
        if held is not None and held.source is not None and held.source.data == data and not held.source.is_outlined:
            self._checked = held.source
            self._checked.path = path
            _shelf.use(self._path)
            return self._checked
        self._checked = Source(data, path, parsed)
        if held is not None:
            _shelf.drop(self._path)
            _close(held)
        return self._checked

    def find(self, name: str, asker: Source, binding: str = "") -> Source | None:
        """The file of the module that `asker` calls by that dotted name; see `nanlint.source.Modules`."""
        folder = self._folders.get(asker)
        if folder is None:
            folder = self._folders[asker] = os.path.dirname(os.path.abspath(asker.path))
        key = (folder, name)
        if key not in self._found:
            self._found[key] = self._find(*key)
        held = self._found[key]
        source = held.source if held is not None else None
        if held is None or source is None or source is self._checked or source.is_indexed:
            return source
        if binding and not source.may_bind(binding):
            return None
        held.source = _indexed(source, alone=self._alone)
        return held.source

    def close(self) -> None:
        """Let go of the files that were used longest ago; the others are kept for the next check."""
        if self._checked is not None:
            _grown.drop(self._checked)
            # of the checked file alone, and as large as all that is kept of others
            tree_of.cache_clear()
            if _shelf.get(self._path) is None:
                _shelf.put(self._path, _Held(self._checked, len(self._checked.data)))
        self._checked = None
        self._found.clear()
        self._folders.clear()
        _shelf.shorten()
        _grown.shorten(MAX_GROWN_BYTES // 2)

    def _find(self, folder: str, name: str) -> _Held | None:
        body = name.lstrip(".")
        parts = body.split(".") if body else []
        level = len(name) - len(body)
        for base in self._bases(folder, level, parts):
            place = os.path.join(base, *parts)
            package = os.path.join(place, "__init__.py")
            for file in (package, f"{place}.py") if parts else (package,):
                if self._is_there(file):
                    return self._read(file)
        return None

    def _bases(self, folder: str, level: int, parts: list[str]) -> Iterator[str]:
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            yield folder
            return
        if folder not in self._roots:
            self._roots[folder] = self._importable(folder)
        for root in self._roots[folder]:
            head = os.path.join(root, parts[0])
            if _is_installed(root) and not f"{folder}{os.sep}".startswith(head + os.sep):
                continue
            if self._is_there(head) or self._is_there(f"{head}.py"):
                yield root

    def _importable(self, folder: str) -> list[str]:
        """The folders from which a file in `folder` can import by full name."""
        top = folder
        while self._is_there(os.path.join(top, "__init__.py")) and os.path.dirname(top) != top:
            top = os.path.dirname(top)
        tops = [top] if top != folder else [top, os.path.dirname(top)]
        return [place for each in tops for place in (each, os.path.join(each, "src"))]

    def _is_there(self, path: str) -> bool:
        if path not in self.looked_at:
            self.looked_at[path] = "" if os.path.exists(path) else None
        return self.looked_at[path] is not None

    def _read(self, path: str) -> _Held | None:
        if path == self._path:
            return _Held(self._checked, 0)
        try:
            stat = os.stat(path)
            stamp = (stat.st_mtime_ns, stat.st_size)
            held = _shelf.get(path)
            if held is None or held.stamp != stamp or (self._watched and not held.digest):
                held = _shelf.put(path, _read_again(path, stamp, held, watched=self._watched))
        except OSError:
            return None
        _shelf.use(path)
        self.looked_at[path] = held.digest
        return held


def _read_again(path: str, stamp: tuple[int, int], before: _Held | None, *, watched: bool) -> _Held:
    """Raises OSError."""
    with open(path, "rb") as stream:
        data = stream.read()
    digest = digest_of(data) if watched else ""
    source = before.source if before is not None else None
    if source is None or source.data != data:
        if before is not None:
            _close(before)
        source = _source(data, path)
    return _Held(source, len(data), stamp, digest)


def _close(held: _Held) -> None:
    if held.source is not None:
        _grown.drop(held.source)
        held.source.close()


def _source(data: bytes, path: str) -> Source | None:
    try:
        return Source(data, path) if len(data) <= MAX_BYTES else None
    except SourceError:
        return None


def _indexed(source: Source, *, alone: bool) -> Source | None:
    """None for what is no Python outside of its functions, either."""
    if not (alone and source.outline()):
        try:
            assert source.index
        except SourceError:
            if alone or not source.outline():
                return None
    _grown.add(source)
    return source


def _is_installed(folder: str) -> bool:
    return any(part in FOREIGN_FOLDERS for part in folder.split(os.sep))
