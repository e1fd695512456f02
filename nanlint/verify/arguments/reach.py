"""Search for arguments with which a function returns and its flagged statement runs, led by the lines that run."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nanlint.verify import tree
from nanlint.verify.arguments import messages
from nanlint.verify.arguments.guards import guards
from nanlint.verify.arguments.instances import Instance, Instances, allowed, flipped, prepared
from nanlint.verify.arguments.specs import LADDER, LONGEST_AXIS, SIZES, Dims, Keyed, Spec, TensorSpec, floats, plain
from nanlint.verify.calling import copied, limited, reset
from nanlint.verify.coverage import lines_run
from nanlint.verify.isolate.confine import Refused
from nanlint.verify.target import NotRunnable, Target, reason

SECONDS = 5.0
_CALL_S = 2.0
_TRIES = 250
_TRIES_PER_INSTANCE = 80
_PAIRED = 9

Choice = dict[str, int]


@dataclass(slots=True)
class Reached:
    """Arguments that reach the line. `specs` are those of the arguments given, `instance` of a method's class.

    `wants_gradient`: the code differentiates by itself, so that its float arguments have to want a gradient. `others`
    are arguments of other shapes with which the line runs too: a softmax of one class, say, never fails.
    """

    instance: Instance | None
    arguments: dict[str, Any]
    specs: dict[str, Spec]
    tries: int
    wants_gradient: bool
    others: Iterator[dict[str, Any]]


@dataclass(slots=True)
class _Try:
    choice: Choice
    hit: bool
    error: BaseException | None
    rows: int
    arguments: dict[str, Any]

    @property
    def score(self) -> tuple[bool, bool, bool, int]:
        returned = self.error is None
        return (returned and self.hit, returned, self.hit, self.rows)


def reach(target: Target) -> Reached:
    """The first arguments found; raises NotRunnable, with the best try's reason."""
    until = time.process_time() + SECONDS
    best: _Try | None = None
    tries = 0
    for made, dims, budget in _settings(target, until):
        instance = made
        search = _Search(target, instance, dims, until, budget)
        found = search.run()
        tries += search.tries
        while instance and found and time.process_time() < until and (better := prepared(instance, found.error)):
            instance = better
            search = _Search(target, instance, dims, until, budget)
            found = search.run()
            tries += search.tries
        if found and (best is None or found.score > best.score):
            best = found
        if found and found.score[0]:
            specs = {name: s for name, i in found.choice.items() if (s := search.allowed[name][i]) is not None}
            return Reached(instance, found.arguments, specs, tries, search.wants_gradient, search.others())
    if best is None:
        raise NotRunnable("timeout: no call within the time for arguments")
    if best.error is None:
        raise NotRunnable(f"line not reached: {tries} calls, of which the best returned without it")
    raise NotRunnable(reason("arguments", best.error) + ("; the line had run" if best.hit else ""))


def _settings(target: Target, until: float) -> Iterator[tuple[Instance | None, Dims, int]]:
    """Instances and sizes to search with: all sizes for the plainest instance, two for the others."""
    if target.owner is None:
        for dims in SIZES:
            yield None, dims, _TRIES
        return
    made = Instances(target)
    others = made(until)
    first = next(others, None)
    if first is None:
        raise NotRunnable(made.error or "construction: the class is abstract")
    for dims in SIZES[:3]:
        yield first, dims, _TRIES
    for instance in flipped(first, guards(target.node, target.place.rows)):
        yield instance, SIZES[0], _TRIES
    for instance in others:
        for dims in SIZES[:2]:
            yield instance, dims, _TRIES_PER_INSTANCE


