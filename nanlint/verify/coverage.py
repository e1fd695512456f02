"""Which lines of a file run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def lines_run(path: str, span: tuple[int, int]) -> Iterator[set[int]]:
    """The rows of `path` within `span` that run inside; the set fills as they do."""
    rows: set[int] = set()

    def inside(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            rows.add(frame.f_lineno)
        return inside

    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if code.co_filename == path and span[0] <= code.co_firstlineno <= span[1]:
            return inside
        return None

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        yield rows
    finally:
        sys.settrace(before)
