"""Trace what runs inside, and name the cause of the first bad loss or gradient."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from nanlint.verify.trace import finite
from nanlint.verify.trace.blame import Blame, blame
from nanlint.verify.trace.events import listening
from nanlint.verify.trace.finite import is_checkable
from nanlint.verify.trace.record import Record
from nanlint.verify.trace.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Bad:
    """The first bad loss or gradient.

    `what` is "loss" or "gradient", `tensor` that of which it is the gradient, or the loss itself; `step` counts the
    optimizer's steps, from 1. `blame` is None where nobody saw the value being made.
    """

    what: str
    tensor: Tensor
    contents: finite.Contents
    step: int
    blame: Blame | None


class Tracing:
    """A listener that asks its recorder. `found` is the first bad loss or gradient; `report` is called with it.

    What `report` raises stops the training; it has to be a FloatingPointError.

    A gradient counts once it is used: by an optimizer's step, or by one that the training makes by hand. Where there
    are no optimizers, one that is left at the end counts too. One that the training loop throws away, repairs or clips
    to a finite one does not, nor does one that a GradScaler skips, unless it is bad at any scale.
    """

    def __init__(self, report: Callable[[Bad], None] = lambda bad: None, *, deferred: bool | None = None) -> None:
        self.found: Bad | None = None
        self.recorder = Recorder(deferred=deferred)
        self.steps = 0
        self._report = report
        self._pending: dict[int, tuple[weakref.ref[Tensor], Bad]] = {}
        self._scaled = WeakIdKeyDictionary()
        self._has_optimizer = False

    @contextmanager
    def __call__(self) -> Iterator[Tracing]:
        """Trace what runs inside."""
        with listening(self):
            try:
                with self.recorder:
                    yield self
            except BaseException:
                # It is the training's exception that counts.
                with suppress(FloatingPointError):
                    self.finish()
                raise
            self.finish()

    def before_backward(self, roots: Sequence[Tensor]) -> None:
        with self.recorder.suspended():
            self._used_by_hand()
            for root in roots:
                loss, _ = self._scaled.get(root, (root, None))
                if not self.recorder.defers(loss) and not _is_finite(loss):
                    self._tell(self._bad("loss", loss, loss))

    def after_backward(self, roots: Sequence[Tensor]) -> None:
        with self.recorder.suspended():
            self.recorder.settle()
            if self.recorder.is_clean:
                return
            losses = [self._scaled.get(root, (root, None))[0] for root in roots]
            bad = _with_bad(
                [(loss, loss) for loss in losses if self.recorder.defers(loss)] + _with_gradients(_leaves(roots))
            )
            for tensor, value in bad:
                if tensor is value:
                    self._tell(self._bad("loss", value, value))
                else:
                    self._suspect(tensor, value)
            scalers = [self._scaled[root][1] for root in roots if root in self._scaled]
            if scalers and bad:
                self._check_scaled(scalers[0])

    def after_grad(self, inputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        with self.recorder.suspended():
            self.recorder.settle()
            if self.recorder.is_clean:
                return
            pairs = [
                (tensor, gradient) for tensor, gradient in zip(inputs, gradients, strict=True)
                if isinstance(tensor, torch.nn.Parameter)
            ]  # fmt: skip
            for tensor, gradient in _with_bad(pairs):
                self._suspect(tensor, gradient)

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        with self.recorder.suspended():
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            self._has_optimizer = True
            self.recorder.settle()
            found_inf = getattr(optimizer, "found_inf", None)
            if self.recorder.is_clean or (found_inf is not None and bool(found_inf)):
                self._pending.clear()
                return
            for parameter, gradient in _with_bad(_with_gradients(parameters)):
                known = self._pending.get(id(parameter))
                if known is None:
                    self._suspect(parameter, gradient)
                    known = self._pending[id(parameter)]
                self._tell(known[1])
            self._pending.clear()

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.steps += 1
        self.recorder.end_step()

    def run_closure(self, optimizer: torch.optim.Optimizer, closure: Callable[[], Any]) -> Any:
        return closure()

    def updating(self) -> Any:
        return self.recorder.removed()

    def scaled(self, loss: Tensor, result: Tensor, scaler: torch.amp.GradScaler) -> None:
        self._scaled[result] = (loss, scaler)

    def _suspect(self, leaf: Tensor, gradient: Tensor) -> None:
        # Asked now, since an optimizer that never steps may be gone at the end.
        self._has_optimizer = self._has_optimizer or _holds(leaf)
        if id(leaf) not in self._pending:
            self._pending[id(leaf)] = (weakref.ref(leaf), self._bad("gradient", leaf, gradient))

    def _bad(self, what: str, tensor: Tensor, value: Tensor) -> Bad:
        part = finite.local(value.detach())
        record = self.recorder.record_of(part)
        contents = finite.contents(part)
        return Bad(what, tensor, contents, self.steps + 1, blame(record) if record else None)

    def _check_scaled(self, scaler: torch.amp.GradScaler) -> None:
        """An Inf that the scale makes is normal: the scaler skips that step and takes a smaller scale.

        It is not where double precision gives it too, nor where the scale is no larger than 1.
        """
        is_scaled_up = scaler.get_scale() > 1
        for _, bad in self._pending.values():
            if not is_scaled_up or (bad.blame and _persists(bad.blame.cause)):
                self._tell(bad)
                return
        self._pending.clear()

    def _used_by_hand(self) -> None:
        """Gradients of an earlier backward pass that an update without an optimizer has used."""
        for key, (reference, bad) in list(self._pending.items()):
            leaf = reference()
            if leaf is not None and not _is_finite(leaf.detach()):
                self._tell(bad)
            elif leaf is None or leaf.grad is None or _is_finite(leaf.grad):
                del self._pending[key]

    def finish(self) -> None:
        """Nothing more comes: gradients that are left count."""
        self.recorder.off = True
        self.recorder.settle()
        self._used_by_hand()
        for _, bad in self._pending.values():
            if not self._has_optimizer:
                self._tell(bad)

    def _tell(self, bad: Bad) -> None:
        if self.found is None:
            self.found = bad
            self.recorder.off = True
            self._report(bad)


def _is_finite(tensor: Tensor) -> bool:
    with torch.no_grad():
        part = finite.local(tensor.detach())
        return not is_checkable(part) or finite.is_finite(part)


def _with_gradients(leaves: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    return [(leaf, leaf.grad) for leaf in leaves if leaf.grad is not None]


def _with_bad(pairs: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """The pairs of which the second is not finite. Waits for the device once."""
    with torch.no_grad():
        parts = [finite.local(value.detach()) for _, value in pairs]
    checked = [index for index, part in enumerate(parts) if is_checkable(part)]
    return [pairs[checked[index]] for index in finite.not_finite([parts[each] for each in checked])]


def _holds(leaf: Tensor) -> bool:
    """Whether there is an optimizer for this tensor. Looks through all objects of the process."""
    optimizers = [each for each in gc.get_objects() if issubclass(type(each), torch.optim.Optimizer)]
    return any(p is leaf for each in optimizers for group in each.param_groups for p in group["params"])


def _leaves(roots: Sequence[Tensor]) -> list[Tensor]:
    """The leaves of the graphs of a backward pass."""
    found: list[Tensor] = []
    waiting = [root.grad_fn for root in roots if root.grad_fn is not None]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor):
            found.append(variable)
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return found


def _persists(record: Record) -> bool:
    """Whether the operation gives a bad value in double precision too, that is, at any scale of the loss."""
    call = record.call
    if call is None or not call.is_intact:
        return False
    with torch.no_grad():
        try:
            out = call.func(*_doubled(call.args), **_doubled(call.kwargs))
        except (RuntimeError, TypeError):
            return False
    return any(is_checkable(leaf) and not finite.is_finite(leaf) for leaf in finite.leaves(out))


def _doubled(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_doubled(item) for item in value)
    if isinstance(value, dict):
        return {key: _doubled(item) for key, item in value.items()}
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.detach().double()
    if isinstance(value, torch.dtype) and value.is_floating_point:
        return torch.float64
    return value
