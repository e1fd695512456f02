"""Verdicts from a Ray cluster: a task for each file, so that its module is imported once, on whatever node is free.

Every node needs nanlint, torch and the code itself under the same paths. No task asks for a GPU: the verifier hides
them from the code that it runs.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from nanlint.finding import Finding, Verdict
from nanlint.verify.verdicts import Verifier

Batch = TypeVar("Batch")
Result = TypeVar("Result")


class RayMissing(Exception):
    """There is no Ray here, or no cluster answers."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A task gave no result; `reason` says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class FileTask:
    """Findings of one file; their paths are relative to `folder`."""

    folder: str
    findings: tuple[Finding, ...]


def verdicts(findings: Sequence[Finding], progress: Callable[[int, int], None]) -> list[Verdict]:
    """In the order of the findings, which are sorted by file. Raises RayMissing.

    What happens to one task happens to it alone: its findings become `not-runnable`.
    """
    tasks = [FileTask(os.getcwd(), tuple(of)) for _, of in groupby(findings, lambda finding: finding.path)]
    found: dict[int, list[Verdict]] = {}
    done = 0
    for number, result in spread(judged, tasks):
        count = len(tasks[number].findings)
        found[number] = [Verdict("not-runnable", result.reason)] * count if isinstance(result, Broken) else result
        done += count
        progress(done, len(findings))
    return [verdict for number in range(len(tasks)) for verdict in found[number]]


def judged(task: FileTask) -> list[Verdict]:
    """A verdict for each finding, where this runs. Raises TorchMissing, and OSError without the folder."""
    os.chdir(task.folder)
    with Verifier() as verifier:
        return [verifier.verdict(finding) for finding in task.findings]


def spread(function: Callable[[Batch], Result], batches: Sequence[Batch]) -> Iterator[tuple[int, Result | Broken]]:
    """What a function makes of each batch in a task of its own, with the batch's number, as the tasks end.

    The cluster is the one that is connected, or that RAY_ADDRESS names; without either one is started on this machine.
    A task that fails is not tried again. Raises RayMissing.
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
    remote = ray.remote(num_cpus=1, max_retries=0)(function)
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
        if started:
            ray.shutdown()
