"""From a flagged line to arguments that make it fail, in a child process."""

from __future__ import annotations

import ast
import time
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from nanlint.verify import tree
from nanlint.verify.arguments.reach import Reached, reach
from nanlint.verify.arguments.specs import Written
from nanlint.verify.place import Flagged, place_of
from nanlint.verify.proof.prove import prove
from nanlint.verify.proof.rounding import Unproved
from nanlint.verify.script import Scene, Unwritable, literal, script, wide_source
from nanlint.verify.target import NotRunnable, Target, imported, target
from nanlint.verify.values.catalogue import Catalogue, Values, is_extreme, is_finite
from nanlint.verify.values.comparison import Comparison
from nanlint.verify.values.contracts import Contract, contract, holds
from nanlint.verify.values.shrink import shrink
from nanlint.verify.values.trial import Failure, Trials

# Of processor time, as everywhere in a search: what is found does not depend on what else the machine does.
SECONDS = 5.0
# How long to look for arguments that make the finding itself fail, once some make its statement fail.
FOR_EXACT_S = 1.5
OTHER_SHAPES = 2

Answer = dict[str, Any]


def load(*, path: str, root: str, module: str) -> Answer:
    """Import a module, which may take long. The answer has a `reason` where that fails."""
    try:
        imported(root, module, path)
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
) -> Answer:
    """What is known of a finding from `start` to `end`, row and column: `reason` where its line was not reached, else
    the number of `trials` by family, `proved` where none can fail, and `script`, `witness`, `what` and `extreme` where
    one failed. `foreign` are the operations of other rules; `precise`: what fails is not what is not finite, but what
    float64 gives otherwise. `title` and `name` are for the script.
    """
    try:
        loaded = imported(root, module, path)
        with tokenize.open(path) as stream:
            text = stream.read()
        tree = ast.parse(text)
        place = replace(place_of(tree, _flagged(text, start, end)), foreign=frozenset(foreign))
        aim = target(loaded, loaded.__file__ or path, tree, place)
        found = reach(aim)
    except (NotRunnable, ValueError, SyntaxError) as error:
        return {"reason": str(error)}
    names = [parameter.name for parameter in aim.parameters]
    known = contract(text.splitlines(), aim.place.span, aim.doc, names)
    attempt = _Attempt(aim, found, known, precise)
    try:
        failure = attempt.run()
    except NotRunnable as error:
        return {"reason": str(error)}
    answer: Answer = {"trials": dict(attempt.families), "calls": found.tries, "precise": precise}
    if failure is None:
        return answer if precise else answer | _proof(aim, found, known)
    try:
        answer |= attempt.written(failure, title, name, root, module)
    except Unwritable as error:
        answer["unwritable"] = str(error)
    return answer


def _proof(aim: Target, found: Reached, known: Contract) -> Answer:
    if found.wants_gradient:
        return {"unproved": "the code differentiates by itself"}
    try:
        return {"proved": prove(aim, found.instance, found.arguments, known)}
    except Unproved as error:
        return {"unproved": str(error)}


def _flagged(text: str, start: tuple[int, int], end: tuple[int, int]) -> Flagged:
    """A finding counts characters, Python's code objects count bytes."""
    lines = text.split("\n")

    def in_bytes(row: int, column: int) -> int:
        return len(lines[row - 1][: column - 1].encode("utf-8", "surrogatepass")) + 1 if row <= len(lines) else column

    return Flagged(start[0], in_bytes(*start), end[0], in_bytes(*end))


class _Attempt:
    def __init__(self, aim: Target, found: Reached, known: Contract, precise: bool) -> None:
        self.families: Counter[str] = Counter()
        self._aim, self._found, self._known = aim, found, known
        self._trials = Comparison(aim, found.instance) if precise else Trials(aim, found.instance)
        self._arguments = found.arguments

    def run(self) -> Failure | None:
        """The failure of the first values that make the flagged expression fail; the arguments are as small as can be
        then. None too where only another part of its statement failed.
        """
        until = time.process_time() + SECONDS
        self._trials.prepare(self._found.arguments)
        for values in self._all_values():
            if time.process_time() > until:
                break
            if not self._is_fair(values.arguments):
                continue
            self.families[values.family] += 1
            if self._trials.run(values.arguments) and (failure := self._trials.blamed(values.arguments)):
                if failure.exact:
                    self._arguments = self._smallest(values.arguments, failure)
                    return self._trials.blamed(self._arguments) or failure
                # what another part of the statement makes is no sign of this finding
                until = min(until, time.process_time() + FOR_EXACT_S)
        return None

    def _all_values(self) -> Iterator[Values]:
        catalogue = Catalogue(self._found.arguments)
        yield from catalogue.ordinary()
        for arguments in islice(self._found.others, OTHER_SHAPES):
            yield from Catalogue(arguments).edges()
        yield from catalogue.extreme()

    def _is_fair(self, arguments: dict[str, Any]) -> bool:
        return is_finite(arguments) and holds(self._known, arguments)

    def _smallest(self, arguments: dict[str, Any], failure: Failure) -> dict[str, Any]:
        may_be_extreme = is_extreme(arguments)

        def keeps(smaller: dict[str, Any]) -> bool:
            if not self._is_fair(smaller) or (is_extreme(smaller) and not may_be_extreme):
                return False
            again = self._trials.blamed(smaller)
            return again is not None and again.signature == failure.signature

        return shrink(arguments, keeps)

    def written(self, failure: Failure, title: str, name: str, root: str, module: str) -> Answer:
        """The script and the witness; raises Unwritable."""
        instance = self._found.instance
        arguments = self._sources(self._arguments, self._found.specs)
        construction = self._sources(instance.arguments, instance.specs) if instance else {}
        method = self._aim.place.qualname.rsplit(".", 1)[-1]
        is_gradient, is_wide = failure.phase == "gradient", failure.phase == "precision"
        scene = Scene(
            root=root,
            module=module,
            call=f"instance.{method}" if instance else self._aim.expression,
            owner=instance.expression if instance else "",
            construction=construction,
            arguments=arguments,
            bad=failure.expression,
            outputs=failure.outputs if is_gradient else (),
            wanting=self._wanting(failure) if is_gradient or self._found.wants_gradient else [],
            is_property=self._aim.is_property,
            widened={key: wide_source(value, key) for key, value in self._arguments.items()} if is_wide else {},
        )
        made = [f"{instance.expression.removeprefix('module.')}({_given(construction)})"] if instance else []
        what = f"the gradient of {failure.expression}" if is_gradient else failure.expression
        return {
            "script": script(scene, title, name),
            "witness": [*made, *(f"{key} = {value}" for key, value in arguments.items())],
            "what": f"{what} is {failure.contents}",
            "extreme": is_extreme(self._arguments),
        }

    def _wanting(self, failure: Failure) -> list[str]:
        """The arguments that have to want a gradient for the failure to show."""
        if self._found.wants_gradient:
            leaves = (leaf for name, value in self._arguments.items() for leaf in tree.leaves(value, name))
            return [name for name, leaf in leaves if tree.is_float(leaf)]
        return [] if failure.expression.startswith("instance.") else [failure.expression]

    def _sources(self, arguments: dict[str, Any], specs: dict[str, Any]) -> dict[str, str]:
        texts = {name: spec.text if isinstance(spec, Written) else None for name, spec in specs.items()}
        return {name: literal(value, texts.get(name)) for name, value in arguments.items()}


def _given(sources: dict[str, str]) -> str:
    return ", ".join(f"{name}={text}" for name, text in sources.items())
