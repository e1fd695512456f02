"""One call with given values: is what comes out finite, are the gradients, and did the flagged statement spoil them?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from nanlint.verify import tree
from nanlint.verify.arguments.instances import Instance
from nanlint.verify.arguments.names import is_label
from nanlint.verify.calling import copied, limited, reset
from nanlint.verify.place import Place
from nanlint.verify.trace.blame import blame
from nanlint.verify.trace.record import Record
from nanlint.verify.trace.recorder import Recorder

SECONDS = 3.0

Phase = Literal["value", "gradient", "precision"]


@dataclass(frozen=True, slots=True)
class Failure:
    """What is not finite, as a Python expression, and in a gradient of what (`phase`); `outputs` are the float
    results that a gradient flows back from. In the phase `precision` it is finite and far from what float64 gives.
    `op` is the blamed operation of ATen; `exact` says that it stands where the finding does, and not elsewhere in its
    statement.
    """

    phase: Phase
    expression: str
    contents: str
    outputs: tuple[str, ...] = ()
    op: str = ""
    exact: bool = False

    @property
    def signature(self) -> tuple[str, str, bool]:
        return self.phase, self.op, self.exact


class Callee(Protocol):
    """What is called: `path` is the file of its flagged statement, which stands at `place`."""

    @property
    def path(self) -> str: ...
    @property
    def place(self) -> Place: ...
    def call(self, instance: Any, arguments: dict[str, Any]) -> Any: ...


class Trials:
    """Calls of one target; `with_gradient` is False where its code does not take tensors that want one. Of `labels`,
    which are parameters, no gradient is wanted. `learned` are other values of the module's parameters than its own.
    """

    def __init__(self, target: Callee, instance: Instance | None, labels: Collection[str] = ()) -> None:
        self.with_gradient = True
        self.count = 0
        self.error: BaseException | None = None
        self.learned: dict[str, Tensor] = {}
        self._target, self._instance, self._labels = target, instance, labels

    @property
    def own(self) -> dict[str, Tensor]:
        """The parameters of the module that is called, which training can change."""
        module = self._instance.value if self._instance else None
        held = module.named_parameters() if isinstance(module, nn.Module) else ()
        return {
            name: each.detach() for name, each in held
            if each.requires_grad and not isinstance(each, nn.UninitializedParameter)
        }  # fmt: skip

    def prepare(self, arguments: dict[str, Any]) -> None:
        """Find out whether the code takes tensors that want a gradient."""
        self.run(arguments)
        if self.error is not None:
            self.with_gradient = False

    def run(self, arguments: dict[str, Any]) -> Failure | None:
        """What is not finite after a call; None where all is, or where the call raised (see `error`)."""
        self.count += 1
        self.error = None
        try:
            with limited(SECONDS):
                return self._run(arguments, None)
        except BaseException as error:
            self.error = error
            return None

    def blamed(self, arguments: dict[str, Any]) -> Failure | None:
        """The failure of these arguments, where the flagged statement made it out of what was finite."""
        recorder = _Watching()
        try:
            # Tracing takes a few times as long.
            with limited(4 * SECONDS), recorder:
                return self._run(arguments, recorder)
        except BaseException as error:
            self.error = error
            return None

    def _run(self, arguments: dict[str, Any], recorder: _Watching | None) -> Failure | None:
        wanting: dict[str, Tensor] = {}
        given = {name: self._given(value, name, wanting) for name, value in arguments.items()}
        instance = copied(self._instance.value) if self._instance else None
        if isinstance(instance, nn.Module):
            with torch.no_grad():
                for name, tensor in self.learned.items():
                    instance.get_parameter(name).copy_(tensor)
        before = {name for name, leaf in _state(instance) if tree.is_bad(leaf)}
        reset()
        result = self._target.call(instance, given)
        outputs = list(tree.leaves(result, "result"))
        changed = [*_state(instance), *(leaf for name in given for leaf in tree.leaves(given[name], name))]
        for name, leaf in [*outputs, *changed]:
            if name not in before and tree.is_bad(leaf):
                return self._judged("value", name, leaf, (), recorder)
        if not self.with_gradient:
            return None
        return self._gradient(outputs, wanting, instance, recorder)

    def _given(self, value: Any, name: str, wanting: dict[str, Tensor]) -> Any:
        """A copy of an argument; its float tensors come from leaves that want a gradient, entered in `wanting`."""
        if not self.with_gradient or is_label(name) or name in self._labels:
            return copied(value)
        names = iter(tree.leaves(value, name))

        def fresh(leaf: Any) -> Any:
            expression, _ = next(names)
            if not isinstance(leaf, Tensor):
                return leaf
            if not tree.is_float(leaf):
                return leaf.clone()
            wanting[expression] = leaf.detach().clone().requires_grad_()
            # What the call gets is no leaf, so that it may write to it.
            return wanting[expression].clone()

        return tree.mapped(value, fresh) if _is_plain(value) else copied(value)

    def _gradient(
        self, outputs: list[tuple[str, Any]], wanting: dict[str, Tensor], instance: Any, recorder: _Watching | None
    ) -> Failure | None:
        flowing = [
            (name, leaf) for name, leaf in outputs
            if isinstance(leaf, Tensor) and leaf.requires_grad and leaf.numel() and leaf.is_floating_point()
        ]  # fmt: skip
        if isinstance(instance, nn.Module):
            wanting.update({f"instance.{n}": p for n, p in instance.named_parameters() if p.requires_grad})
        if not flowing or not wanting:
            return None
        sums = [leaf.sum().double() for _, leaf in flowing]
        total = torch.stack([each.to(sums[0].device) for each in sums]).sum()
        gradients = torch.autograd.grad(total, list(wanting.values()), allow_unused=True)
        for name, gradient in zip(wanting, gradients, strict=True):
            if gradient is not None and tree.is_bad(gradient):
                return self._judged("gradient", name, gradient, tuple(n for n, _ in flowing), recorder)
        return None

    def _judged(
        self, phase: Phase, name: str, leaf: Any, outputs: tuple[str, ...], recorder: _Watching | None
    ) -> Failure | None:
        contents = _contents(leaf)
        if recorder is None:
            return Failure(phase, name, contents, outputs)
        record = recorder.record_of(leaf) if isinstance(leaf, Tensor) else recorder.of_number
        cause = blame(record).cause if record else None
        if cause is None or cause.location is None or not cause.op or cause.is_deliberate:
            return None
        first, last = self._target.place.rows
        if cause.location.path != self._target.path or not first <= cause.location.row <= last:
            return None
        place = self._target.place
        # in a backward pass the operations are those of derivatives
        is_foreign = phase == "value" and cause.op.strip("_") in place.foreign
        exact = place.covers(cause.location) and not is_foreign
        return Failure(phase, name, contents, outputs, cause.op, exact)


class _Watching(Recorder):
    """A recorder that also knows the record of the last bad number that was taken out of a tensor."""

    def __init__(self) -> None:
        super().__init__(deferred=False)
        self.of_number: Record | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = super().__torch_dispatch__(func, types, args, kwargs)
        if isinstance(out, float) and tree.is_bad(out):
            self.of_number = self.record_of(args[0])
        return out


def _state(instance: Any) -> list[tuple[str, Any]]:
    """The tensors that an object holds."""
    if isinstance(instance, nn.Module):
        found = [(f"instance.{name}", buffer) for name, buffer in instance.named_buffers()]
        return found + [(f"instance.{name}", parameter) for name, parameter in instance.named_parameters()]
    held = getattr(instance, "__dict__", {})
    return [leaf for name, value in held.items() for leaf in tree.leaves(value, f"instance.{name}")]


def _is_plain(value: Any) -> bool:
    return isinstance(value, (Tensor, list, tuple, dict, int, float))


def _contents(leaf: Any) -> str:
    tensor = leaf.detach() if isinstance(leaf, Tensor) else torch.tensor(leaf)
    if bool(torch.isnan(tensor).any()):
        return "nan"
    return "inf" if tensor.is_complex() or bool(torch.isposinf(tensor).any()) else "-inf"
