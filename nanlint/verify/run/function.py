"""A step of training that is a function, watched."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from torch import nn

from nanlint.verify.run.replay import Replaying
from nanlint.verify.trace.tracing import Tracing

P = ParamSpec("P")
R = TypeVar("R")


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
        return _watched(step, modules)

    return decorate


def _watched(step: Callable[P, R], modules: Sequence[nn.Module]) -> Callable[P, R]:
    def say(sentence: str) -> None:
        warnings.warn(f"nanlint: {sentence}", RuntimeWarning, stacklevel=2)

    replaying = Replaying(say, modules)

    @functools.wraps(step)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        call = functools.partial(step, *args, **kwargs)
        if not replaying.could_not_replay:
            with replaying():
                result: R = replaying.run(call, (args, kwargs))
            return result
        tracing = Tracing(replaying.tell)
        tracing.steps = replaying.steps
        with tracing():
            result = call()
        replaying.steps = tracing.steps
        return result

    return run
