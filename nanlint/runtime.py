"""For use inside a training program: `watch`, and callbacks for Lightning and the Hugging Face Trainer.

Needs torch. Importing it, unlike the rest of nanlint, imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nanlint.verify.run.diagnosis import NonFiniteError
from nanlint.verify.run.function import watch

if TYPE_CHECKING:
    from nanlint.verify.callbacks.lightning import LightningCallback
    from nanlint.verify.callbacks.transformers import TransformersCallback

__all__ = ["LightningCallback", "NonFiniteError", "TransformersCallback", "watch"]


def __getattr__(name: str) -> Any:
    # Only who asks for a callback has to have its framework.
    if name == "LightningCallback":
        from nanlint.verify.callbacks import lightning

        return lightning.LightningCallback
    if name == "TransformersCallback":
        from nanlint.verify.callbacks import transformers

        return transformers.TransformersCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
