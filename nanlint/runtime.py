"""For use inside a training program: `watch`, and callbacks for Lightning and the Hugging Face Trainer.

Needs torch. Importing it, unlike the rest of nanlint, imports torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from nanlint.verify.run.diagnosis import NonFiniteError
from nanlint.verify.run.function import watched

if TYPE_CHECKING:
    from torch import nn

    from nanlint.verify.callbacks.lightning import LightningCallback
    from nanlint.verify.callbacks.transformers import TransformersCallback

P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["LightningCallback", "NonFiniteError", "TransformersCallback", "watch"]


def watch(*modules: nn.Module) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Watch a function that does one step of training with these modules: forward pass, backward pass, and update.

        @watch(model)
        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

    Costs a look at the loss and at the norm of the gradients. A step in which one of them is NaN or Inf is left before
    its update, and run again under the tracer, with the random numbers and the buffers that it had. Raises
    NonFiniteError, whose message names the line that made the value. Where the step does not fail again, a
    RuntimeWarning says so, its result counts, and the steps after it are traced.
    """

    def decorate(step: Callable[P, R]) -> Callable[P, R]:
        return watched(step, modules)

    return decorate


def __getattr__(name: str) -> Any:
    # Only who asks for a callback has to have its framework.
    if name == "LightningCallback":
        from nanlint.verify.callbacks import lightning

        return lightning.LightningCallback
    if name == "TransformersCallback":
        from nanlint.verify.callbacks import transformers

        return transformers.TransformersCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
