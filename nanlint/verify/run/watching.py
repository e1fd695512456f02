"""Look at the loss and the gradients of each step and at nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from nanlint.verify.run.snapshot import Snapshot, modules_of
from nanlint.verify.trace import finite
from nanlint.verify.trace.events import listening
from nanlint.verify.trace.finite import is_checkable
from nanlint.verify.trace.tracing import Bad, Tracing


class Watching:
    """A listener that calls `failed` with the first bad loss or gradient, whose cause it does not know.

    Costs a norm of the gradients and a look at the loss, and between steps a snapshot of random states and buffers,
    those of `modules`, by default of all that the first optimizer trains. Once `trace` was called, a tracer listens
    instead. Waits for the device once for each backward pass and for each step.
    """

    def __init__(self, failed: Callable[[Bad], None], modules: Sequence[nn.Module] | None = None) -> None:
        self.steps = 0
        self.backwards = 0
        # How many backward passes there were when the last step of an optimizer ended.
        self.backwards_before_step = 0
        self.tracing: Tracing | None = None
        self._failed = failed
        self._modules = modules
        self._snapshot: Snapshot | None = None
        self._scaled = WeakIdKeyDictionary()

    @contextmanager
    def __call__(self) -> Iterator[Watching]:
        """Watch what runs inside."""
        with listening(self):
            try:
                yield self
            except BaseException:
                if self.tracing is not None:
                    self.drop_trace()
                raise
            if self.tracing is not None:
                self.leave_trace()

    def trace(self, tracing: Tracing) -> None:
        """From here on the tracer listens."""
        tracing.steps = self.steps
        self.tracing = tracing
        tracing.recorder.__enter__()

    def leave_trace(self) -> Tracing:
        """End what `trace` began; gradients that are left count."""
        tracing = self.drop_trace()
        tracing.finish()
        return tracing

    def drop_trace(self) -> Tracing:
        """End what `trace` began, whatever it was to find."""
        assert self.tracing is not None
        tracing, self.tracing = self.tracing, None
        tracing.recorder.__exit__(None, None, None)
        return tracing

    def before_backward(self, roots: Sequence[Tensor]) -> None:
        if self.tracing is not None:
            self.tracing.before_backward(roots)
            return
        with torch.no_grad():
            for root in roots:
                loss = self._scaled.get(root, root)
                part = finite.local(loss.detach())
                if is_checkable(part) and not finite.is_finite(part):
                    self._fail("loss", loss, part)

    def after_backward(self, roots: Sequence[Tensor]) -> None:
        self.backwards += 1
        if self.tracing is not None:
            self.tracing.after_backward(roots)

    def after_grad(self, inputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        if self.tracing is not None:
            self.tracing.after_grad(inputs, gradients)

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.tracing is not None:
            self.tracing.before_step(optimizer)
            return
        found_inf = getattr(optimizer, "found_inf", None)
        if found_inf is not None and bool(found_inf):
            return
        self.check_gradients([p for group in optimizer.param_groups for p in group["params"]])

    def check_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Look at the gradients of these parameters; waits for the device."""
        with torch.no_grad():
            gradients = [(p, finite.local(p.grad)) for p in parameters if p.grad is not None]
            gradients = [(p, gradient) for p, gradient in gradients if is_checkable(gradient)]
            if not gradients or math.isfinite(_norms([gradient for _, gradient in gradients])):
                return
            for parameter, gradient in gradients:
                if not finite.is_finite(gradient):
                    self._fail("gradient", parameter, gradient)
                    return

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.steps += 1
        self.backwards_before_step = self.backwards
        if self.tracing is not None:
            self.tracing.after_step(optimizer)
        else:
            self.take_snapshot(optimizer)

    def run_closure(self, optimizer: torch.optim.Optimizer, closure: Callable[[], Any]) -> Any:
        return closure()

    def updating(self) -> Any:
        return self.tracing.updating() if self.tracing is not None else nullcontext()

    def scaled(self, loss: Tensor, result: Tensor, scaler: torch.amp.GradScaler) -> None:
        self._scaled[result] = loss
        if self.tracing is not None:
            self.tracing.scaled(loss, result, scaler)

    def take_snapshot(self, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Remember what the next step draws on."""
        if self._modules is None and optimizer is not None:
            self._modules = modules_of(optimizer)
        buffers = {id(b): b for module in self._modules or () for b in module.buffers()}
        self._snapshot = Snapshot(buffers.values())

    def restore(self) -> None:
        """Go back to the last snapshot, where there is one."""
        if self._snapshot is not None:
            self._snapshot.restore()

    def _fail(self, what: str, tensor: Tensor, value: Tensor) -> None:
        self._failed(Bad(what, tensor, finite.contents(value), self.steps + 1, None))


def _norms(gradients: list[Tensor]) -> float:
    """The sum of the norms of all gradients, on the device of the first."""
    norms = torch._foreach_norm(gradients)  # noqa: SLF001
    first = norms[0]
    return float(torch.stack([norm.to(first.device, torch.float32) for norm in norms]).sum().item())
