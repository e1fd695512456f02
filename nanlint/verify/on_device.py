"""The child's side: a call's arguments on a device, tried in half precision, and with TF32 where the device has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from nanlint.verify import tree
from nanlint.verify.arguments.reach import Reached, reach
from nanlint.verify.arguments.usage import targets
from nanlint.verify.attempt import Span
from nanlint.verify.calling import copied
from nanlint.verify.case import Case, case_of
from nanlint.verify.isolate.confine import MEMORY
from nanlint.verify.place import Place
from nanlint.verify.target import NotRunnable, Target, is_of_memory, reason
from nanlint.verify.values.comparison import Comparison
from nanlint.verify.values.trial import Failure, Trials

# The first GPUs that have TF32 are of this capability.
TF32_CAPABILITY = (8, 0)
# What `torch.set_float32_matmul_precision` calls float32, and TF32.
FLOAT32, TF32 = "highest", "high"


class Poisoned(NotRunnable):
    """The process can use its device no more, or has none of its memory left: another one has to go on."""


def begin(name: str) -> None:
    """Open the device, and limit how much of its memory is taken. The first use of a device opens files for writing.

    Raises RuntimeError or AssertionError where there is no such device.
    """
    device = torch.device(name)
    torch.ones(1, device=device).item()
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, MEMORY / total), device)


def described(name: str) -> dict[str, str]:
    """What results can depend on."""
    if torch.device(name).type != "cuda":
        return {"device": name}
    return {"device": f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"}


def cases(aim: Target, text: str, loading: str, name: str, *, precise: bool) -> Iterator[Case]:
    """A call in half precision, and one with TF32. Raises NotRunnable where the call in float32 fails on the device."""
    device = torch.device(name)
    found = _moved(reach(aim), device)
    probe = DeviceTrials(_Call(aim, FLOAT32), found, device)
    probe.run(found.arguments)
    if probe.error is not None:
        raise NotRunnable(reason("device", probe.error))
    of = "" if device.type == "cpu" else device.type
    if not precise:
        trials = DeviceTrials(_Call(aim, FLOAT32), found, device)
        yield case_of(aim, text, loading, found, trials, Span.HALF_PRECISION, device=of)
    if has_tf32(device):
        kind = DeviceComparison if precise else DeviceTrials
        yield case_of(
            aim, text, loading, found, kind(_Call(aim, TF32), found, device), Span.EDGES, device=of, matmul=TF32
        )


def has_tf32(device: torch.device) -> bool:
    return device.type == "cuda" and bool(torch.cuda.get_device_capability(device) >= TF32_CAPABILITY)


def check(device: torch.device, error: BaseException | None = None) -> None:
    """Raises Poisoned where the last call took all memory that there is, or where the device does nothing any more, as
    after a failed assertion in one of its kernels.
    """
    if error is not None and is_of_memory(error):
        raise Poisoned(reason("a call", error))
    try:
        torch.ones(1, device=device).add_(1).item()
    except RuntimeError as broken:
        raise Poisoned(reason("device", broken)) from None


@dataclass(frozen=True, slots=True)
class _Call:
    """A target with the precision of its products of matrices, which holds for the backward pass after it, too."""

    target: Target
    matmul: str

    @property
    def path(self) -> str:
        return self.target.path

    @property
    def place(self) -> Place:
        return self.target.place

    def call(self, instance: Any, arguments: dict[str, Any]) -> Any:
        torch.set_float32_matmul_precision(self.matmul)
        return self.target.call(instance, arguments)


class DeviceTrials(Trials):
    """Raises Poisoned from `run` and `blamed`."""

    def __init__(self, call: _Call, found: Reached, device: torch.device) -> None:
        super().__init__(call, found.instance, targets(call.target.node))
        self._device = device

    def run(self, arguments: dict[str, Any]) -> Failure | None:
        failure = super().run(arguments)
        check(self._device, self.error)
        return failure

    def blamed(self, arguments: dict[str, Any]) -> Failure | None:
        self.error = None
        failure = super().blamed(arguments)
        check(self._device, self.error)
        return failure


class DeviceComparison(Comparison):
    """Raises Poisoned from `run`."""

    def __init__(self, call: _Call, found: Reached, device: torch.device) -> None:
        super().__init__(call, found.instance)
        self._device = device

    def run(self, arguments: dict[str, Any]) -> Failure | None:
        failure = super().run(arguments)
        check(self._device)
        return failure


def _moved(found: Reached, device: torch.device) -> Reached:
    """The arguments and the module on a device."""

    def there(leaf: Any) -> Any:
        return leaf.to(device) if isinstance(leaf, Tensor) else leaf

    try:
        arguments = {name: tree.mapped(value, there) for name, value in found.arguments.items()}
        instance = found.instance
        if instance and isinstance(instance.value, nn.Module):
            instance = replace(instance, value=copied(instance.value).to(device))
    except RuntimeError as error:
        check(device)
        raise NotRunnable(reason("device", error)) from None
    return replace(found, instance=instance, arguments=arguments, others=iter(()))
