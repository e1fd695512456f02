"""What the methods of a class give its attributes; worked out only when a rule doubts one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts.frame import MAX_STEPS, Env, Frame, GiveUp
from nanlint.facts.functions import ClassRef, FunctionRef, Instance, home_values, run_body
from nanlint.facts.gradless import runs_without_grad
from nanlint.facts.value import Value
from nanlint.patterns import pattern

if TYPE_CHECKING:
    import re

    from nanlint.facts.frame import Session

MAX_SETTER_STEPS = 1_500
MAX_SETTERS = 4


class _Record(dict[str, Value]):
    """Attributes that remember all that they were ever given."""

    def __init__(self, start: dict[str, Value]) -> None:
        super().__init__(start)
        self.given: list[tuple[str, Value]] = []

    def __setitem__(self, name: str, value: Value) -> None:
        self.given.append((name, value))
        super().__setitem__(name, value)


def assigning(name: str) -> re.Pattern[str]:
    """What finds the assignments to attributes of `self` whose names match; its one group is the name."""
    # text is searched for the characters in front alone, which is fast
    return pattern(rf"self\.(?<=\bself\.)({name})\b(?:\s*:[^=\n]+)?\s*[-+*/@%&|]*=(?!=)")


def methods(owner: ClassRef) -> list[FunctionRef]:
    """All but `__init__` of a class and of those in view from which it derives, overridden ones too."""
    seen: list[ClassRef] = []
    pending: list[ClassRef | str] = [owner]
    while pending:
        cls = pending.pop(0)
        if isinstance(cls, ClassRef) and cls not in seen:
            seen.append(cls)
            pending += cls.bases
    return [method for cls in seen for name, method in cls.methods.items() if name != "__init__"]


def given(session: Session, ident: int) -> tuple[Value, ...]:
    """The values that other methods than `__init__` assign to the attribute with that value number.

    Empty for what is no attribute of a class in view. Initial states, None and single numbers, are left out.
    """
    known = session.given.get(ident)
    if known is None:
        owner, name = session.attributes.get(ident, (None, ""))
        known = session.given[ident] = _given(session, owner, name) if isinstance(owner, ClassRef) else ()
    return known


def _given(session: Session, owner: ClassRef, name: str) -> tuple[Value, ...]:
    assigns = assigning(name)
    setters = [
        method for method in methods(owner)
        if method.definition is not None and f"self.{name}" in method.definition.text
        and assigns.search(method.definition.text)
    ]  # fmt: skip
    values = [v for setter in setters[:MAX_SETTERS] for key, v in _run(session, owner, setter) if key == name]
    return tuple(v for v in values if v.kind != "none" and (v.range is None or v.range.point is None))


def _run(session: Session, owner: ClassRef, method: FunctionRef) -> list[tuple[str, Value]]:
    """All that one method assigns to attributes, as far as the budget goes."""
    key = (owner, method.definition)
    known = session.setters.get(key)
    if known is not None:
        return known
    session.setters[key] = []
    if not method.where.is_readable:
        return []
    attributes = _Record(session.instances.get(owner) or {})
    receiver = Value("instance", ident=session.intern(("instance", owner)), ref=Instance(owner, attributes))
    bound = method.bind(receiver)
    frame = Frame(
        session, method.where, Env(), owner=method.owner, no_grad=runs_without_grad(method), qualname=method.name
    )
    # what a rule asks leaves no trace in what it is to be told afterwards
    tensors, models, nested = set(session.tensors), set(session.models), len(session.nested)
    steps, inlined, session.inlined = session.steps, session.inlined, 0
    session.steps = MAX_STEPS - MAX_SETTER_STEPS
    session.muted += 1
    try:
        frame.env.vars.update(home_values(frame, bound))
        run_body(frame, bound.node)
    except (GiveUp, RecursionError):
        session.notes.append(f"{owner.name}.{method.name} is too large to follow to its end for its attributes")
    finally:
        session.muted -= 1
        session.steps, session.inlined = steps, inlined
        session.tensors, session.models = tensors, models
        del session.nested[nested:]
    session.setters[key] = attributes.given
    return attributes.given
