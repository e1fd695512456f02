"""Writing a fixed file: all of it or nothing."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile


class NotWritten(Exception):
    """A file was left as it was; the message says which and why."""


def write(path: str, before: bytes, after: bytes) -> None:
    """Replace what a file holds, in one step, if it still holds `before`; a link stays one. Raises NotWritten."""
    target = os.path.realpath(path)
    try:
        with open(target, "rb") as stream:
            if stream.read() != before:
                raise NotWritten(f"{path}: changed while it was checked; it is left as it is")
            status = os.fstat(stream.fileno())
        if not status.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(target, os.W_OK):
            raise NotWritten(f"{path}: is read-only; it is left as it is")
        _replace(target, after, stat.S_IMODE(status.st_mode))
    except OSError as error:
        raise NotWritten(f"{path}: cannot be written: {error.strerror or error}; it is left as it is") from None


def _replace(target: str, data: bytes, mode: int) -> None:
    folder, name = os.path.split(target)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".nanlint", dir=folder)
    try:
        with open(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
