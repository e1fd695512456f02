"""What a name means at a point of the program: a variable, a definition of the file, an import, a builtin."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING

from nanlint.facts.functions import ClassRef, FunctionRef, class_of_entry
from nanlint.facts.value import Value, literal

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame

CONSTANTS = {
    "pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan, "tau": math.tau,
    "Inf": math.inf, "infty": math.inf, "NaN": math.nan, "NAN": math.nan,
}  # fmt: skip
BUILTINS = frozenset(dir(builtins))


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
    index = session.source.index
    if session.module is not None and name in session.module.env.vars:
        return session.module.env.vars[name]
    if name in index.functions:
        definition = index.functions[name]
        return session.once(
            ("function", name), lambda ident: Value("function", ident=ident, ref=FunctionRef(definition, None, name))
        )
    if name in index.classes:
        return class_value(frame, class_of_entry(session, index.classes[name]))
    if name in index.bound and session.module is None and session.start_module is not None:
        session.start_module()
        if session.module is not None and name in session.module.env.vars:
            return session.module.env.vars[name]
    if name in index.imports:
        return dotted(frame, index.imports[name])
    if name in BUILTINS:
        return dotted(frame, f"builtins.{name}")
    return session.once(("global", name), lambda ident: Value(ident=ident))


def dotted(frame: Frame, name: str) -> Value:
    """An imported thing, by its full name."""
    found = frame.session.fixed.get(("name", name))
    if found is not None:
        return found
    module, _, last = name.rpartition(".")
    if module in ("torch", "numpy", "math") and last in CONSTANTS and not math.isnan(CONSTANTS[last]):
        return constant(frame, CONSTANTS[last])
    return frame.session.once(("name", name), lambda ident: Value("name", ident=ident, ref=name))


def class_value(frame: Frame, class_: ClassRef) -> Value:
    return frame.session.once(("class", id(class_)), lambda ident: Value("class", ident=ident, ref=class_))


def constant(frame: Frame, number: object) -> Value:
    """The value of a literal: numbers, strings, True, False and None."""
    return frame.session.once(("const", repr(number)), lambda ident: literal(number, ident))
