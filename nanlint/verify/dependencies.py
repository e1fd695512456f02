"""What a verdict rests on: the files that a child imported or read, and what is installed. Imports no torch."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import nanlint
from nanlint.project import FOREIGN_FOLDERS, digest_of

_DISTRIBUTIONS = (".dist-info", ".egg-info", ".egg-link", ".pth")
_SYSTEM = ("/proc/", "/sys/", "/dev/")


def fingerprint(path: str) -> str:
    """It is another one once the file or folder is another; "" for what is not there.

    Source counts by its content, so that a fresh checkout is the same; of other files, which can be large, size and
    change time count, and of a folder the names of its modules.
    """
    try:
        if os.path.isdir(path):
            return digest_of("\n".join(_modules_in(path)).encode("utf-8", "surrogateescape"))
        if path.endswith(".py"):
            with open(path, "rb") as stream:
                return digest_of(stream.read())
        stat = os.stat(path)
    except OSError:
        return ""
    return f"{stat.st_size} {stat.st_mtime_ns}"


def fingerprints(files_read: Iterable[str], scratch: Path, start: float) -> dict[str, str] | None:
    """Those of all that this process imported or read of the user and of other packages, and of the user's folders.

    torch, nanlint, the standard library and `scratch` are left out. None where something was changed after `start`:
    what was run may have been another version of it.
    """
    standard = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))
    known = (*_SYSTEM, os.path.join(scratch, ""), *(_folder(name) for name in ("torch", nanlint.__name__)))
    found: dict[str, str] = {}
    for path in {*_imported(), *map(os.path.abspath, files_read)}:
        is_installed = any(folder in path for folder in FOREIGN_FOLDERS)
        if path.endswith(".pyc") or path.startswith(known) or (path.startswith(standard) and not is_installed):
            continue
        if _changed_since(start, path):
            return None
        found[path] = fingerprint(path)
        if path.endswith(".py") and not is_installed:
            # A module that is put beside this one may be imported instead of another.
            folder = os.path.dirname(path)
            found[folder] = fingerprint(folder)
    return found


def environment() -> str:
    """Which machine, which torch and which packages: what a verdict rests on besides of files that were read."""
    installed = [
        (folder, names)
        for folder in filter(os.path.isdir, sys.path)
        if (names := sorted(name for name in os.listdir(folder) if name.endswith(_DISTRIBUTIONS)))
    ]
    # It names the commit, too, which counts where torch was built from a checkout.
    version = Path(_folder("torch"), "version.py")
    state = (platform.machine(), os.environ.get("PYTHONPATH"), installed, version.is_file() and version.read_bytes())
    return digest_of(repr(state).encode("utf-8", "surrogateescape"))


def _modules_in(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in entries
            if entry.name.endswith((".py", ".so", ".pyd")) or os.path.exists(os.path.join(entry.path, "__init__.py"))
        )


def _imported() -> list[str]:
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return [os.path.abspath(file) for file in files if isinstance(file, str)]


def _folder(package: str) -> str:
    """Where a package lies, ending with a separator."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    return os.path.join(os.path.dirname(spec.origin or ""), "")


def _changed_since(start: float, path: str) -> bool:
    try:
        stat = os.stat(path)
    except OSError:
        return False
    return max(stat.st_mtime, stat.st_ctime) >= start
