"""Work shared out between processes, one of which may die without taking the others' results with it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

ITEMS_PER_TASK = 8

Item = TypeVar("Item")
Out = TypeVar("Out")


def shared_out(
    function: Callable[[Item], Out], items: Sequence[Item], workers: int, start: Callable[[], None]
) -> Iterator[tuple[int, Out | None]]:
    """The index of each item with what `function`, which must not raise, makes of it, in the order of completion.

    None stands for an item that the process working at it died of. Each process calls `start` first.
    """
    tasks = [range(at, min(at + ITEMS_PER_TASK, len(items))) for at in range(0, len(items), ITEMS_PER_TASK)]
    lost: list[int] = []
    pool = _pool(workers, start)
    try:
        futures = {pool.submit(_each, function, [items[index] for index in task]): task for task in tasks}
        for future in as_completed(futures):
            try:
                yield from zip(futures[future], future.result(), strict=True)
            except BrokenProcessPool:
                lost += futures[future]
    finally:
        pool.shutdown(cancel_futures=True)
    yield from _one_by_one(function, items, lost, start)


def _one_by_one(
    function: Callable[[Item], Out], items: Sequence[Item], indices: list[int], start: Callable[[], None]
) -> Iterator[tuple[int, Out | None]]:
    """As `shared_out`, with one item at a time: a process that died took the work of all others with it."""
    while indices:
        pool = _pool(1, start)
        try:
            while indices:
                index = indices.pop(0)
                try:
                    yield index, pool.submit(function, items[index]).result()
                except BrokenProcessPool:
                    yield index, None
                    break
        finally:
            pool.shutdown(cancel_futures=True)


def _pool(workers: int, start: Callable[[], None]) -> ProcessPoolExecutor:
    # `spawn` is the same on every system, and safe beside the thread of a progress bar.
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(start,))


def _start_worker(start: Callable[[], None]) -> None:
    # An interrupt at the keyboard reaches the workers too: they end silently, and the parent reports it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    start()


def _each(function: Callable[[Item], Out], items: list[Item]) -> list[Out]:
    return [function(item) for item in items]
