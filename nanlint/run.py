"""Check many files: read each, take what the cache knows, and share the rest out between processes."""

from __future__ import annotations

import functools
import gc
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from nanlint.config import Config
from nanlint.files import Target
from nanlint.finding import Confidence, Failure, Finding, Position, Result, Rewritten
from nanlint.project import LookedAt, Project, forget_trees
from nanlint.selection import INVALID, UNUSED, Code, Named, selected, unknown
from nanlint.slotted import Data
from nanlint.source import mentions_torch

if TYPE_CHECKING:
    from nanlint.cache import Cache
    from nanlint.rule import Rule

# Starting a process and importing engine and rules in it takes about as long as checking this much torch code.
BYTES_WORTH_A_PROCESS = 400_000
# All that a check makes is freed when it is over but for a few dozen objects, which the collector need not look for
# after each file: a syntax tree that is kept for the next check is this many.
OBJECTS_BEFORE_COLLECTION = 50_000

Fixing = Literal["no", "offer", "safe", "unsafe"]
"""What is done about findings: nothing, their fixes are looked for, or made, the unsafe ones too."""


# Called with the number of files done and of all files.
Progress = Callable[[int, int], None]


class Report(Data):
    """What a run gave. The order is by path and place, whatever the number of processes.

    `errors` are sentences about what could not be checked at all: a missing path, a broken configuration. `rewritten`
    are the files, by path, that fixes have changed; nothing has been written.
    """

    files: int = 0
    findings: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()
    held_back: int = 0
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    rewritten: Mapping[str, Rewritten] = MappingProxyType({})

    @property
    def status(self) -> int:
        """The exit status: 0 clean, 1 findings, 2 for what is no verdict on the code."""
        if self.errors or self.failures:
            return 2
        return 1 if self.findings else 0


