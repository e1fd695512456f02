"""The state of an interpretation: one `Session` for a file, one `Frame` for a running definition."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from nanlint.facts.guarded import narrowed, tested
from nanlint.facts.value import Application, Operand, Value
from nanlint.finding import Position
from nanlint.interval import Interval

if TYPE_CHECKING:
    from nanlint.facts.autocast import Region
    from nanlint.facts.training import Event
    from nanlint.site import Site
    from nanlint.source import ClassEntry, Definition, Modules, Source
    from nanlint.source import nodes as cst

HANDLED = ("handled", 0)
"""The mark of what runs within a `try` whose exceptions are handled."""
MAX_STEPS = 40_000


class GiveUp(Exception):
    """A definition costs more than its budget; what was found until then is kept."""


class Place(NamedTuple):
    """A node of the syntax tree and the definition that holds it; rows are worked out only when asked for."""

    unit: Definition | ClassEntry
    node: cst.Node

    def __repr__(self) -> str:
        return f"Place({type(self.node).__name__} in {self.unit.qualname})"


class Applied(NamedTuple):
    """An application with the expressions of its operands, as a fix needs them."""

    op: str
    operands: Mapping[str, Operand]
    result: Value
    place: Place


class Env:
    """The variables at one point, and what guards have taught of expressions by their value number.

    Sites keep the marks of theirs, which are few; relations are as many as the branches of a long chain.
    """

    __slots__ = ("facts", "marks", "relations", "vars")

    def __init__(
        self,
        vars: dict[str, Value] | None = None,
        facts: dict[int, Interval] | None = None,
        marks: frozenset[tuple[str, int]] = frozenset(),
        relations: frozenset[tuple[str, int, float]] = frozenset(),
    ) -> None:
        self.vars = vars if vars is not None else {}
        self.facts = facts if facts is not None else {}
        self.marks = marks
        self.relations = relations

    def copy(self) -> Env:
        return Env(dict(self.vars), dict(self.facts), self.marks, self.relations)

    def around(self, vars: dict[str, Value]) -> Env:
        """Other variables, of which the same is known."""
        return Env(vars, dict(self.facts), self.marks, self.relations)

    def learn(self, ident: int, range: Interval) -> None:
        """The value with that number lies in `range` from here on."""
        known = self.facts.get(ident)
        self.facts[ident] = range if known is None else known.meet(range)

    def mark(self, word: str, ident: int) -> None:
        """A fact that is no interval: `("nonempty", x)`, `("some", mask)`."""
        self.marks |= {(word, ident)}

    def relate(self, word: str, ident: int, other: float) -> None:
        """About two: `("gt", x, y)`, `("ge", x, y)`, `("or", x, y)` not both 0, `("is not", x, 2.0)` of a number."""
        self.relations |= {(word, ident, other)}


class Session:
    """One file under interpretation."""

    def __init__(
        self,
        source: Source,
        listened: frozenset[str],
        evaluators: dict[type, Callable[..., Value]],
        executors: dict[type, Callable[..., bool]],
        modules: Modules | None,
    ) -> None:
        self.source = source
        self.listened = listened
        self.evaluators = evaluators
        self.executors = executors
        self.modules = modules
        self.files = [source]
        self.sites: list[Site] = []
        self.notes: list[str] = []
        self.tensors: set[int] = set()
        self.models: set[int] = set()
        self.arguments: dict[int, str] = {}
        self.fields: set[int] = set()
        self.settings: set[int] = set()
        self.read: set[int] = set()
        self.spread: set[int] = set()
        self.origins: dict[int, tuple[Value, ...]] = {}
        self.interned: dict[Hashable, int] = {}
        self.calls: dict[Hashable, tuple[Value, dict[str, int]]] = {}
        self.instances: dict[Hashable, dict[str, Value]] = {}
        self.attributes: dict[int, tuple[Any, str]] = {}
        self.given: dict[int, tuple[Value, ...]] = {}
        self.setters: dict[Hashable, list[tuple[str, Value]]] = {}
        self.cyclic: list[Any] = []
        self.classes: dict[ClassEntry, Any] = {}
        self.imports: dict[Hashable, Value | None] = {}
        self.find_import: Callable[[Source, str], Value | None] | None = None
        self.root: Definition | None = None
        self.called: dict[Definition, set[tuple[int, Definition | None]]] = {}
        self.module: Frame | None = None
        self.running: set[int] = set()
        self.start_module: Callable[[], None] | None = None
        self.run_class: Callable[[Any, ClassEntry], dict[str, Value]] | None = None
        self.find_given: Callable[[int], tuple[Value, ...]] | None = None
        self.find_record: Callable[[Source, str], Value | None] | None = None
        self.muted = 0
        self.wordless = False
        self.trains = True
        self.stepping: dict[Definition | ClassEntry, bool] = {}
        self.default_dtype: str | None = "float32"
        self.nested: list[tuple[Any, Frame]] = []
        self.fixed: dict[Hashable, Value] = {}
        self.applied: dict[Application, Applied] | None = None
        self.steps = 0
        self.inlined = 0
        self.followed = 0
        self.counter = 0

    def fresh(self) -> int:
        """A value number that no other value has."""
        self.counter += 1
        return self.counter

    def intern(self, key: Hashable) -> int:
        """The value number of an expression known by its key."""
        found = self.interned.get(key)
        if found is None:
            self.counter += 1
            found = self.interned[key] = self.counter
        return found

    def code(self, node: cst.Node) -> str:
        """The source text of a node of one of the files."""
        return next(text for file in self.files if (text := file.code(node)) is not None)

    def find_module(self, name: str, asker: Source, binding: str = "") -> Source | None:
        """The file of the module that `asker` imports by that dotted name, where that is in the project.

        Where only what has the name `binding` is asked for, None for a file that has surely nothing of that name, too.
        """
        found = self.modules.find(name, asker, binding) if self.modules is not None else None
        if found is not None and found not in self.files:
            self.files.append(found)
        return found

    def once(self, key: Hashable, make: Callable[[int], Value]) -> Value:
        """A value that is the same wherever it is asked for, made with its value number when first it is."""
        found = self.fixed.get(key)
        if found is None:
            found = self.fixed[key] = make(self.intern(key))
        return found

    def given_to(self, value: Value) -> tuple[Value, ...]:
        """What the methods of its class assign to an attribute; empty for anything else."""
        asked = self.find_given is not None and value.ident in self.attributes
        return self.find_given(value.ident) if asked and self.find_given is not None else ()

    def item(self, element: Value, ident: int) -> Value:
        """One of several of which only what each is is known, by a number of its own; an argument holds arguments."""
        if (origin := self.arguments.get(element.ident)) is not None:
            self.arguments[ident] = origin
        return element.but(ident=ident)

    def close(self) -> None:
        """Let go of everything, so that it is freed now; looking for cycles took about as long as the whole check."""
        for made in self.cyclic:
            for name in made.refers_back:
                setattr(made, name, None)
        self.__dict__.clear()

    @property
    def sharing(self) -> Hashable:
        """Runs that share what calls gave: sites are recorded once, and those of some runs are dropped in the end."""
        root = self.root
        return (self.muted > 0, root if root is not None and root.is_private else None)

    def note_call(self, definition: Definition | None, node: cst.Node) -> None:
        """A call of a private definition was followed to its end, and its sites were recorded."""
        if definition is not None and definition.is_private and not self.muted:
            self.called.setdefault(definition, set()).add((id(node), self.root))

    def is_here(self, place: Place) -> bool:
        """The place is in the file that is checked, not in one that it imports."""
        return place.unit.source is self.source

    def row(self, place: Place) -> str:
        """The row of a place, for a message: `3`, or `3 of ops.py` in another file."""
        row = self.span(place)[0].row
        return str(row) if self.is_here(place) else f"{row} of {place.unit.source.name}"

    def span(self, place: Place) -> tuple[Position, Position]:
        return place.unit.span(place.node)


class Loop:
    """A loop being run: what `break` and `continue` carry out of its body."""

    def __init__(self, node: cst.Node) -> None:
        self.node = node
        self.broken: list[Env] = []
        self.continued: list[Env] = []


class Frame:
    """One running definition.

    `unit` holds the nodes that run here; `calls` are the places of the calls that led here from the definition
    where the interpretation started (empty there: its sites are evaluated with what its own signature says).
    """

    def __init__(
        self,
        session: Session,
        unit: Definition | ClassEntry,
        env: Env,
        outer: Frame | None = None,
        calls: tuple[Place, ...] = (),
        owner: Any = None,
        no_grad: bool = False,
        autocast: Region | None = None,
        *,
        qualname: str = "",
    ) -> None:
        self.session = session
        self.unit = unit
        self.env = env
        self.outer = outer
        self.calls = calls
        self.owner = owner
        self.no_grad = no_grad
        self.autocast = autocast
        self.qualname = qualname
        self.returns: list[Value] = []
        self.loops: list[Loop] = []
        self.events: list[Event] = []
        self.arms: list[tuple[cst.Node, bool]] = []
        self.globals: set[str] = set()

    def place(self, node: cst.Node) -> Place:
        return Place(self.unit, node)

    @property
    def is_here(self) -> bool:
        """What runs is in the file that is checked, not in one that it imports."""
        return self.unit.source is self.session.source

    def evaluate(self, node: cst.BaseExpression) -> Value:
        """The value of an expression here. Raises GiveUp when the budget of the definition is spent."""
        session = self.session
        session.steps += 1
        if session.steps > MAX_STEPS:
            raise GiveUp
        if self.calls:
            session.inlined += 1
            if self.unit.source is not session.source:
                session.followed += 1
        evaluator = session.evaluators.get(type(node))
        if evaluator is None:
            return self.unknown()
        value = evaluator(self, node)
        env = self.env
        if env.facts:
            learned = env.facts.get(value.ident)
            if learned is not None and value.kind in ("tensor", "number", "unknown"):
                value = narrowed(value, learned)
        return tested(env, value) if env.marks else value

    def execute(self, node: cst.Node) -> bool:
        """Run a statement; False when control does not go on behind it."""
        executor = self.session.executors.get(type(node))
        return True if executor is None else executor(self, node)

    def keep(self, result: Value, operands: Mapping[str, Operand]) -> Value:
        """Remember what an expression applies to what, for fixes, if they are wanted; gives the result back."""
        kept, made = self.session.applied, result.made_by
        if kept is not None and made is not None and self.is_here and not self.calls:
            kept[made] = Applied(made.op, operands, result, made.place)
        return result

    def unknown(self, **known: Any) -> Value:
        session = self.session
        session.counter += 1
        return Value(ident=session.counter, **known)

    def branch(self, env: Env) -> _Branch:
        """`with frame.branch(env):` runs in another environment."""
        return _Branch(self, env)

    @contextmanager
    def trying(self, handled: bool) -> Iterator[None]:
        """Run the body of a `try`; its sites are marked if what they raise is handled."""
        handled = handled and HANDLED not in self.env.marks
        if handled:
            self.env.mark(*HANDLED)
        yield
        if handled:
            self.env.marks -= {HANDLED}


class _Branch:
    """An environment for the time of a `with`; made by hand, as a generator takes three times as long."""

    __slots__ = ("before", "env", "frame")

    def __init__(self, frame: Frame, env: Env) -> None:
        self.frame = frame
        self.env = env
        self.before = frame.env

    def __enter__(self) -> None:
        self.frame.env = self.env

    def __exit__(self, *_: object) -> None:
        self.frame.env = self.before
