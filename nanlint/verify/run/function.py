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


def watched(step: Callable[P, R], modules: Sequence[nn.Module]) -> Callable[P, R]:
    """The function, watched; see `nanlint.runtime.watch`."""

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
