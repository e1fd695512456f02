"""What a training loop does, seen without a change to it: backward passes, optimizer steps, scaled losses."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook


class Listener(Protocol):
    """What is told of the events. Nested backward passes (a checkpoint's) are told nothing of."""

    def before_backward(self, roots: Sequence[Tensor]) -> None: ...

    def after_backward(self, roots: Sequence[Tensor]) -> None: ...

    def after_grad(self, inputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        """`torch.autograd.grad` gave these gradients of these inputs."""

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """All gradients are there, after the closure where the step has one."""

    def after_step(self, optimizer: torch.optim.Optimizer) -> None: ...

    def run_closure(self, optimizer: torch.optim.Optimizer, closure: Callable[[], Any]) -> Any:
        """Call the closure that an optimizer's step was given."""

    def updating(self) -> Any:
        """A context manager that is open while an optimizer works, but not while it runs a closure."""

    def scaled(self, loss: Tensor, result: Tensor, scaler: torch.amp.GradScaler) -> None:
        """A GradScaler made `result` of `loss`."""


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell the listener of everything that happens inside; what it raises goes to the training loop."""
    with ExitStack() as stack:
        depth = [0]
        backward = functools.partial(_backward, listener, torch.autograd.backward, depth)
        grad = functools.partial(_grad, listener, torch.autograd.grad, depth)
        stack.enter_context(_replaced(torch.autograd, "backward", backward))
        stack.enter_context(_replaced(torch.autograd, "grad", grad))
        scale = _scaling(listener, torch.amp.GradScaler.scale)
        stack.enter_context(_replaced(torch.amp.GradScaler, "scale", scale))
        open_steps: list[ExitStack] = []
        before = register_optimizer_step_pre_hook(functools.partial(_before_step, listener, open_steps))
        stack.callback(before.remove)
        after = register_optimizer_step_post_hook(functools.partial(_after_step, listener, open_steps))
        stack.callback(after.remove)
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    old = getattr(owner, name)
    setattr(owner, name, functools.wraps(old)(value))
    try:
        yield
    finally:
        setattr(owner, name, old)


def _tensors(value: Any) -> list[Tensor]:
    values = [value] if isinstance(value, Tensor) else list(value)
    return [each for each in values if isinstance(each, Tensor)]


def _backward(
    listener: Listener, original: Callable[..., None], depth: list[int], tensors: Any, *args: Any, **kwargs: Any
) -> None:
    if depth[0]:
        return original(tensors, *args, **kwargs)
    roots = _tensors(tensors)
    listener.before_backward(roots)
    depth[0] += 1
    try:
        original(tensors, *args, **kwargs)
    finally:
        depth[0] -= 1
    return listener.after_backward(roots)


def _grad(
    listener: Listener, original: Callable[..., Any], depth: list[int], outputs: Any, inputs: Any, *args: Any,
    **kwargs: Any,
) -> Any:  # fmt: skip
    result = original(outputs, inputs, *args, **kwargs)
    if not depth[0]:
        of = _tensors(inputs)
        if len(of) == len(result):
            pairs = [(one, other) for one, other in zip(of, result, strict=True) if isinstance(other, Tensor)]
            listener.after_grad([one for one, _ in pairs], [other for _, other in pairs])
    return result


def _scaling(listener: Listener, original: Callable[..., Any]) -> Callable[..., Any]:
    def scale(self: Any, outputs: Any) -> Any:
        result = original(self, outputs)
        if isinstance(outputs, Tensor) and self.is_enabled():
            listener.scaled(outputs, result, self)
        return result

    return scale


def _before_step(
    listener: Listener, open_steps: list[ExitStack], optimizer: torch.optim.Optimizer, args: Any, kwargs: Any
) -> tuple[Any, dict[str, Any]] | None:
    step = ExitStack()
    open_steps.append(step)
    closure = kwargs.get("closure") or next((each for each in args[1:] if callable(each)), None)
    if closure is None:
        listener.before_step(optimizer)
        step.enter_context(listener.updating())
        return None

    def listened() -> Any:
        step.close()
        result = listener.run_closure(optimizer, closure)
        listener.before_step(optimizer)
        step.enter_context(listener.updating())
        return result

    if "closure" in kwargs:
        return args, {**kwargs, "closure": listened}
    return tuple(listened if each is closure else each for each in args), kwargs


def _after_step(
    listener: Listener, open_steps: list[ExitStack], optimizer: torch.optim.Optimizer, args: Any, kwargs: Any
) -> None:
    open_steps.pop().close()
    listener.after_step(optimizer)
