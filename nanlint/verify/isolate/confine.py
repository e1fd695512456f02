"""The child's side: what it may use, and a watch over what its code asks Python for.

This protects from accidents, and from what imports do by habit. It is no sandbox against code that means harm.
"""

from __future__ import annotations

import contextlib
import glob
import os
import resource
import select
import sys
import threading
from pathlib import Path
from typing import Any

from nanlint.verify.isolate.landlock import only_write_to

# Bytes; the import of torch alone takes 4 GB of addresses.
MEMORY = 8 << 30
FILE_BYTES = 256 << 20
# Of one call.
MOST_PROCESSES = 16
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Which arguments of an event of Python's audit name a file that is changed.
_CHANGING = {
    "os.remove": (0,), "os.rename": (0, 1), "os.mkdir": (0,), "os.rmdir": (0,), "os.link": (0, 1),
    "os.symlink": (1,), "os.truncate": (0,), "os.chmod": (0,), "os.chown": (0,),
}  # fmt: skip
_OPEN_TO_ALL = (os.devnull, "/dev/shm")  # noqa: S108 (shared memory of this machine, which torch uses)
_STARTING = {"os.fork", "os.forkpty", "subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"}
_KILLING = {"os.kill", "os.killpg"}


class Refused(PermissionError):
    """The code asked for what a child of the verifier may not do."""


def confine(scratch: Path, *, has_device: bool = False) -> None:
    """Set the limits of this process and watch it from now on: it may write to `scratch` alone.

    With a device it may write to NVIDIA's device files, too, and what is limited are not its addresses, of which the
    driver reserves more than there is memory, but the data that it takes from now on.
    """
    if has_device:
        _limit(resource.RLIMIT_DATA, _data() + MEMORY)
    else:
        _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    drivers = glob.glob("/dev/nvidia*") if has_device else []
    only_write_to((os.path.realpath(scratch), *_OPEN_TO_ALL, *drivers))
    watch = _Watch(scratch)
    _watches.append(watch)
    sys.addaudithook(watch)


def new_call() -> None:
    """Another call of the user's code begins, which may start as many processes as the last one."""
    for watch in _watches:
        watch.started = 0


def files_read() -> set[str]:
    """The files that Python was asked to open for reading, whether they are there or not."""
    return {path for watch in _watches for path in watch.read}


def end_with(channel: int) -> None:
    """End this process when the other end of `channel` closes, lest a loop without end outlive a killed parent."""
    threading.Thread(target=_wait_for_end, args=(channel,), daemon=True).start()


def _data() -> int:
    """The bytes of this process that RLIMIT_DATA counts."""
    text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next((int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("VmData:")), 0)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    # macOS refuses some of them.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, most))


def _wait_for_end(channel: int) -> None:
    poll = select.poll()
    poll.register(channel, 0)
    poll.poll()
    os._exit(1)


class _Watch:
    def __init__(self, scratch: Path) -> None:
        self._allowed = (os.path.join(os.path.realpath(scratch), ""), *_OPEN_TO_ALL)
        self._process = os.getpid()
        self.started = 0
        self.read: set[str] = set()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING:
                self._check(path)
            elif isinstance(path, (str, bytes)):
                self.read.add(os.path.abspath(os.fsdecode(path)))
        elif event in _CHANGING:
            for number in _CHANGING[event]:
                self._check(arguments[number])
        elif event in _STARTING:
            self.started += 1
            if os.getpid() != self._process or self.started > MOST_PROCESSES:
                raise Refused(f"processes: more than {MOST_PROCESSES} started, or one by a child")
        elif event in _KILLING:
            raise Refused("processes: a signal to a process")

    def _check(self, path: Any) -> None:
        if isinstance(path, int) or path is None:
            return
        full = os.path.realpath(os.fsdecode(path))
        if not full.startswith(self._allowed) and os.path.join(full, "") != self._allowed[0]:
            raise Refused(f"writes: {full} lies outside of the scratch folder")


_watches: list[_Watch] = []
