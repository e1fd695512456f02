"""Calls of the user's code: seeded, limited in time, with default settings of torch, and on copies."""

from __future__ import annotations

import copy
import os
import random
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch

from nanlint.verify.isolate.confine import new_call

SEED = 0


class TimedOut(BaseException):
    """A call took too long. No Exception: what the code catches by habit shall not catch this."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises TimedOut inside after so many seconds of processor time, at the next instruction of Python's.

    A copy of this process that is made inside, by a fork, ends here.
    """
    home = os.getpid()
    new_call()

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimedOut(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    # Code that catches everything is interrupted again; the parent kills what never returns to Python.
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.5)
    try:
        yield
    finally:
        if os.getpid() != home:
            os._exit(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def reset() -> None:
    """Seeds and settings that an earlier call may have changed."""
    torch.manual_seed(SEED)
    random.seed(SEED)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(SEED)
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)


def copied(value: Any) -> Any:
    """A copy that the call may change, or the value itself where it cannot be copied."""
    try:
        return copy.deepcopy(value)
    except Exception:
        return value
