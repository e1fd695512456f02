"""For `lightning.pytorch.Trainer(callbacks=[...])`."""

from __future__ import annotations

from typing import Any

try:
    from lightning.pytorch import Callback
except ModuleNotFoundError:  # the older name of the same package
    from pytorch_lightning import Callback

from nanlint.verify.callbacks.session import Mode, Session


class LightningCallback(Callback):  # type: ignore[misc]
    """Stops the training at its first bad loss or gradient with NonFiniteError, which says what made it.

    `mode` is "trace", or "watch", which costs next to nothing and runs the step that failed once more.
    """

    def __init__(self, mode: Mode = "trace") -> None:
        super().__init__()
        self._session = Session(mode)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._session.start()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self._session.stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self._session.stop()
