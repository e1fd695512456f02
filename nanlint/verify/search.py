"""From a flagged line to arguments that make it fail, in a child process."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nanlint.verify import on_device
from nanlint.verify.attempt import Span
from nanlint.verify.case import Case, of_call, of_example, of_program
from nanlint.verify.place import Flagged, place_of
from nanlint.verify.script import Unwritable, defining, importing
from nanlint.verify.target import NotRunnable, Target, defined, imported, target

Answer = dict[str, Any]


def load(*, path: str, root: str, module: str) -> Answer:
    """Import a module, which may take long. The answer has a `reason` where that fails."""
    try:
        imported(root, module, path)
    except NotRunnable as error:
        return {"reason": str(error)}
    return {}


def define(*, path: str, root: str, module: str, name: str) -> Answer:
    """The same for one name of a module that cannot be imported, and what that needs."""
    try:
        defined(root, module, path, name)
    except NotRunnable as error:
        return {"reason": str(error)}
    return {}


def search(
    *,
    path: str,
    root: str,
    module: str,
    start: tuple[int, int],
    end: tuple[int, int],
    foreign: list[str],
    precise: bool,
    title: str,
    name: str,
    alone: bool = False,
    plain: bool = False,
    device: str = "",
    half: bool = True,
) -> Answer:
    """What is known of a finding from `start` to `end`, row and column: `reason` where its line was not reached, else
    the number of `trials` by family, `proved` where none can fail or `unproved` where that is not known, and `script`,
    `witness`, `what` and `extreme` where one failed. `alone`: the module is known not to import as a whole. `foreign`
    are the operations of other rules; `precise`: what fails is not what is not finite, but what float64 gives
    otherwise; `plain`: examples are not tried. `title` and `name` are for the script. Without `half` a call is not
    tried in half precision; with `device` it is tried there in nothing else, and `poisoned` is in the answer where this
    process can go on no more.
    """
    try:
        with tokenize.open(path) as stream:
            text = stream.read()
        program = ast.parse(text)
        place = replace(place_of(program, _flagged(text, start, end)), foreign=frozenset(foreign))
        if place.qualname:
            word = place.qualname.split(".")[0]
            loaded = defined(root, module, path, word) if alone else imported(root, module, path)
            loading = defining(path, root, module, word) if alone else importing(root, module)
            aim = target(loaded, loaded.__file__ or path, program, place)
            if device:
                cases = on_device.cases(aim, text, loading, device, precise=precise)
            else:
                span = Span.ALL if half else Span.FULL_PRECISION
                cases = _of_function(aim, text, loading, root, program, span, precise=precise, plain=plain)
        else:
            cases = iter((of_program(path, root, module, program, place, precise=precise),))
        return _searched(cases, precise, title, name)
    except on_device.Poisoned as error:
        return {"reason": str(error), "poisoned": True}
    except (NotRunnable, ValueError, SyntaxError) as error:
        return {"reason": str(error)}


def _of_function(
    aim: Target, text: str, loading: str, root: str, program: ast.Module, span: Span, *, precise: bool, plain: bool
) -> Iterator[Case]:
    """Raises NotRunnable where there is none."""
    example = None if precise or plain else of_example(aim, text, loading, root, program)
    if example:
        yield example
    try:
        yield of_call(aim, text, loading, precise, span)
    except NotRunnable:
        if not example:
            raise


def _searched(cases: Iterator[Case], precise: bool, title: str, name: str) -> Answer:
    answer: Answer = {"precise": precise, "trials": {}, "calls": 0}
    for case in cases:
        failure = case.attempt.run()
        answer["calls"] += case.found.tries
        for family, count in case.attempt.families.items():
            named = family + case.where
            answer["trials"][named] = answer["trials"].get(named, 0) + count
        if failure is None:
            answer |= {} if precise or case.is_reduced else case.proof()
            continue
        try:
            return answer | case.written(failure, title, name) | {"plain": case.aim is not None}
        except Unwritable as error:
            answer["unwritable"] = str(error)
    return answer


def _flagged(text: str, start: tuple[int, int], end: tuple[int, int]) -> Flagged:
    """A finding counts characters, Python's code objects count bytes."""
    lines = text.split("\n")

    def in_bytes(row: int, column: int) -> int:
        return len(lines[row - 1][: column - 1].encode("utf-8", "surrogatepass")) + 1 if row <= len(lines) else column

    return Flagged(start[0], in_bytes(*start), end[0], in_bytes(*end))