def run(
    targets: Sequence[Target],
    *,
    jobs: int | None = None,
    cache: Cache | None = None,
    progress: Progress | None = None,
    fixing: Fixing = "no",
) -> Report:
    """Check the targets with at most `jobs` processes, None for one per CPU."""
    targets, errors = _usable(targets, cache)
    results: dict[int, Result] = {}
    cold: dict[int, int] = {}
    unread = jobs == 1 and cache is None
    loaded: set[tuple[Path, ...]] = set()
    for index, target in enumerate(targets):
        if unread and target.config.rules in loaded:
            # nobody asks for sizes, and its check reads it anyway
            cold[index] = 0
            continue
        known = _quickly(target, cache, fixing)
        if isinstance(known, Result):
            results[index] = known
        else:
            cold[index] = known
            loaded.add(target.config.rules)
    cold, more = _loadable(targets, cold, cache)
    errors += more
    workers = min(jobs or os.cpu_count() or 1, len(cold), 1 + sum(cold.values()) // BYTES_WORTH_A_PROCESS)
    indices = list(cold)
    with _seldom_collected():
        for position, result in _shared_out([targets[index] for index in indices], workers, cache, fixing):
            results[indices[position]] = result
            if progress:
                progress(len(results), len(targets))
    ordered = [results[index] for index in sorted(results)]
    return Report(
        len(ordered),
        tuple(sorted((f for result in ordered for f in result.findings), key=lambda finding: finding.sort_key)),
        tuple(failure for result in ordered for failure in result.failures),
        sum(result.held_back for result in ordered),
        tuple(note for result in ordered for note in result.notes),
        tuple(errors),
        {targets[index].path: r.rewritten for index, r in sorted(results.items()) if r.rewritten is not None},
    )


@functools.cache
def rules_of(packs: tuple[Path, ...]) -> tuple[Rule, ...]:
    """The built-in and installed rules and those of the folders `packs`; raises RuleError."""
    from nanlint.packs import load

    return load(packs)


def check(target: Target, cache: Cache | None = None, fixing: Fixing = "no", *, alone: bool = False) -> Result:
    """Check one file in this process, `alone` or with others. Never raises: what goes wrong is in the result."""
    try:
        data = _read(target)
    except OSError as error:
        return _unreadable(target.path, error)
    if not mentions_torch(data):
        return Result()
    try:
        with _collected_at_the_end():
            result, looked_at = _judged(target, data, cache, fixing, alone)
    except Exception:
        return Result(failures=(Failure(target.path, "nanlint", traceback.format_exc()),))
    if cache and target.data is None and result.rewritten is None:
        cache.put(target.path, data, target.config, result, looked_at, fixing)
    return result


def _judged(target: Target, data: bytes, cache: Cache | None, fixing: Fixing, alone: bool) -> tuple[Result, LookedAt]:
    from nanlint.engine import check as check_bytes

    config = target.config
    rules = _rules(config, config.ignored(target.path))
    looked_at: list[LookedAt] = []

    def judge(data: bytes) -> Result:
        with closing(Project(target.path, watched=cache is not None, alone=alone)) as project:
            looked_at.append(project.looked_at)
            return check_bytes(
                data, target.path, rules, config.confidence, noqa=target.noqa, modules=project, parsed=target.parsed,
                fixes=fixing != "no", unused=_unused(target),
            )  # fmt: skip

    result = judge(data)
    if fixing != "no" and any(finding.fixes for finding in result.findings):
        result = _settled(data, result, judge, fixing)
    return result, looked_at[0]


def _settled(data: bytes, result: Result, judge: Callable[[bytes], Result], fixing: Fixing) -> Result:
    from nanlint.fixes.settling import fixed, with_fixes_that_hold

    if fixing == "offer":
        return with_fixes_that_hold(data, result, judge)
    return fixed(data, result, judge, unsafe=fixing == "unsafe")


@contextmanager
def _collected_at_the_end() -> Iterator[None]:
    """Put garbage collection off until a file is done.

    A syntax tree is very many objects that all live on, and so is what is imported with the first file: looking them
    through again and again took a quarter of the time for a megabyte of literals, a tenth for ordinary files.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def collect_seldom() -> None:
    """Let the collector of this process wait for OBJECTS_BEFORE_COLLECTION."""
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION, *gc.get_threshold()[1:])


@contextmanager
def _seldom_collected() -> Iterator[None]:
    before = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        _keep_for_good()
        gc.set_threshold(*before)


@functools.cache
def _keep_for_good() -> None:
    """What the first file has imported lives to the end: the collector shall not look it through, nor at the exit.

    That took a tenth of what the plugin costs beside flake8, which goes on with its own work afterwards.
    """
    gc.freeze()


def _unused(target: Target) -> Literal["no", "listed", "all"]:
    """Comments that silence nothing are findings, unless the configuration says otherwise.

    Where it leaves rules out, a comment that names none may silence one of these.
    """
    layers, ignored = target.config.layers, target.config.ignored(target.path)
    if not target.noqa or not selected((UNUSED,), layers, ignored):
        return "no"
    partial = any(layer.select is not None or layer.ignore for layer in layers) or ignored
    return "listed" if partial else "all"


@functools.lru_cache(maxsize=256)
def _rules(config: Config, ignored: tuple[str, ...]) -> tuple[Rule, ...]:
    return selected(rules_of(config.rules), config.layers, ignored)


def _codes(folders: tuple[Path, ...], cache: Cache | None) -> Sequence[Named]:
    """Code and name of each rule, without a look at the rules where the cache has them; raises RuleError."""

    def load() -> list[tuple[str, str]]:
        return [(rule.code, rule.name) for rule in rules_of(folders)]

    return [UNUSED, *(Code(*pair) for pair in (cache.codes(folders, load) if cache else load()))]


def _usable(targets: Sequence[Target], cache: Cache | None) -> tuple[list[Target], list[str]]:
    """The targets whose configuration names no unknown rule, and a sentence for each configuration that does."""
    errors: dict[str, None] = {}
    good: dict[Config, bool] = {}
    for config in dict.fromkeys(target.config for target in targets):
        wrong = _wrong_selectors(config, cache)
        errors.update(dict.fromkeys(wrong))
        good[config] = not wrong
    return [target for target in targets if good[target.config]], list(errors)


def _wrong_selectors(config: Config, cache: Cache | None) -> list[str]:
    options = [(layer.origin, f"`{option}`", word) for layer in config.layers for option, word in layer.options()]
    options += [
        (str(config.file), "`per-file-ignores`", word) for _, words in config.per_file_ignores for word in words
    ]
    if not options:
        return []
    from nanlint.rule import RuleError

    try:
        rules = _codes(config.rules, cache)
    except RuleError as error:
        return [str(error)]
    return [f"{origin}: {option}: {wrong}" for origin, option, word in options if (wrong := unknown(word, rules))]


def _loadable(targets: Sequence[Target], cold: dict[int, int], cache: Cache | None) -> tuple[dict[int, int], list[str]]:
    """What is left to check once each rule pack is known to load, and a sentence for each that does not."""
    if not cold:
        return cold, []
    from nanlint.rule import RuleError

    broken: dict[tuple[Path, ...], str] = {}
    for folders in dict.fromkeys(targets[index].config.rules for index in cold):
        try:
            _codes(folders, cache)
        except RuleError as error:
            broken[folders] = str(error)
    return {i: size for i, size in cold.items() if targets[i].config.rules not in broken}, list(broken.values())


def _quickly(target: Target, cache: Cache | None, fixing: Fixing) -> Result | int:
    """The result where it takes no analysis, else the size of the file in bytes."""
    try:
        data = _read(target)
    except OSError as error:
        return _unreadable(target.path, error)
    if not mentions_torch(data):
        return Result()
    known = cache.get(target.path, data, target.config, fixing) if cache and target.data is None else None
    return known if known is not None else len(data)


def _read(target: Target) -> bytes:
    if target.data is not None:
        return target.data
    with open(target.path, "rb") as stream:
        return stream.read()


def _unreadable(path: str, error: OSError) -> Result:
    message = f"cannot read the file: {error.strerror or error}"
    start = Position(1, 1)
    return Result((Finding(INVALID.code, INVALID.name, message, path, start, start, Confidence.CERTAIN),))


def _shared_out(
    targets: Sequence[Target], workers: int, cache: Cache | None, fixing: Fixing
) -> Iterator[tuple[int, Result]]:
    if workers <= 1:
        alone = len(targets) == 1
        yield from ((index, check(target, cache, fixing, alone=alone)) for index, target in enumerate(targets))
        forget_trees()
        return
    from nanlint.processes import shared_out

    checked = functools.partial(check, cache=cache, fixing=fixing)
    for index, result in shared_out(checked, targets, workers, start=collect_seldom):
        died = Failure(targets[index].path, "nanlint", "the process that checked this file died")
        yield index, result or Result(failures=(died,))
