"""Verdicts from a Ray cluster: a task for each file, so that its module is imported once, on whatever node is free.

Every node needs nanlint, torch and the code itself under the same paths. A GPU is asked for by the tasks that try half
precision there and by no others: the verifier hides GPUs from the code that it runs on a CPU.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from nanlint.cache import Cache
from nanlint.finding import Finding, Verdict
from nanlint.verify.verdicts import Limits, Searched, Verifier, cache_of

Batch = TypeVar("Batch")
Result = TypeVar("Result")


class RayMissing(Exception):
    """There is no Ray here, no cluster answers, or it has no GPU where one is needed."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A task gave no result; `reason` says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class FileTask:
    """Findings of one file; their paths are relative to `folder`. `half_is_left`: to a `DeviceTask`."""

    folder: str
    findings: tuple[Finding, ...]
    half_is_left: bool = False


@dataclass(frozen=True, slots=True)
class DeviceTask:
    """Findings with what the CPU says of them."""

    folder: str
    findings: tuple[tuple[Finding, Searched], ...]
    device: str


def verdicts(
    findings: Sequence[Finding],
    progress: Callable[[int, int], None],
    cache: Cache | None = None,
    device: str = "",
) -> list[Verdict]:
    """In the order of the findings, which are sorted by file. Raises RayMissing.

    What the cache here knows is not asked for. What happens to one task happens to it alone: its findings become
    `not-runnable`, or are not tried on the device.
    """
    kind = device.partition(":")[0]
    with connected() as resources:
        # one task for each, so that its worker stays
        devices = int(resources.get("GPU" if kind == "cuda" else "CPU", 0))
        if kind and not devices:
            raise RayMissing(f"the Ray cluster has nothing to run --device {device} on")
        models = sorted(name for name in resources if name.startswith("accelerator_type:"))
        known = cache_of(cache, Limits(), " ".join([kind, *models]) if kind else "")
        told: dict[int, Verdict] = {}
        left: dict[int, Searched] = {}

        def take(results: Mapping[int, Searched]) -> None:
            for number, found in results.items():
                if found.half_is_left:
                    left[number] = found
                    continue
                told[number] = found.verdict
                left.pop(number, None)
                if known:
                    known.put(findings[number], found.verdict, found.files)
            progress(len(told), len(findings))

        for number, finding in enumerate(findings):
            if known and (verdict := known.get(finding)):
                told[number] = verdict
        asked = [number for number in range(len(findings)) if number not in told]
        for results in _on_cpus(findings, asked, half_is_left=bool(kind)):
            take(results)
        for results in _on_devices(findings, dict(left), kind, devices):
            take(results)
    return [told[number] for number in range(len(findings))]


def _on_cpus(findings: Sequence[Finding], asked: list[int], *, half_is_left: bool) -> Iterator[dict[int, Searched]]:
    """By number, those of one file after the other."""
    files = [list(numbers) for _, numbers in groupby(asked, lambda number: findings[number].path)]
    tasks = [FileTask(os.getcwd(), tuple(findings[number] for number in file), half_is_left) for file in files]
    for task, result in spread(searched, tasks):
        if isinstance(result, Broken):
            lost = Searched(Verdict("not-runnable", result.reason))
            yield dict.fromkeys(files[task], lost)
        else:
            yield dict(zip(files[task], result, strict=True))


def _on_devices(
    findings: Sequence[Finding], left: Mapping[int, Searched], kind: str, count: int
) -> Iterator[dict[int, Searched]]:
    """By number, in as many parts as there are devices."""
    numbers = sorted(left)
    size = math.ceil(len(numbers) / count) if numbers else 1
    parts = [numbers[start : start + size] for start in range(0, len(numbers), size)]
    tasks = [DeviceTask(os.getcwd(), tuple((findings[n], left[n]) for n in part), kind) for part in parts]
    for task, result in spread(on_device, tasks, gpus=int(kind == "cuda")):
        if isinstance(result, Broken):
            yield {number: left[number].not_tried(kind, result.reason) for number in parts[task]}
        else:
            yield dict(zip(parts[task], result, strict=True))


def searched(task: FileTask) -> list[Searched]:
    """What the CPU says of each finding, where this runs. Raises TorchMissing, and OSError without the folder."""
    os.chdir(task.folder)
    with Verifier(half_is_left=task.half_is_left) as verifier:
        return [verifier.searched(finding) for finding in task.findings]


def on_device(task: DeviceTask) -> list[Searched]:
    """What the device says besides. Raises TorchMissing, DeviceMissing, and OSError without the folder."""
    os.chdir(task.folder)
    with Verifier(device=task.device) as verifier:
        return [verifier.on_device(finding, found) for finding, found in task.findings]


@contextmanager
def connected() -> Iterator[Mapping[str, float]]:
    """What the cluster has, by its names for it. Raises RayMissing.

    The cluster is the one that is connected, or that RAY_ADDRESS names; without either one is started on this machine.
    """
    if importlib.util.find_spec("ray") is None:
        raise RayMissing("ray is not installed here: pip install 'nanlint[verify,ray]'")
    import ray

    started = not ray.is_initialized()
    if started:
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise RayMissing(f"no Ray cluster answers: {error}") from None
    try:
        yield ray.cluster_resources()
    finally:
        if started:
            ray.shutdown()


def spread(
    function: Callable[[Batch], Result], batches: Sequence[Batch], gpus: int = 0
) -> Iterator[tuple[int, Result | Broken]]:
    """What a function makes of each batch in a task of its own, with the batch's number, as the tasks end.

    A task has a processor and so many GPUs for itself. One that fails is not tried again. Needs `connected`.
    """
    import ray

    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(function)
    waiting = {remote.remote(batch): number for number, batch in enumerate(batches)}
    try:
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            try:
                result = ray.get(done)
            except ray.exceptions.WorkerCrashedError:
                result = Broken("crash: the worker of Ray died")
            except ray.exceptions.RayTaskError as error:
                result = Broken(f"ray: {type(error.cause).__name__}: {error.cause}")
            except ray.exceptions.RayError as error:
                result = Broken(f"ray: {type(error).__name__}")
            yield waiting.pop(done), result
    finally:
        for task in waiting:
            ray.cancel(task, force=True)
