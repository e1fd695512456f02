"""From the paths that a user names to the files to check, each with the configuration that governs it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nanlint.config import Config, ConfigError, Configs
from nanlint.slotted import Data

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

    from nanlint.source import Parsed

SUFFIXES = (".py", ".pyi")

# The ignore files that apply in a folder, the outermost first, each with the folder that its patterns start from.
Ignores = tuple[tuple[str, "GitIgnoreSpec"], ...]


class Target(Data):
    """One file to check: `path` as it is shown, `data` where the bytes are not those on the disk.

    `noqa` says that comments of that word silence findings: not where the host applies its own. `parsed` is the text
    of the file with its tree, where the host has made one.
    """

    path: str
    config: Config
    data: bytes | None = None
    noqa: bool = True
    parsed: Parsed | None = None


def discover(paths: Sequence[str], configs: Configs) -> tuple[list[Target], list[str]]:
    """The files to check, sorted by path and each one once, and a sentence for each path that is of no use."""
    found: dict[str, Target] = {}
    errors: dict[str, None] = {}
    for path in paths:
        shown, full = os.path.normpath(path), os.path.abspath(path)
        if not os.path.lexists(full):
            errors[f"{path}: no such file or folder"] = None
            continue
        is_folder = os.path.isdir(full)
        try:
            config = configs.of(full if is_folder else os.path.dirname(full))
        except ConfigError as error:
            errors[str(error)] = None
            continue
        if config.force_exclude and _excluded_above(full, config):
            continue
        if is_folder:
            for target_path, target in _walk(shown, full, configs, errors):
                found.setdefault(target_path, target)
        else:
            found.setdefault(full, Target(shown, config))
    return sorted(found.values(), key=lambda target: target.path), list(errors)


def standard_input(data: bytes, name: str | None, configs: Configs) -> tuple[list[Target], list[str]]:
    """The one target that standard input is; `name` says which configuration governs it and how it is shown."""
    full = os.path.abspath(name or "-")
    try:
        config = configs.of(os.path.dirname(full))
    except ConfigError as error:
        return [], [str(error)]
    if name and config.force_exclude and _excluded_above(full, config):
        return [], []
    return [Target(name or "-", config, data)], []


def _excluded_above(full: str, config: Config) -> bool:
    """Whether the path, or a folder above it up to the one that the configuration speaks for, is excluded."""
    top = str(config.file.parent.absolute()) if config.file else os.getcwd()
    while True:
        if config.excludes(full):
            return True
        above = os.path.dirname(full)
        if above in (full, top) or not above.startswith(top):
            return False
        full = above


def _walk(shown: str, full: str, configs: Configs, errors: dict[str, None]) -> Iterator[tuple[str, Target]]:
    prefix = "" if shown == os.curdir else shown.rstrip(os.sep) + os.sep
    # Paths are joined by hand: os.path.join and pathlib take most of the time of a walk over a large tree.
    stack: list[tuple[str, str, Ignores | None]] = [(prefix, full.rstrip(os.sep) + os.sep, None)]
    while stack:
        prefix, base, ignores = stack.pop()
        try:
            config = configs.of(base.rstrip(os.sep) or os.sep)
        except ConfigError as error:
            errors[str(error)] = None
            continue
        try:
            with os.scandir(base) as scan:
                entries = list(scan)
        except OSError as error:
            errors[f"{prefix or os.curdir}: cannot read the folder: {error.strerror}"] = None
            continue
        if config.respect_gitignore:
            above = _above(base) if ignores is None else ignores
            ignores = _extended(above, base, {entry.name for entry in entries})
        for entry in entries:
            path = base + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if not is_folder and not _is_source(entry):
                continue
            if config.excludes(path) or (ignores and _ignored(ignores, path, is_folder)):
                continue
            if is_folder:
                stack.append((prefix + entry.name + os.sep, path + os.sep, ignores or ()))
            else:
                yield path, Target(prefix + entry.name, config)


def _is_source(entry: os.DirEntry[str]) -> bool:
    """A Python file, or a link that should have been one; links to folders, pipes and devices are not."""
    if not entry.name.endswith(SUFFIXES):
        return False
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:
        # A loop of links; reading it gives the diagnostic.
        return True


def _ignored(ignores: Ignores, path: str, is_folder: bool) -> bool:
    for folder, spec in reversed(ignores):
        relative = path[len(folder) :].replace(os.sep, "/")
        verdict = spec.check_file(relative + "/" if is_folder else relative).include
        if verdict is not None:
            return verdict
    return False


def _extended(ignores: Ignores, base: str, names: set[str]) -> Ignores:
    """The ignore files that apply in the folder `base`, given those of the folder above and the names in it."""
    if ".git" in names:
        ignores = _read((), base, base + os.path.join(".git", "info", "exclude"))
    return _read(ignores, base, base + ".gitignore") if ".gitignore" in names else ignores


def _read(ignores: Ignores, base: str, file: str) -> Ignores:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return ignores
    from pathspec import GitIgnoreSpec

    return (*ignores, (base, GitIgnoreSpec.from_lines(lines)))


def _above(base: str) -> Ignores:
    """The ignore files of the folders above one that the user named, up to the root of its repository."""
    folder = base.rstrip(os.sep)
    if os.path.lexists(os.path.join(folder, ".git")):
        return ()
    inside = []
    while True:
        parent = os.path.dirname(folder)
        if parent == folder:
            return ()
        inside.append(parent)
        if os.path.lexists(os.path.join(parent, ".git")):
            break
        folder = parent
    ignores: Ignores = ()
    for parent in reversed(inside):
        names = {name for name in (".git", ".gitignore") if os.path.lexists(os.path.join(parent, name))}
        ignores = _extended(ignores, parent.rstrip(os.sep) + os.sep, names)
    # A folder that was asked for by name is checked even where the repository ignores it.
    below = base.rstrip(os.sep)
    return () if _ignored(ignores, below, is_folder=True) else ignores
