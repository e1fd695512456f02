"""Functions, classes and instances of the file itself, and running them with given arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from nanlint.facts import assumed, autocast
from nanlint.facts.apply import escape
from nanlint.facts.fixed import made_from
from nanlint.facts.frame import Env, Frame, Session
from nanlint.facts.gradless import runs_without_grad
from nanlint.facts.joined import join
from nanlint.facts.memo import signature, transplant
from nanlint.facts.parameters import gives_no_tensor, is_setting, is_tensor, parameter_value
from nanlint.facts.value import Operand, Value
from nanlint.facts.writes import is_buffer, written
from nanlint.finding import Confidence
from nanlint.interval import INF, Interval
from nanlint.slotted import Entity
from nanlint.source import nodes as cst

if TYPE_CHECKING:
    from nanlint.source import ClassEntry, Definition

MAX_DEPTH = 2
MAX_INLINED_ROWS, MAX_INLINED_STEPS = 60, 300
MAX_FOLLOWED_ROWS, MAX_FOLLOWED_STEPS = 12, 200


class FunctionRef(Entity):
    """A function of the file: a definition of the index, or a node inside of one with its closure."""

    definition: Definition | None
    inner: cst.FunctionDef | cst.Lambda | None
    name: str
    unit: Definition | ClassEntry | None = None
    closure: Frame | None = None
    owner: ClassRef | None = None
    bound: Value | None = None
    given: tuple[Operand, ...] = ()
    given_by_name: Mapping[str, Operand] = MappingProxyType({})
    refers_back = ("closure",)

    @property
    def node(self) -> cst.FunctionDef | cst.Lambda:
        if self.inner is not None:
            return self.inner
        assert self.definition is not None
        node = self.definition.node
        assert isinstance(node, cst.FunctionDef)
        return node

    @property
    def where(self) -> Definition | ClassEntry:
        found = self.definition or self.unit
        assert found is not None
        return found

    @property
    def rows(self) -> int:
        return self.definition.last_row - self.definition.first_row if self.definition is not None else 0

    @property
    def is_local(self) -> bool:
        """Defined inside of another function that does not return it, and so called in view alone."""
        closure = self.closure
        if closure is None or self.owner is not None:
            return False
        given = [v for value in closure.returns for v in (value, *(value.items or ()), *value.alternatives)]
        return not any(value.ref is self for value in given)

    @property
    def is_helper(self) -> bool:
        """Short, and not said to give anything but tensors: worth following into another file."""
        if self.definition is None:
            return True
        limit = MAX_FOLLOWED_ROWS * 2 if self.name == "__init__" else MAX_FOLLOWED_ROWS
        code = self.definition.code
        return code.count("\n") <= limit and (self.name == "__init__" or not gives_no_tensor(code))

    @property
    def decorators(self) -> Sequence[str]:
        """The dotted text of each decorator, without its arguments."""
        if self.inner is None:
            assert self.definition is not None
            return self.definition.decorators
        if isinstance(self.inner, cst.Lambda):
            return ()
        called = [d.decorator.func if isinstance(d.decorator, cst.Call) else d.decorator for d in self.inner.decorators]
        return [self.where.code_of(function) for function in called]

    def bind(self, receiver: Value) -> FunctionRef:
        """The method as an attribute of an instance."""
        return FunctionRef(self.definition, self.inner, self.name, self.unit, self.closure, self.owner, receiver)


class ClassRef:
    """A class of the file, or of another one of the project."""

    refers_back = ("methods", "find_bases", "run_body")

    def __init__(self, name: str, qualname: str, entry: ClassEntry | None = None) -> None:
        self.name = name
        self.qualname = qualname
        self.entry = entry
        self.find_bases: Callable[[], list[ClassRef | str]] | None = None
        self.known_bases: list[ClassRef | str] = []
        self.imported: list[str] = []
        self.methods: dict[str, FunctionRef] = {}
        self.found: dict[str, Value] = {}
        self.run_body: Callable[[], dict[str, Value]] | None = None
        self.constraints: Mapping[str, Interval] | None = None
        self.relates_parameters = False

    @property
    def bases(self) -> list[ClassRef | str]:
        """Classes in view, or the dotted names of others; found when first asked for."""
        if self.find_bases is not None:
            find, self.find_bases = self.find_bases, None
            self.known_bases = find()
        return self.known_bases

    @property
    def attributes(self) -> dict[str, Value]:
        """What the statements of the class bind; they run when first asked for."""
        if self.run_body is not None:
            run, self.run_body = self.run_body, None
            self.found = run()
        return self.found

    def method(self, name: str, after: ClassRef | None = None) -> FunctionRef | None:
        """The method by the order of the bases; with `after`, as `super()` in that class finds it."""
        if after is None and name in self.methods:
            return self.methods[name]
        for base in (after or self).bases:
            if isinstance(base, ClassRef):
                found = base.method(name)
                if found is not None:
                    return found
        return None

    def attribute(self, name: str) -> Value | None:
        is_said = self.run_body is None or self.entry is None or name in self.entry.code
        if is_said and name in self.attributes:
            return self.attributes[name]
        for base in self.bases:
            if isinstance(base, ClassRef) and (found := base.attribute(name)) is not None:
                return found
        return None

    @property
    def ancestors(self) -> set[str]:
        """The dotted names of all bases that are imported."""
        names = set(self.imported)
        for base in self.bases:
            names |= {base} if isinstance(base, str) else base.ancestors
        return names

    def is_a(self, *endings: str) -> bool:
        """Some foreign base has such a name, or a dotted name that ends so."""
        return any(a == e or a.endswith("." + e) for a in self.ancestors for e in endings)

    @property
    def is_module(self) -> bool:
        return any(a.startswith("torch.nn.") or a.endswith("Module") for a in self.ancestors)


class Instance:
    """An object of a class of the file. Its `__init__` runs when first an attribute is asked for."""

    refers_back = ("pending",)

    def __init__(self, cls: ClassRef, held: dict[str, Value] | None = None) -> None:
        self.cls = cls
        self.held = held if held is not None else {}
        self.pending: Callable[[], object] | None = None

    @property
    def attrs(self) -> dict[str, Value]:
        if self.pending is not None:
            start, self.pending = self.pending, None
            start()
        return self.held


def make_lambda(frame: Frame, node: cst.Lambda) -> Value:
    ref = FunctionRef(None, node, "<lambda>", frame.unit, frame, frame.owner)
    frame.session.cyclic.append(ref)
    return Value("function", ident=frame.session.fresh(), ref=ref)


def make_function(frame: Frame, node: cst.FunctionDef) -> Value:
    ref = FunctionRef(None, node, node.name.value, frame.unit, frame, None)
    frame.session.cyclic.append(ref)
    return Value("function", ident=frame.session.fresh(), ref=ref)


def bind(
    frame: Frame, ref: FunctionRef, positional: Sequence[Operand], keywords: Mapping[str, Operand], starred: bool
) -> dict[str, Value]:
    """Parameter values for a call: arguments, then defaults, then what the signature says."""
    parameters = ref.node.params
    bound: dict[str, Value] = {}
    values = [operand.value for operand in (*ref.given, *positional)]
    keywords = {**ref.given_by_name, **keywords}
    if ref.bound is not None and "staticmethod" not in ref.decorators:
        values.insert(0, ref.bound)
    names = [*parameters.posonly_params, *parameters.params]
    for parameter, value in zip(names, values, strict=False):
        bound[parameter.name.value] = value
    if isinstance(parameters.star_arg, cst.Param):
        rest = None if starred else tuple(values[len(names) :])
        bound[parameters.star_arg.name.value] = Value("tuple", ident=frame.session.fresh(), items=rest)
    known = {p.name.value for p in (*names, *parameters.kwonly_params)}
    for key, operand in keywords.items():
        if key in known:
            bound[key] = operand.value
    for parameter in (*names, *parameters.kwonly_params):
        name = parameter.name.value
        if name in bound:
            continue
        if parameter.default is not None and not starred:
            home = Frame(frame.session, ref.where, Env(), ref.closure)
            bound[name] = home.evaluate(parameter.default)
        else:
            bound[name] = parameter_value(frame, parameter, ref.where)
    if parameters.star_kwarg is not None:
        bound[parameters.star_kwarg.name.value] = frame.unknown()
    return bound


def home_values(frame: Frame, ref: FunctionRef) -> dict[str, Value]:
    """Parameter values for running a function by itself: what its signature says and no more.

    What a private function is given is up to the package, which calls it with what fits; a constructor tests its own.
    """
    parameters = ref.node.params
    is_private = ref.name == "__init__" or (ref.name.startswith("_") and not ref.name.endswith("__")) or ref.is_local
    bound: dict[str, Value] = {}
    names = [*parameters.posonly_params, *parameters.params]
    for i, parameter in enumerate((*names, *parameters.kwonly_params)):
        if i == 0 and ref.bound is not None and "staticmethod" not in ref.decorators:
            bound[parameter.name.value] = ref.bound
        else:
            value = parameter_value(frame, parameter, ref.where)
            own = is_private or is_setting(parameter.annotation, ref.where)
            origin = "private" if own else "public"
            if ref.name == "__init__" and not is_tensor(parameter.annotation, ref.where):
                frame.session.settings.add(value.ident)
            frame.session.arguments[value.ident] = origin
            if isinstance(value.ref, tuple) and value.ref[0] == "each":
                frame.session.arguments[value.ref[1].ident] = origin
            bound[parameter.name.value] = value
    for star in (parameters.star_arg, parameters.star_kwarg):
        if isinstance(star, cst.Param):
            bound[star.name.value] = frame.unknown()
    return bound


def invoke(
    frame: Frame,
    ref: FunctionRef,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    node: cst.Node,
    starred: bool = False,
) -> Value:
    """Run a function of the file with these arguments; unknown where it goes too deep or into itself."""
    session = frame.session
    too_much = len(frame.calls) >= MAX_DEPTH or session.inlined > MAX_INLINED_STEPS or not _is_followed(session, ref)
    if too_much or id(body := ref.node) in session.running:
        passed = [operand.value for operand in (*positional, *keywords.values())]
        for value in passed:
            escape(value)
        written(frame, passed)
        return made_from(session, frame.unknown(), passed)
    values = bind(frame, ref, positional, keywords, starred)
    region = autocast.of_function(frame, ref, frame.autocast)
    key = (id(body), id(ref.closure), frame.no_grad, region, session.sharing, signature(values))
    known = session.calls.get(key)
    if known is not None:
        session.note_call(ref.definition, node)
        result, numbers = known
        return transplant(frame, result, {old: values[name].ident for name, old in numbers.items()})
    place = frame.place(node)
    numbers = {name: value.ident for name, value in values.items()}
    state = [dict(v.ref.attrs) for v in values.values() if isinstance(v.ref, Instance)]
    inner = Frame(
        session, ref.where, frame.env.around(dict(values)), ref.closure,
        (*frame.calls, place), ref.owner, frame.no_grad or runs_without_grad(ref), region, qualname=ref.name,
    )  # fmt: skip
    session.running.add(id(body))
    inlined = session.inlined
    try:
        result = run_body(inner, body)
    finally:
        session.running.discard(id(body))
    session.inlined = session.inlined if values else inlined  # what takes nothing, as a parser of arguments, runs once
    session.note_call(ref.definition, node)
    if frame.is_here and not inner.is_here:
        result = _from_elsewhere(result)
    frame.events.extend(event.seen_from(frame) for event in inner.events)
    changed = state != [dict(v.ref.attrs) for v in values.values() if isinstance(v.ref, Instance)]
    learned = {} if inner.returns else {k: r for k, r in inner.env.facts.items() if frame.env.facts.get(k) != r}
    taught = not inner.env.marks <= frame.env.marks or not inner.env.relations <= frame.env.relations
    if learned or (not inner.returns and taught):
        # a function that only tests its arguments, and raises: what it lets through holds behind it
        frame.env.facts.update(learned)
        frame.env.marks |= inner.env.marks
        frame.env.relations |= inner.env.relations
        changed = True
    buffers = [v for name, v in values.items() if is_buffer(v) and inner.env.vars.get(name) is not v]
    if not changed and not inner.events and not buffers:
        session.calls[key] = (result, numbers)
    written(frame, buffers)
    return result


def _from_elsewhere(value: Value) -> Value:
    """What a function of another file gives: where that could be anything, it is no surer than what is not in view."""
    bounded = value.range is not None and (value.range.lo > -INF or value.range.hi < INF)
    if bounded or value.kind not in ("tensor", "unknown"):
        return value
    return value.but(reach=Confidence.POSSIBLE, alternatives=())


def _is_followed(session: Session, ref: FunctionRef) -> bool:
    """The function is short enough to be run again for each call; others are looked at by themselves."""
    if ref.where.source is session.source:
        return ref.rows <= MAX_INLINED_ROWS
    if session.followed > MAX_FOLLOWED_STEPS or (session.muted and ref.name != "__init__"):
        return False
    return ref.is_helper and ref.where.is_readable


def run_body(frame: Frame, node: cst.FunctionDef | cst.Lambda) -> Value:
    """Execute the body in the frame and join what it returns."""
    if isinstance(node, cst.Lambda):
        return frame.evaluate(node.body)
    if frame.unit.source.has_assumptions:
        assumed.learn(frame, node)
    falls_through = frame.execute(node.body)
    if falls_through and not frame.returns:
        return Value("none", ident=frame.session.intern(("const", "None")), const=None, reach=Confidence.CERTAIN)
    return join(frame, list(frame.returns)) if frame.returns else frame.unknown()