class _Search:
    """One instance, one choice of sizes."""

    def __init__(self, target: Target, instance: Instance | None, dims: Dims, until: float, budget: int) -> None:
        self.allowed = allowed(target)
        self.tries = 0
        self.wants_gradient = False
        self._asked = guards(target.node, target.place.rows)
        self._target, self._instance, self._dims = target, instance, dims
        self._until, self._budget = until, budget
        self._seen: set[tuple[int, ...]] = set()
        self._best: _Try | None = None
        self._last: _Try | None = None
        self._told: set[str] = set()

    def run(self) -> _Try | None:
        self._attempt(dict.fromkeys(self.allowed, 0))
        improved = True
        while improved and not self._done():
            improved = False
            assert self._best is not None
            for choice in self._moves(self._best):
                if self._attempt(choice) or self._follow():
                    improved = True
                    break
                if self._done():
                    break
        return self._best

    def _follow(self) -> bool:
        """Whether a shape that the last call asked for, and none before it, is better than all before."""
        message = str(self._last.error or "") if self._last else ""
        if self._last is None or message in self._told:
            return False
        self._told.add(message)
        return any(self._attempt(choice) for choice in self._asked_shapes(self._last, list(self.allowed)))

    def others(self) -> Iterator[dict[str, Any]]:
        """Arguments of other shapes with which the line runs too; all tensors have the same one."""
        assert self._best is not None
        for choice in self._shared_shapes(self._best):
            key = tuple(choice.values())
            if key not in self._seen:
                self._seen.add(key)
                this = self._called(choice)
                if this.score[0]:
                    yield this.arguments

    def _done(self) -> bool:
        if self._best is None or self._best.score[0]:
            return True
        return self.tries >= self._budget or time.process_time() > self._until

    def _attempt(self, choice: Choice) -> bool:
        """Whether this choice is better than all before."""
        key = tuple(choice.values())
        if key in self._seen or time.process_time() > self._until:
            return False
        self._seen.add(key)
        this = self._called(choice)
        if not self.wants_gradient and messages.asks_for_gradient(str(this.error or "")):
            self.wants_gradient = True
            this = self._called(choice)
        self._last = this
        if self._best is None or this.score > self._best.score:
            self._best = this
            return True
        return False

    def _called(self, choice: Choice) -> _Try:
        self.tries += 1
        target, error = self._target, None
        arguments: dict[str, Any] = {}
        with lines_run(target.path, target.place.span) as rows:
            try:
                with limited(_CALL_S):
                    reset()
                    for name, index in choice.items():
                        spec = self.allowed[name][index]
                        if spec is not None:
                            arguments[name] = spec.make(self._dims)
                    instance = copied(self._instance.value) if self._instance else None
                    given = {name: self._wanting(value) for name, value in copied(arguments).items()}
                    reset()
                    target.call(instance, given)
            except Refused as refused:
                # What other arguments would lead to is not worth hundreds of attempts to write or to fork.
                raise NotRunnable(str(refused)) from None
            except BaseException as raised:
                error = raised
        first, last = target.place.rows
        return _Try(choice, any(first <= row <= last for row in rows), error, len(rows), arguments)

    def _wanting(self, value: Any) -> Any:
        return tree.mapped(value, tree.wanting) if self.wants_gradient else value

    def _moves(self, best: _Try) -> Iterator[Choice]:
        message = str(best.error or "")
        order = messages.named(message, sorted(self.allowed, key=lambda name: name not in self._asked))
        yield from self._keys(best, order)
        yield from self._without(best, messages.unwanted(message, order))
        yield from self._asked_shapes(best, order)
        yield from self._asked_for(best, message, order)
        yield from self._shared_shapes(best)
        for name in order:
            for index in range(len(self.allowed[name])):
                yield {**best.choice, name: index}
        for one, other in itertools.combinations(order, 2):
            for i, j in itertools.product(
                range(min(_PAIRED, len(self.allowed[one]))), range(min(_PAIRED, len(self.allowed[other])))
            ):
                yield {**best.choice, one: i, other: j}

    def _without(self, best: _Try, names: list[str]) -> Iterator[Choice]:
        for name in names:
            if plain(None) not in self.allowed[name]:
                self.allowed[name].append(plain(None))
        none = {name: self.allowed[name].index(plain(None)) for name in names}
        if none:
            yield {**best.choice, **none}

    def _keys(self, best: _Try, order: list[str]) -> Iterator[Choice]:
        """A dict with the key that was missing."""
        key = messages.missing_key(best.error)
        if key is None:
            return
        for name in order:
            current = self.allowed[name][best.choice[name]]
            items = current.items if isinstance(current, Keyed) else ()
            for value in (floats("N", "C"), plain(3), plain(16), plain(0.5)):
                self.allowed[name].append(Keyed((*items, (key, value))))
                yield {**best.choice, name: len(self.allowed[name]) - 1}

    def _asked_shapes(self, best: _Try, order: list[str]) -> Iterator[Choice]:
        message = str(best.error or "")
        size, channels = messages.last_size(message), messages.channels(message)
        yield from self._of_shapes(best, [(size,), ("N", size), ("N", "C", size)] if size else [], order)
        yield from self._of_shapes(best, [("N", channels, "H", "W"), ("N", channels, "T")] if channels else [], order)

    def _of_shapes(self, best: _Try, shapes: list[tuple[str | int, ...]], order: list[str]) -> Iterator[Choice]:
        """Tensors of shapes that the message asks for."""
        if any(isinstance(size, int) and size > LONGEST_AXIS for shape in shapes for size in shape):
            return
        for name in order:
            specs = self.allowed[name]
            if any(isinstance(spec, TensorSpec) for spec in specs):
                for shape in shapes:
                    if (spec := floats(*shape)) not in specs:
                        specs.append(spec)
                    yield {**best.choice, name: specs.index(spec)}

    def _asked_for(self, best: _Try, message: str, order: list[str]) -> Iterator[Choice]:
        """The element types and ranks that the message asks for."""
        wanted, rank = messages.dtypes(message), messages.rank(message)
        for name in order:
            for index, spec in enumerate(self.allowed[name]):
                if isinstance(spec, TensorSpec) and (
                    spec.dtype in wanted or (rank is not None and len(spec.shape) in (rank, rank + 1))
                ):
                    yield {**best.choice, name: index}

    def _shared_shapes(self, best: _Try) -> Iterator[Choice]:
        """One shape for all tensors: floats, or class numbers from the second on."""
        tensors = [name for name, specs in self.allowed.items() if any(isinstance(s, TensorSpec) for s in specs)]
        for shape in LADDER:
            for later in ("float", "long", "binary"):
                choice = dict(best.choice)
                for number, name in enumerate(tensors):
                    dtype = "float" if number == 0 else later
                    for index, spec in enumerate(self.allowed[name]):
                        if isinstance(spec, TensorSpec) and spec.shape == shape and spec.dtype == dtype:
                            choice[name] = index
                            break
                yield choice
