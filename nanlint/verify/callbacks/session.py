"""What begins and ends with a training."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from typing import Literal

from nanlint.verify.run.diagnosis import NonFiniteError, told
from nanlint.verify.run.replay import Replaying
from nanlint.verify.trace.tracing import Bad, Tracing

Mode = Literal["trace", "watch"]


class Session:
    """Traces or watches between `start` and `stop`; NonFiniteError with the report leaves the training."""

    def __init__(self, mode: Mode) -> None:
        if mode not in ("trace", "watch"):
            raise ValueError(f"unknown mode {mode!r}: use trace or watch")
        self._mode = mode
        self._stack = ExitStack()

    def start(self) -> None:
        self.stop()
        listener = Tracing(_tell) if self._mode == "trace" else Replaying(_warn)
        self._stack.enter_context(listener())

    def stop(self) -> None:
        """Does nothing where nothing was started."""
        self._stack.close()


def _tell(bad: Bad) -> None:
    raise NonFiniteError(told(bad))


def _warn(sentence: str) -> None:
    warnings.warn(f"nanlint: {sentence}", RuntimeWarning, stacklevel=2)
