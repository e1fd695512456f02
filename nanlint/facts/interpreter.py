"""Running the definitions of a file: each by itself with what its signature says, and the module from top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nanlint.facts import autocast, constraints, higher_order, repairs, setters, training_loops
from nanlint.facts.apply import escape
from nanlint.facts.classes import class_of_entry, record
from nanlint.facts.dtypes import default_dtype
from nanlint.facts.expressions import EVALUATORS
from nanlint.facts.fixed import made_from
from nanlint.facts.frame import Env, Frame, GiveUp, Session
from nanlint.facts.functions import (
    ClassRef,
    FunctionRef,
    Instance,
    home_values,
    run_body,
)
from nanlint.facts.gradless import runs_without_grad
from nanlint.facts.lookup import imported
from nanlint.facts.statements import EXECUTORS, class_attributes
from nanlint.facts.value import ABSENT, Value
from nanlint.finding import Confidence
from nanlint.source import nodes as cst

if TYPE_CHECKING:
    from nanlint.source import ClassEntry, Definition, Modules, Source

assert repairs.TABLE
assert higher_order.TABLE


def new_session(source: Source, listened: frozenset[str], modules: Modules | None = None) -> Session:
    """The state for one file. `listened`: the ops whose sites the rules want to see."""
    session = Session(source, listened, EVALUATORS, EXECUTORS, modules)
    session.trains = any(word in source.text for word in ("backward", "step", "Trainer"))
    session.default_dtype = default_dtype(source.text)
    session.start_module = lambda: run_module(session)
    session.find_import = lambda asker, name: imported(session, asker, name)
    session.find_record = lambda source, text: record(session, source, text)
    session.find_given = lambda ident: setters.given(session, ident)
    session.run_class = lambda ref, entry: _class_body(session, ref, entry)
    return session


def module_definition(session: Session) -> Definition:
    return next(d for d in session.source.index.definitions if d.kind == "module")


def run_module(session: Session) -> None:
    """Run the module level, once; what it binds are the globals of the functions."""
    if session.module is not None:
        return
    definition = module_definition(session)
    frame = Frame(session, definition, Env(), qualname="<module>")
    session.module = frame
    steps, session.steps = session.steps, 0
    root, session.root = session.root, None
    try:
        frame.execute(definition.node)
    except (GiveUp, RecursionError):
        session.notes.append("the module level is too large to follow to its end")
    session.steps = steps
    for value in frame.env.vars.values():
        escape(value)
    training_loops.close(frame, definition.node)
    run_nested(session)
    session.root = root


def run_definition(session: Session, definition: Definition) -> None:
    """Run a function or method by itself."""
    if definition.kind == "module":
        run_module(session)
        return
    owner = class_of_entry(session, definition.owner) if definition.owner is not None else None
    ref = FunctionRef(definition, None, definition.name, owner=owner)
    session.root = definition
    if owner is not None:
        known = owner.methods.get(definition.name)
        decorators = (known or ref).decorators
        if "staticmethod" not in decorators:
            receiver = generic_instance(session, owner)
            if definition.name == "__init__":
                receiver.ref.pending = None
            ref = ref.bind(class_receiver(session, owner) if "classmethod" in decorators else receiver)
    run_function(session, ref, None)
    session.root = None
    run_nested(session)


def run_nested(session: Session) -> None:
    """Run the functions that a definition has defined inside of itself."""
    while session.nested:
        ref, frame = session.nested.pop()
        run_function(session, ref, frame)


def run_function(session: Session, ref: FunctionRef, outer: Frame | None) -> None:
    session.steps = session.inlined = session.followed = 0
    # what the definition around it has tested before it goes on holds inside, too
    env = outer.env.around({}) if outer is not None else Env()
    frame = Frame(
        session, ref.where, env, outer if outer is not None else ref.closure, owner=ref.owner,
        no_grad=runs_without_grad(ref), qualname=ref.name,
    )  # fmt: skip
    frame.autocast = autocast.of_function(frame, ref, None)
    frame.env.vars.update(home_values(frame, ref))
    frame.env.vars.update(constraints.registered(frame, ref))
    session.running.add(id(ref.node))
    try:
        returned = run_body(frame, ref.node)
        if isinstance(ref.node, cst.Lambda):
            escape(returned)
    except GiveUp:
        session.notes.append(f"{ref.name} is too large to follow to its end")
    except RecursionError:
        session.notes.append(f"{ref.name} is nested too deeply to follow to its end")
    finally:
        session.running.discard(id(ref.node))
    training_loops.close(frame, ref.node)


def class_receiver(session: Session, owner: ClassRef) -> Value:
    return Value("class", ident=session.intern(("class", id(owner))), ref=owner)


def generic_instance(session: Session, owner: ClassRef) -> Value:
    """An object of the class of which only the class is known: what `__init__` sets, and no other method changes."""
    instance = Instance(owner)
    instance.pending = lambda: instance.held.update(_generic_attributes(session, owner))
    session.cyclic.append(instance)
    return Value("instance", ident=session.intern(("instance", owner)), ref=instance)


def _generic_attributes(session: Session, owner: ClassRef) -> dict[str, Value]:
    found = session.instances.get(owner)
    if found is not None:
        return found
    made = Value("instance", ident=session.intern(("instance", owner)), ref=Instance(owner))
    session.instances[owner] = made.ref.held
    init = owner.method("__init__")
    if init is not None and init.where.is_readable:
        session.muted += 1
        steps, session.steps = session.steps, 0
        try:
            frame = Frame(session, init.where, Env(), owner=init.owner, qualname="__init__")
            bound = init.bind(made)
            frame.env.vars.update(home_values(frame, bound))
            run_body(frame, bound.node)
        except (GiveUp, RecursionError):
            session.notes.append(f"{owner.name}.__init__ is too large to follow to its end")
        finally:
            session.muted -= 1
            session.steps = steps
    _forget_changed(session, owner, made.ref)
    attributes: dict[str, Value] = made.ref.held
    return attributes


def _forget_changed(session: Session, owner: ClassRef, instance: Instance) -> None:
    """Attributes that another method sets again are known by kind alone."""
    others = "\n".join(method.definition.text for method in setters.methods(owner) if method.definition)
    changed = set(setters.assigning(r"\w+").findall(others))
    for name, value in instance.attrs.items():
        if value.kind == "none" or (value.kind == "number" and value.dtype == "bool"):
            instance.attrs[name] = Value(ident=session.fresh())
            session.attributes[instance.attrs[name].ident] = (owner, name)
        elif name in changed and value.kind not in ("module", "instance", "optimizer", "scaler"):
            # a tensor that starts at nothing is still nothing where no other method was called
            empty = value.kind == "tensor" and value.range is not None and value.range.point == 0
            instance.attrs[name] = value.but(
                range=None, reach=Confidence.LIKELY if empty else Confidence.POSSIBLE, const=ABSENT, made_by=None,
                because=None, items=None, ident=session.fresh(), alternatives=(), hazards=frozenset(),
                slopes=frozenset(), ref=None,
            )  # fmt: skip
            made_from(session, instance.attrs[name], (value,))
            session.attributes[instance.attrs[name].ident] = (owner, name)
        elif value.hazards or value.slopes:
            instance.attrs[name] = value.but(hazards=frozenset(), slopes=frozenset())


def _class_body(session: Session, ref: ClassRef, entry: ClassEntry) -> dict[str, Value]:
    if entry.source is not session.source and not entry.is_readable:
        return {}
    node: Any = entry.node
    if not isinstance(node, cst.ClassDef):
        return {}
    session.muted += 1
    try:
        frame = Frame(session, entry, Env(), owner=ref)
        return class_attributes(frame, node)
    except (GiveUp, RecursionError):
        return {}
    finally:
        session.muted -= 1
