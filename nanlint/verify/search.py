"""From a flagged line to arguments that make it fail, in a child process."""

from __future__ import annotations

import ast
import tokenize
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from nanlint.verify import tree
from nanlint.verify.arguments.reach import Reached, reach
from nanlint.verify.arguments.specs import Written
from nanlint.verify.attempt import Attempt
from nanlint.verify.calling import limited
from nanlint.verify.place import Flagged, Place, place_of
from nanlint.verify.program.block import Block
from nanlint.verify.program.slicing import Unreached, anchor_of
from nanlint.verify.proof.prove import prove
from nanlint.verify.proof.rounding import Unproved
from nanlint.verify.script import Scene, Unwritable, defining, importing, leading, literal, script, wide_source
from nanlint.verify.target import NotRunnable, Target, defined, imported, reason, target
from nanlint.verify.values.catalogue import is_extreme
from nanlint.verify.values.comparison import Comparison
from nanlint.verify.values.contracts import Contract, contract, holds
from nanlint.verify.values.natural import keeps, kind_of
from nanlint.verify.values.trial import Failure, Trials

# For what a program does before the statements that depend on its data.
START_S = 10.0

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
) -> Answer:
    """What is known of a finding from `start` to `end`, row and column: `reason` where its line was not reached, else
    the number of `trials` by family, `proved` where none can fail or `unproved` where that is not known, and `script`,
    `witness`, `what` and `extreme` where one failed. `alone`: the module is known not to import as a whole. `foreign`
    are the operations of other rules; `precise`: what fails is not what is not finite, but what float64 gives
    otherwise. `title` and `name` are for the script.
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
            case = _of_call(target(loaded, loaded.__file__ or path, program, place), text, loading, precise)
        elif precise:
            return {"reason": "result: lost digits are judged in functions alone"}
        else:
            case = _of_program(path, root, module, program, place)
        failure = case.attempt.run()
    except (NotRunnable, ValueError, SyntaxError) as error:
        return {"reason": str(error)}
    answer: Answer = {"trials": dict(case.attempt.families), "calls": case.found.tries, "precise": precise}
    if failure is None:
        return answer if precise else answer | case.proof()
    try:
        answer |= case.written(failure, title, name)
    except Unwritable as error:
        answer["unwritable"] = str(error)
    return answer


@dataclass(slots=True)
class _Case:
    """`aim` is None for a statement of a program, of which nothing is proved."""

    attempt: Attempt
    found: Reached
    loading: str
    call: str
    aim: Target | None = None
    known: Contract | None = None

    def proof(self) -> Answer:
        if self.aim is None or self.known is None:
            return {"unproved": "the line stands at module level"}
        if self.found.wants_gradient:
            return {"unproved": "the code differentiates by itself"}
        try:
            return {"proved": prove(self.aim, self.found.instance, self.found.arguments, self.known)}
        except Unproved as error:
            return {"unproved": str(error)}

    def written(self, failure: Failure, title: str, name: str) -> Answer:
        """The script and the witness; raises Unwritable."""
        instance = self.found.instance
        arguments = self._sources(self.attempt.arguments, self.found.specs)
        construction = self._sources(instance.arguments, instance.specs) if instance else {}
        is_gradient, is_wide = failure.phase == "gradient", failure.phase == "precision"
        scene = Scene(
            loading=self.loading,
            call=self.call,
            owner=instance.expression if instance else "",
            construction=construction,
            arguments=arguments,
            bad=failure.expression,
            outputs=failure.outputs if is_gradient else (),
            wanting=self._wanting(failure) if is_gradient or self.found.wants_gradient else [],
            is_property=self.aim is not None and self.aim.is_property,
            widened={key: wide_source(value, key) for key, value in self.attempt.arguments.items()} if is_wide else {},
        )
        made = [f"{instance.expression.removeprefix('module.')}({_given(construction)})"] if instance else []
        what = f"the gradient of {failure.expression}" if is_gradient else failure.expression
        return {
            "script": script(scene, title, name),
            "witness": [*made, *(f"{key} = {value}" for key, value in arguments.items())],
            "what": f"{what} is {failure.contents}",
            "extreme": is_extreme(self.attempt.arguments),
        }

    def _wanting(self, failure: Failure) -> list[str]:
        """The arguments that have to want a gradient for the failure to show."""
        if self.found.wants_gradient:
            leaves = (leaf for name, value in self.attempt.arguments.items() for leaf in tree.leaves(value, name))
            return [name for name, leaf in leaves if tree.is_float(leaf)]
        return [] if failure.expression.startswith("instance.") else [failure.expression]

    def _sources(self, arguments: dict[str, Any], specs: dict[str, Any]) -> dict[str, str]:
        texts = {name: spec.text if isinstance(spec, Written) else None for name, spec in specs.items()}
        return {name: literal(value, texts.get(name)) for name, value in arguments.items()}


def _of_call(aim: Target, text: str, loading: str, precise: bool) -> _Case:
    """Raises NotRunnable."""
    found = reach(aim)
    names = [parameter.name for parameter in aim.parameters]
    known = contract(text.splitlines(), aim.place.span, aim.doc, names)
    trials = Comparison(aim, found.instance) if precise else Trials(aim, found.instance)
    attempt = Attempt(trials, found, lambda arguments: holds(known, arguments))
    method = aim.place.qualname.rsplit(".", 1)[-1]
    call = f"instance.{method}" if found.instance else aim.expression
    return _Case(attempt, found, loading, call, aim, known)


@dataclass(frozen=True, slots=True)
class _Program:
    path: str
    place: Place
    block: Block

    def call(self, instance: Any, arguments: dict[str, Any]) -> Any:
        return self.block(**arguments)


def _of_program(path: str, root: str, module: str, program: ast.Module, place: Place) -> _Case:
    """Raises NotRunnable."""
    anchor = anchor_of(program, place.flagged)
    try:
        with limited(START_S):
            block = Block(path, root, module, anchor)
            result = block()
    except Unreached as error:
        raise NotRunnable(f"line not reached: {error}") from None
    except BaseException as error:
        raise NotRunnable(reason("arguments", error)) from None
    if not any(True for _ in tree.leaves(result, "result")):
        raise NotRunnable("result: the statement gives no tensor or number to judge")
    kinds = {
        expression: kind_of(leaf, learned=name in block.learned)
        for name, value in block.inputs.items() for expression, leaf in tree.leaves(value, name)
        if isinstance(leaf, Tensor)
    }  # fmt: skip
    fixed = {expression for expression, kind in kinds.items() if kind.is_fixed}
    found = Reached(None, block.inputs, {}, 1, False, iter(()))
    trials = Trials(_Program(path, place, block), None)
    attempt = Attempt(trials, found, lambda arguments: keeps(kinds, arguments), fixed, block.changed)
    return _Case(attempt, found, leading(path, root, module, anchor), "program")


def _flagged(text: str, start: tuple[int, int], end: tuple[int, int]) -> Flagged:
    """A finding counts characters, Python's code objects count bytes."""
    lines = text.split("\n")

    def in_bytes(row: int, column: int) -> int:
        return len(lines[row - 1][: column - 1].encode("utf-8", "surrogatepass")) + 1 if row <= len(lines) else column

    return Flagged(start[0], in_bytes(*start), end[0], in_bytes(*end))


def _given(sources: dict[str, str]) -> str:
    return ", ".join(f"{name}={text}" for name, text in sources.items())
