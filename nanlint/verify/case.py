"""A way to run a flagged line, with what has to be written to show its failure."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from nanlint.verify import tree
from nanlint.verify.arguments.reach import Reached, reach
from nanlint.verify.arguments.specs import Written
from nanlint.verify.arguments.usage import targets
from nanlint.verify.attempt import Attempt, Span
from nanlint.verify.calling import limited
from nanlint.verify.coverage import lines_run
from nanlint.verify.isolate.confine import Refused
from nanlint.verify.place import Place, module_of
from nanlint.verify.program.block import Block
from nanlint.verify.program.examples import Example, examples
from nanlint.verify.program.slicing import Unreached, anchor_of
from nanlint.verify.proof.prove import prove
from nanlint.verify.proof.rounding import Unproved
from nanlint.verify.script import Scene, calling, leading, literal, script, wide_source
from nanlint.verify.target import NotRunnable, Target, reason
from nanlint.verify.values.catalogue import is_extreme
from nanlint.verify.values.comparison import Comparison
from nanlint.verify.values.contracts import Contract, contract, holds, usual
from nanlint.verify.values.natural import keeps, kind_of
from nanlint.verify.values.trial import Failure, Trials

# For what a program does before the statements that depend on its data.
START_S = 10.0
# For all examples, and for one of them.
EXAMPLES_S, EXAMPLE_S = 4.0, 2.0
MOST_EXAMPLES = 24

Answer = dict[str, Any]


@dataclass(slots=True)
class Case:
    """`aim` and its contract are None for what is no plain call, of which nothing is proved. `note` says what it is.

    `device` is the kind of device where the arguments lie, "" for the CPU; `matmul` is the precision of products of
    matrices that the trials ask for, "" for torch's own. Where `is_reduced`, only a format of fewer digits can fail.
    """

    attempt: Attempt
    found: Reached
    loading: str
    call: str
    aim: Target | None = None
    known: Contract | None = None
    note: str = ""
    device: str = ""
    matmul: str = ""
    is_reduced: bool = False

    @property
    def where(self) -> str:
        """For people: on which device, and in what format."""
        return (f" on {self.device}" if self.device else "") + (" with TF32" if self.matmul else "")

    def proof(self) -> Answer:
        if self.aim is None or self.known is None:
            return {"unproved": "it was run in a program"}
        if self.found.wants_gradient:
            return {"unproved": "the code differentiates by itself"}
        if any(isinstance(value, tree.Built) for value in self.found.arguments.values()):
            return {"unproved": "an argument is an object"}
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
            prepared_by=instance.prepared_by if instance else (),
            flags=instance.flags if instance else {},
            is_property=self.aim is not None and self.aim.is_property,
            learned={key: literal(value) for key, value in self.attempt.learned.items()},
            widened={key: wide_source(each, key) for key, each in self.attempt.arguments.items()} if is_wide else None,
            device=self.device,
            matmul=self.matmul,
        )
        made = []
        if instance:
            calls = "".join(f", then {name}()" for name in instance.prepared_by)
            made = [f"{instance.expression.removeprefix('module.')}({_given(construction)}){calls}"]
            made += [f"instance.{key} = {text}" for key, text in (*scene.flags.items(), *scene.learned.items())]
        what = f"the gradient of {failure.expression}" if is_gradient else failure.expression
        return {
            "script": script(scene, title, name),
            "witness": [*made, *(f"{key} = {value}" for key, value in arguments.items())],
            "what": f"{what} is {failure.contents}{self.where}{self.note}",
            "extreme": self.is_reduced or any(map(is_extreme, (self.attempt.arguments, self.attempt.learned))),
        }

    def _wanting(self, failure: Failure) -> list[str]:
        """The arguments that have to want a gradient for the failure to show."""
        if self.found.wants_gradient:
            given = self.attempt.arguments.items()
            plain = ((name, value) for name, value in given if not isinstance(value, tree.Built))
            leaves = (leaf for name, value in plain for leaf in tree.leaves(value, name))
            return [name for name, leaf in leaves if tree.is_float(leaf)]
        return [] if failure.expression.startswith("instance.") else [failure.expression]

    def _sources(self, arguments: dict[str, Any], specs: dict[str, Any]) -> dict[str, str]:
        texts = {name: spec.text if isinstance(spec, Written) else None for name, spec in specs.items()}
        return {name: literal(value, texts.get(name)) for name, value in arguments.items()}


def of_call(aim: Target, text: str, loading: str, precise: bool, span: Span) -> Case:
    """Raises NotRunnable."""
    found = reach(aim)
    trials = Comparison(aim, found.instance) if precise else Trials(aim, found.instance, targets(aim.node))
    return case_of(aim, text, loading, found, trials, span)


def case_of(
    aim: Target, text: str, loading: str, found: Reached, trials: Trials | Comparison, span: Span, device: str = "",
    matmul: str = "",
) -> Case:  # fmt: skip
    """The case of a call with these arguments."""
    known = _contract(aim, text)
    by_name = usual([parameter.name for parameter in aim.parameters])
    fair = by_name if holds(by_name, found.arguments) else {}
    attempt = Attempt(trials, found, lambda given: holds(known, given) and holds(fair, given), span=span)
    method = aim.place.qualname.rsplit(".", 1)[-1]
    call = f"instance.{method}" if found.instance else aim.expression
    is_reduced = span is Span.HALF_PRECISION or bool(matmul)
    return Case(attempt, found, loading, call, aim, known, "", device, matmul, is_reduced)


def _contract(aim: Target, text: str) -> Contract:
    names = [parameter.name for parameter in aim.parameters]
    return contract(text.splitlines(), aim.place.span, aim.doc, names)


@dataclass(frozen=True, slots=True)
class _Program:
    path: str
    place: Place
    block: Block

    def call(self, instance: Any, arguments: dict[str, Any]) -> Any:
        return self.block(**arguments)


def of_program(path: str, root: str, module: str, program: ast.Module, place: Place, *, precise: bool) -> Case:
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
    called = _Program(path, place, block)
    trials = Comparison(called, None) if precise else Trials(called, None)
    attempt = Attempt(trials, found, lambda arguments: keeps(kinds, arguments), fixed, block.changed)
    return Case(attempt, found, leading(path, root, module, anchor), "program")


def of_example(aim: Target, text: str, loading: str, root: str, program: ast.Module) -> Case | None:
    """The first call in a docstring or a test that comes to the flagged line."""
    word = aim.place.qualname.split(".")[0]
    known = _contract(aim, text)
    until = time.process_time() + EXAMPLES_S
    for example in itertools.islice(examples(aim.path, root, program, aim.place.qualname), MOST_EXAMPLES):
        if time.process_time() > until:
            break
        folder, module = module_of(Path(example.path or aim.path))
        where = (example.path or "<example>", str(folder), module + "_example", example.anchor)
        names = vars(aim.module) if example.source else {word: getattr(aim.module, word)}
        block = _reaching(aim, where, example, names, known)
        if block is None:
            continue
        kinds = {
            expression: kind_of(leaf, learned=False)
            for name, value in block.inputs.items() for expression, leaf in tree.leaves(value, name)
            if isinstance(leaf, Tensor) and not leaf.is_floating_point()
        }  # fmt: skip
        found = Reached(None, block.inputs, {}, 1, False, iter(()))
        trials = Trials(_Program(aim.path, aim.place, block), None)
        attempt = Attempt(trials, found, functools.partial(keeps, kinds), (), block.changed, Span.ORDINARY)
        lines = calling(loading, where, example.source, word)
        line = " (in the example of a docstring)" if example.source else f" (in a test of {Path(example.path).name})"
        return Case(attempt, found, lines, "program", note=line)
    return None


def _reaching(
    aim: Target, where: tuple[str, str, str, str], example: Example, names: dict[str, Any], known: Contract
) -> Block | None:
    def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        called = function.forward if isinstance(function, nn.Module) else function
        given = inspect.signature(called).bind(*arguments, **named).arguments
        if not holds(known, given):
            raise ValueError("the arguments break what the source says of them")
        return function(*arguments, **named)

    try:
        with limited(EXAMPLE_S), lines_run(aim.path, aim.place.span) as rows:
            block = Block(*where, known=names, source=example.source, call=call)
            rows.clear()
            block()
    except Refused as refused:
        raise NotRunnable(str(refused)) from None
    except BaseException:
        return None
    first, last = aim.place.rows
    return block if any(first <= row <= last for row in rows) else None


def _given(sources: dict[str, str]) -> str:
    return ", ".join(f"{name}={text}" for name, text in sources.items())
