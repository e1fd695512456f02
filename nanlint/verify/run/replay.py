"""Watch a training, run a step that fails once more under the tracer, or trace from the next one on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from nanlint.verify.run.diagnosis import Diagnosis, NonFiniteError, diagnosed
from nanlint.verify.run.watching import Watching
from nanlint.verify.trace.finite import leaves
from nanlint.verify.trace.tracing import Bad, Tracing

GRADIENT, LOSS = 1, 2


class FailedStep(BaseException):
    """Leaves a step that is to be run again; not for the training to catch."""


class Replaying(Watching):
    """Watches, and finds the cause of what went bad.

    A step that is a function, which `run` and the closure of an optimizer are, is run again under the tracer after
    random states and buffers were restored; its update was not made yet. NonFiniteError with the report leaves it. Of
    any other step, and where the replay does not fail, `say` is told in a sentence, and tracing starts at the next:
    then `could_not_replay` is True, and nothing may be found if that one does not fail.
    """

    def __init__(self, say: Callable[[str], None], modules: Sequence[nn.Module] | None = None) -> None:
        super().__init__(self._failed_here, modules)
        self.found: Bad | None = None
        self.diagnosis: Diagnosis | None = None
        self._say = say
        self._bad: Bad | None = None
        self._is_running = False
        self._trace_next = False
        self.could_not_replay = False

    def run(self, step: Callable[[], Any], arguments: Any = ()) -> Any:
        """Run a step, and again if it fails; `arguments` only serve to explain a replay that does not fail."""
        if self.tracing is not None or self._is_running:
            return step()
        versions = _versions(arguments)
        self.take_snapshot()
        self._bad = None
        begun = (self.backwards, self.steps)
        try:
            with self._running():
                result = step()
                if self.backwards > begun[0] and self.steps == begun[1]:
                    # The update is made elsewhere.
                    self.check_gradients([p for module in self._modules or () for p in module.parameters()])
                self._leave_if_bad()
        except FailedStep as failed:
            result = self._replayed(step, *failed.args, written=versions != _versions(arguments))
        if self._trace_next:
            self._trace_next = False
            self.trace(Tracing(self.tell))
        return result

    def run_closure(self, optimizer: torch.optim.Optimizer, closure: Callable[[], Any]) -> Any:
        def step() -> Any:
            result = closure()
            self.before_step(optimizer)
            return result

        return self.run(step)

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        if not self._trace_next:
            super().before_step(optimizer)
        if self._is_running and self.tracing is None:
            self._leave_if_bad()
        if self._trace_next:
            # A bad update would spoil the parameters that the next steps are traced with.
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        super().after_step(optimizer)
        if self._trace_next and not self._is_running:
            self._trace_next = False
            self.restore()
            self.trace(Tracing(self.tell))

    @contextmanager
    def _running(self) -> Iterator[None]:
        self._is_running = True
        try:
            yield
        finally:
            self._is_running = False

    def _failed_here(self, bad: Bad) -> None:
        if self._is_running:
            self._bad = self._bad or bad
            if not is_distributed():
                self._leave_if_bad()
        elif not self._trace_next:
            self._say(f"{_sentence(bad)}; this step is no function that could be run again: tracing from the next one")
            self._trace_next = self.could_not_replay = True

    def _leave_if_bad(self) -> None:
        """Raise FailedStep, in all processes that train together or in none: one alone would wait in vain."""
        own = 0 if self._bad is None else LOSS if self._bad.what == "loss" else GRADIENT
        worst = own
        if is_distributed():
            flag = torch.tensor([own], device="cuda" if dist.get_backend() == "nccl" else "cpu")
            dist.all_reduce(flag, dist.ReduceOp.MAX)
            worst = int(flag.item())
        if worst:
            raise FailedStep(self._bad, own < worst)

    def _replayed(self, step: Callable[[], Any], bad: Bad | None, elsewhere: bool, *, written: bool) -> Any:
        self.restore()
        for parameter in (p for module in self._modules or () for p in module.parameters()):
            parameter.grad = None
        with self._running():
            # Looking at each result as it comes keeps the operands, on any device. A process that left the step at
            # once would let the others wait for its gradients.
            self.trace(Tracing((lambda _: None) if is_distributed() else self.tell, deferred=False))
            try:
                result = step()
            except BaseException:
                self.drop_trace()
                raise
            found = self.leave_trace().found
        if elsewhere:
            raise NonFiniteError("the loss was bad in another process, whose report says why")
        if found is not None:
            self.tell(found)
        reasons = ["Python variables, data iterators and operations that are not deterministic are not restored"]
        if written:
            reasons.insert(0, "the step writes to its arguments")
        if "torch._dynamo" in sys.modules and torch._dynamo.utils.counters:  # noqa: SLF001
            reasons.insert(0, "compiled code ran uncompiled")
        assert bad is not None
        self._say(f"{_sentence(bad)}, but not when run again ({'; '.join(reasons)}): tracing from the next step")
        self._trace_next = self.could_not_replay = True
        return result

    def tell(self, bad: Bad) -> None:
        """Raise NonFiniteError with the report."""
        self.found = bad
        rank = f"  = process: rank {dist.get_rank()}\n" if is_distributed() else ""
        found = diagnosed(bad)
        self.diagnosis = replace(found, text=found.text + rank)
        raise NonFiniteError(self.diagnosis.text)


def is_distributed() -> bool:
    """Whether processes train together."""
    return bool(dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1)


def _sentence(bad: Bad) -> str:
    subject = "the loss" if bad.what == "loss" else "a gradient"
    return f"{subject} was {bad.contents.words} in step {bad.step}"


def _versions(value: Any) -> list[int]:
    return [t._version for t in leaves(value) if isinstance(t, Tensor) and not t.is_inference()]  # noqa: SLF001
