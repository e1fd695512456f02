"""Run a script or a module as `python` would, in this process."""

from __future__ import annotations

import builtins
import importlib.util
import os
import sys
import types
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.machinery import ModuleSpec
from pathlib import Path

INTERRUPTED = 130


class NoSuchProgramError(Exception):
    """There is nothing to run; the message names it."""


def prepared(name: str, arguments: Sequence[str], *, module: bool) -> Callable[[], None]:
    """What runs the program: sets `sys.argv`, `sys.path` and `__main__`, then executes it.

    Raises NoSuchProgramError.
    """
    if module:
        spec = _spec(name)
        path, folder = str(spec.origin), os.getcwd()
        data = Path(path).read_bytes()
    else:
        spec, path = None, name
        folder = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path):
            path, folder = os.path.join(path, "__main__.py"), os.path.abspath(path)
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise NoSuchProgramError(f"cannot read {path}: {error.strerror}") from None

    def run() -> None:
        main = types.ModuleType("__main__")
        main.__dict__.update(__file__=path, __builtins__=builtins, __spec__=spec)
        if spec is not None:
            main.__package__ = spec.parent
            main.__loader__ = spec.loader
        sys.modules["__main__"] = main
        sys.argv[:] = [os.path.abspath(path) if module else name, *arguments]
        sys.path[0] = folder
        exec(compile(data, path, "exec", dont_inherit=True), main.__dict__)  # noqa: S102

    return run


def _spec(name: str) -> ModuleSpec:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except (ImportError, ValueError) as error:
        raise NoSuchProgramError(f"cannot find the module {name}: {error}") from None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise NoSuchProgramError(f"cannot find the module {name}, written in Python")
    return spec


def status_of(run: Callable[[], None], around: AbstractContextManager[object], own: type[BaseException]) -> int:
    """Run a program inside `around` and return its exit status; exceptions are shown as `python` shows them.

    An exception of the type `own` is ours: it was told already, and gives 1.
    """
    try:
        with around:
            run()
    except own:
        return 1
    except SystemExit as leave:
        if leave.code is None or isinstance(leave.code, int):
            return leave.code or 0
        print(leave.code, file=sys.stderr)
        return 1
    except BaseException as error:
        error = error.with_traceback(_of_program(error))
        sys.excepthook(type(error), error, error.__traceback__)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _of_program(error: BaseException) -> types.TracebackType | None:
    """The traceback from the program's first frame on."""
    traceback, here = error.__traceback__, os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(here):
        traceback = traceback.tb_next
    return traceback
