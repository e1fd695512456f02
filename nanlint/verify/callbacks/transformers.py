"""For `transformers.Trainer(callbacks=[...])`."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from nanlint.verify.callbacks.session import Mode, Session


class TransformersCallback(TrainerCallback):  # type: ignore[misc]
    """Stops the training at its first bad loss or gradient with NonFiniteError, which says what made it.

    `mode` is "trace", or "watch", which costs next to nothing and traces once a step has failed.
    """

    def __init__(self, mode: Mode = "trace") -> None:
        self._session = Session(mode)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._session.start()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._session.stop()
