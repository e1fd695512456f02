"""From a running operation to the line of the user's code that asked for it."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType

import torch

# A code object and the offset of the instruction that it is at: cheap to take, resolved when it is reported.
Instruction = tuple[CodeType, int]

ENGINE = "_engine_run_backward"
_SITE = tuple(os.path.join(sysconfig.get_path(kind), "") for kind in ("purelib", "platlib"))
_STDLIB = tuple(os.path.join(sysconfig.get_path(kind), "") for kind in ("stdlib", "platstdlib"))
_TORCH = os.path.join(os.path.dirname(torch.__file__), "")
# As imported, links and all: that is what code objects say.
_OWN = os.path.join(str(Path(__file__).absolute().parents[2]), "")
_users: dict[CodeType, bool] = {}


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a source file. Rows and columns count from 1, columns in bytes of UTF-8; `end` is exclusive.

    Without columns (Python 3.10 knows none) `column` and `end` are 1.
    """

    path: str
    row: int
    function: str
    column: int = 1
    end: int = 1

    @classmethod
    def of(cls, instruction: Instruction) -> Location:
        code, offset = instruction
        row, column, end = code.co_firstlineno, 0, 0
        if sys.version_info >= (3, 11):
            first, last, left, right = next(islice(code.co_positions(), offset // 2, None), (None,) * 4)
            row = first or row
            if left is not None and right is not None:
                column, end = left, right if first == last else left
        else:
            row = next((line or row for start, stop, line in code.co_lines() if start <= offset < stop), row)
        return cls(code.co_filename, row, code.co_name, column + 1, end + 1)


def is_users(code: CodeType) -> bool:
    """Whether a function is neither torch's, nor the standard library's, nor of nanlint itself."""
    known = _users.get(code)
    if known is None:
        name = code.co_filename
        library = name.startswith(_STDLIB) and not name.startswith(_SITE)
        known = _users[code] = not (library or name.startswith((_TORCH, _OWN, "<frozen")))
    return known


def innermost(frame: FrameType | None) -> Instruction | None:
    """The innermost frame of the user's at or above `frame`, looking no further than the engine of a backward pass.

    The engine calls the kernels of torch's own nodes directly, so None there means that no code of the user's
    runs: what is found is a custom `backward`, a hook, or a forward pass that a checkpoint repeats.
    """
    while frame is not None:
        code = frame.f_code
        known = _users.get(code)
        if known or (known is None and is_users(code)):
            return code, frame.f_lasti
        if code.co_name == ENGINE:
            return None
        frame = frame.f_back
    return None
