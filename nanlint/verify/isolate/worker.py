"""The parent's side of a child process: one question, one answer, and the whole group killed at a limit."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# An answer is a verdict and a script; what is larger is a child that went wild.
MOST_BYTES = 16 << 20
_ROOT = str(Path(__file__).resolve().parents[3])
# A namespace of processes dies with its first one, daemons that left the group included; one of the network is empty.
_NAMESPACES = ("--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")


class Lost(Exception):
    """The child gave no answer; the message says why: a time limit, a signal, an exit status, an answer too long."""


class Worker:
    """A child that is started at the first question and again after it was lost.

    `module` is run in it with `python -m`, with `arguments` after the two ends of the channel. Its current folder,
    its home and its temporary files lie in `scratch`, which must exist; it has no standard input, and what it prints
    is dropped. It sees no GPU, unless `environment`, which is added to its own, says otherwise.
    """

    def __init__(
        self, module: str, scratch: Path, *arguments: str, start_s: float = 120,
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._command = [sys.executable, "-m", module]
        self._arguments = arguments
        self._scratch = scratch
        self._start_s = start_s
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._to_child = self._from_child = -1
        self.starts = 0

    def ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The answer, within so many seconds of wall time once the child is up. Raises Lost."""
        if self._process is None:
            self._start()
        until = time.monotonic() + seconds
        try:
            self._send(json.dumps(question).encode() + b"\n", until, seconds)
        except BrokenPipeError:
            raise self._lost() from None
        return self._answer(until, seconds)

    def close(self) -> None:
        """Kill the child and all that it started."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        for descriptor in (self._to_child, self._from_child):
            os.close(descriptor)

    def _start(self) -> None:
        read, self._to_child = os.pipe()
        self._from_child, write = os.pipe()
        # A child that reads no more must not stop this process too.
        os.set_blocking(self._to_child, False)
        command = [*_isolation(), *self._command, str(read), str(write), *self._arguments]
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own interpreter)
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                cwd=self._scratch, env={**_environment(self._scratch), **self._environment}, pass_fds=(read, write),
                start_new_session=True,
            )  # fmt: skip
        except OSError:
            os.close(self._to_child)
            os.close(self._from_child)
            raise
        finally:
            os.close(read)
            os.close(write)
        self.starts += 1
        self._answer(time.monotonic() + self._start_s, self._start_s)

    def _send(self, data: bytes, until: float, seconds: float) -> None:
        while data:
            left = until - time.monotonic()
            if left <= 0 or not select.select([], [self._to_child], [], left)[1]:
                self.close()
                raise Lost(f"timeout: the question was not read within {seconds:g} s")
            data = data[os.write(self._to_child, data) :]

    def _answer(self, until: float, seconds: float) -> dict[str, Any]:
        """What the child says until a time, which is so many seconds after it was asked."""
        text = bytearray()
        while not text.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._from_child], [], [], left)[0]:
                self.close()
                raise Lost(f"timeout: no answer within {seconds:g} s")
            part = os.read(self._from_child, 1 << 16)
            if not part:
                raise self._lost()
            text += part
            if len(text) > MOST_BYTES:
                self.close()
                raise Lost(f"output: an answer of more than {MOST_BYTES >> 20} MiB")
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            self.close()
            raise Lost("output: the process wrote into the channel of its answers")
        return answer

    def _lost(self) -> Lost:
        """What became of a child that closed its end."""
        assert self._process is not None
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.close()
            return Lost("crash: the process closed the channel of its answers")
        self.close()
        number = -status if status < 0 else status - 128
        if number > 0:
            with contextlib.suppress(ValueError):
                return Lost(f"crash: the process died of {signal.Signals(number).name}")
        return Lost(f"exit: the process ended with status {status}")


@functools.cache
def _isolation() -> tuple[str, ...]:
    """What to put before a command so that it has no network, as far as this system lets its users do that."""
    unshare = shutil.which("unshare")
    for flags in (_NAMESPACES, _NAMESPACES[:3]) if unshare else ():
        assert unshare is not None
        done = subprocess.run([unshare, *flags, "true"], capture_output=True, stdin=subprocess.DEVNULL, check=False)  # noqa: S603
        if done.returncode == 0:
            return (unshare, *flags)
    return ()


def has_network() -> bool:
    """Whether the children can reach the network here."""
    return not _isolation()


def _environment(scratch: Path) -> dict[str, str]:
    """One thread, no GPU, and every folder that programs write to by habit inside of `scratch`."""
    given = dict(os.environ)
    given.pop("PYTHONSTARTUP", None)
    here = str(scratch)
    path = os.pathsep.join(filter(None, (given.get("PYTHONPATH"), _ROOT)))
    home = os.path.expanduser("~")
    return {
        **given, "PYTHONPATH": path, "PYTHONUSERBASE": given.get("PYTHONUSERBASE", os.path.join(home, ".local")),
        "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1", "PYTHONHASHSEED": "0",
        "HOME": here, "TMPDIR": here, "XDG_CACHE_HOME": here, "TORCH_HOME": here, "HF_HOME": here,
        # With more threads in the parent, a forked child dies in a thread of autograd ("Invalid thread pool!").
        "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
        # Compiled code is neither traced by line nor worth the time: what it computes is the same.
        "TORCHDYNAMO_DISABLE": "1", "PYTORCH_JIT": "0",
    }  # fmt: skip
