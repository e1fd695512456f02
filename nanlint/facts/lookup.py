"""What a name means at a point of the program: a variable, a definition of the file, an import, a builtin."""

from __future__ import annotations

import builtins
import math
import sys
from typing import TYPE_CHECKING

from nanlint.facts.classes import class_of_entry
from nanlint.facts.frame import Env, Frame, GiveUp
from nanlint.facts.functions import ClassRef, FunctionRef
from nanlint.facts.value import Value, literal

if TYPE_CHECKING:
    from nanlint.facts.frame import Session
    from nanlint.source import Definition, Source

CONSTANTS = {
    "pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan, "tau": math.tau,
    "Inf": math.inf, "infty": math.inf, "NaN": math.nan, "NAN": math.nan,
}  # fmt: skip
BUILTINS = frozenset(dir(builtins))
FOREIGN = sys.stdlib_module_names | {"builtins", "torch", "numpy"}
MAX_STATEMENT_ROWS = 8


def lookup(frame: Frame, name: str) -> Value:
    """The value of a name; an unknown one keeps its value number from use to use."""
    scope: Frame | None = frame
    while scope is not None:
        if name in scope.env.vars and not (scope is frame and name in frame.globals):
            return scope.env.vars[name]
        scope = scope.outer
    return global_value(frame, name)


def global_value(frame: Frame, name: str) -> Value:
    """A module-level name: definitions first, then variables, imports and builtins."""
    session = frame.session
    source = frame.unit.source
    index = source.index
    is_here = frame.is_here
    if is_here and session.module is not None and name in session.module.env.vars:
        return session.module.env.vars[name]
    if name in index.functions:
        definition = index.functions[name]
        return session.once(
            ("function", definition),
            lambda ident: Value("function", ident=ident, ref=FunctionRef(definition, None, name)),
        )
    if name in index.classes:
        return class_value(frame, class_of_entry(session, index.classes[name]))
    if is_here and name in index.bound and session.module is None and session.start_module is not None:
        session.start_module()
        if session.module is not None and name in session.module.env.vars:
            return session.module.env.vars[name]
    if name in index.imports:
        return dotted(frame, index.imports[name])
    if not is_here and (bound := _bound_elsewhere(session, source, name)) is not None:
        return bound
    if name in BUILTINS:
        return dotted(frame, f"builtins.{name}")
    if index.stars and (found := _from_stars(session, source, name)) is not None:
        return found
    return session.once(("global", source, name), lambda ident: Value(ident=ident))


def dotted(frame: Frame, name: str) -> Value:
    """An imported thing, by its full name."""
    found = frame.session.fixed.get(("name", name))
    if found is not None:
        return found
    found = imported(frame.session, frame.unit.source, name)
    if found is not None:
        return found
    module, _, last = name.rpartition(".")
    if module in ("torch", "numpy", "math") and last in CONSTANTS:
        return constant(frame, CONSTANTS[last])
    key = ("name", name) if _is_foreign(name) else ("name", name, frame.unit.source)
    return frame.session.once(key, lambda ident: Value("name", ident=ident, ref=name))


def _is_foreign(name: str) -> bool:
    """A name of a package that is never part of the project: what is known of it stands in the table of ops."""
    return name.partition(".")[0] in FOREIGN


def imported(session: Session, asker: Source, name: str) -> Value | None:
    """What a dotted name that the file `asker` imports is, where that is in the project; None for anything else."""
    if session.modules is None or _is_foreign(name):
        return None
    key = (asker, name)
    if key not in session.imports:
        # of what imports itself nothing is known
        session.imports[key] = None
        session.imports[key] = _imported(session, asker, name)
    return session.imports[key]


def _imported(session: Session, asker: Source, name: str) -> Value | None:
    body = name.lstrip(".")
    module, _, last = body.rpartition(".")
    module = name[: len(name) - len(body)] + module
    home = session.find_module(module, asker) if module else None
    if home is not None:
        return member(session, home, last)
    # a module of a folder without an `__init__.py`
    found = session.find_module(name, asker)
    return _file(session, found) if found is not None else None


def member(session: Session, home: Source, name: str) -> Value | None:
    """What a module of the project calls by that name; None where that is nothing that can be followed."""
    index = home.index
    definition = index.functions.get(name)
    frame = Frame(session, index.module, Env(), qualname="<module>")
    if definition is not None or name in index.classes:
        value = global_value(frame, name)
        return value if value.kind == "class" or value.ref.is_helper else None
    found: Value | None = None
    if name in index.imports:
        target = index.imports[name]
        if not _is_foreign(target):
            found = imported(session, home, target)
        elif _below(session, home, name) is None:
            # else the import of the module of that name has put it there, whatever `import torch` did before
            found = dotted(frame, target)
    elif name in index.bound:
        found = _bound_elsewhere(session, home, name)
    if found is not None:
        return found
    # also `from . import name` in the package itself
    below = _below(session, home, name)
    return _file(session, below) if below is not None else _from_stars(session, home, name)


def _below(session: Session, home: Source, name: str) -> Source | None:
    return session.find_module(f".{name}", home) if home.is_package else None


def _file(session: Session, source: Source) -> Value:
    return session.once(("file", source), lambda ident: Value("file", ident=ident, ref=source))


def _from_stars(session: Session, source: Source, name: str) -> Value | None:
    if name.startswith("_"):
        return None
    for module in source.index.stars:
        # a package may import all of a hundred modules for names of which each has a few
        home = session.find_module(module, source, name) if not _is_foreign(module) else None
        if home is None:
            continue
        key = (home, "*", name)
        if key not in session.imports:
            session.imports[key] = None
            session.imports[key] = member(session, home, name)
        if (found := session.imports[key]) is not None:
            return found
    return None


def _bound_elsewhere(session: Session, source: Source, name: str) -> Value | None:
    """What the one short statement that binds a name in another file gives it."""
    key = (source, "=", name)
    if key not in session.imports:
        session.imports[key] = None
        unit = source.index.statement(name)
        if unit is not None and unit.last_row - unit.first_row <= MAX_STATEMENT_ROWS and unit.is_readable:
            session.imports[key] = _run_statement(session, unit, name)
    return session.imports[key]


def _run_statement(session: Session, unit: Definition, name: str) -> Value | None:
    frame = Frame(session, unit, Env(), qualname="<module>")
    try:
        frame.execute(unit.node)
    except (GiveUp, RecursionError):
        return None
    return frame.env.vars.get(name)


def class_value(frame: Frame, class_: ClassRef) -> Value:
    return frame.session.once(("class", id(class_)), lambda ident: Value("class", ident=ident, ref=class_))


def constant(frame: Frame, number: object) -> Value:
    """The value of a literal: numbers, strings, True, False and None."""
    session, key = frame.session, ("const", repr(number))
    found = session.fixed.get(key)
    if found is None:
        found = session.fixed[key] = literal(number, session.intern(key))
    return found
