"""The value of each kind of expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nanlint.facts import narrow
from nanlint.facts.apply import escape
from nanlint.facts.assignment import assign
from nanlint.facts.attributes import attribute
from nanlint.facts.builtin import element_of
from nanlint.facts.calls import call
from nanlint.facts.frame import Env, Frame
from nanlint.facts.functions import make_lambda
from nanlint.facts.guarded import narrowed
from nanlint.facts.joined import join
from nanlint.facts.lookup import constant, lookup
from nanlint.facts.operators import binary_operation, comparison, unary_operation
from nanlint.facts.subscripts import subscript
from nanlint.facts.value import Operand, Value
from nanlint.finding import Confidence
from nanlint.interval import NONZERO
from nanlint.source import nodes as cst

KEYWORDS: dict[str, bool | None] = {"True": True, "False": False, "None": None}


def _name(frame: Frame, node: cst.Name) -> Value:
    name = node.value
    held = frame.env.vars.get(name)
    if held is not None and name not in frame.globals:
        return held
    return constant(frame, KEYWORDS[name]) if name in KEYWORDS else lookup(frame, name)


def _attribute(frame: Frame, node: cst.Attribute) -> Value:
    return attribute(frame, Operand(frame.evaluate(node.value), node.value), node.attr.value, node)


def _number(frame: Frame, node: cst.Integer | cst.Float | cst.Imaginary) -> Value:
    text = node.value
    found = frame.session.fixed.get(("number", text))
    if found is not None:
        return found
    const: Any
    try:
        const = (
            int(text, 0)
            if isinstance(node, cst.Integer)
            else float(text)
            if isinstance(node, cst.Float)
            else complex(text)
        )
    except ValueError:
        return frame.unknown(kind="number")
    made = frame.session.fixed[("number", text)] = constant(frame, const)
    return made


def _string(frame: Frame, node: cst.SimpleString) -> Value:
    return constant(frame, node.value) if isinstance(node.value, str) else frame.unknown()


def _formatted(frame: Frame, node: cst.FormattedString) -> Value:
    for part in node.parts:
        frame.evaluate(part)
    return frame.unknown(kind="string")


def _boolean(frame: Frame, node: cst.BooleanOperation) -> Value:
    left = frame.evaluate(node.left)
    before = frame.env
    env: Env | None = before.copy()
    assert env is not None
    narrow.teach(env, left, isinstance(node.operator, cst.And))
    with frame.branch(env):
        right = frame.evaluate(node.right)
    if left.is_literal:
        return right if bool(left.const) == isinstance(node.operator, cst.And) else left
    if left.kind == "none":
        return right if isinstance(node.operator, cst.Or) else left
    countable = left.kind in ("number", "tensor", "unknown") and left.dtype != "bool"
    if countable and isinstance(node.operator, cst.Or) and right.range is not None and 0 not in right.range:
        # `count or 1` is the count where that is not 0; of what is not known nothing more is
        left = narrowed(left if left.range is not None else left.but(reach=Confidence.POSSIBLE), NONZERO)
    return join(frame, [left, right])


def _conditional(frame: Frame, node: cst.IfExp) -> Value:
    values: list[Value] = []
    yes, no = narrow.split(frame, node.test)
    for env, branch in ((yes, node.body), (no, node.orelse)):
        if env is not None:
            with frame.branch(env):
                values.append(frame.evaluate(branch))
    return join(frame, values) if values else frame.unknown()


def _sequence(frame: Frame, node: cst.Tuple | cst.List | cst.Set) -> Value:
    items: list[Value] | None = []
    for element in node.elements:
        value = frame.evaluate(element.value)
        if isinstance(element, cst.StarredElement):
            items = [*items, *value.items] if items is not None and value.items is not None else None
        elif items is not None:
            items.append(value)
    if items is None or len(items) > 64:
        return Value("tuple", ident=frame.session.fresh(), items=None)
    return Value("tuple", ident=frame.session.fresh(), items=tuple(items))


def _dict(frame: Frame, node: cst.Dict) -> Value:
    entries: dict[Any, Value] = {}
    for element in node.elements:
        value = frame.evaluate(element.value)
        if isinstance(element, cst.DictElement):
            key = frame.evaluate(element.key)
            if key.is_literal and isinstance(key.const, (str, int)):
                entries[key.const] = value
    return Value("dict", ident=frame.session.fresh(), ref=entries)


def _walrus(frame: Frame, node: cst.NamedExpr) -> Value:
    value = frame.evaluate(node.value)
    if isinstance(node.target, cst.Name):
        frame.env.vars[node.target.value] = value
    return value


def _lambda(frame: Frame, node: cst.Lambda) -> Value:
    return make_lambda(frame, node)


def _comprehension(frame: Frame, node: cst.ListComp | cst.SetComp | cst.GeneratorExp) -> Value:
    with frame.branch(frame.env.copy()):
        _bind_generators(frame, node.for_in)
        element = frame.evaluate(node.elt)
    slopes = element.slopes if element.grad is not False else frozenset()
    return Value("tuple", ident=frame.session.fresh(), ref=("each", element), hazards=element.hazards, slopes=slopes)


def _dict_comprehension(frame: Frame, node: cst.DictComp) -> Value:
    with frame.branch(frame.env.copy()):
        _bind_generators(frame, node.for_in)
        frame.evaluate(node.key)
        frame.evaluate(node.value)
    return Value("dict", ident=frame.session.fresh(), ref={})


def _bind_generators(frame: Frame, clause: cst.CompFor | None) -> None:
    while clause is not None:
        iterated = frame.evaluate(clause.iter)
        assign(frame, clause.target, element_of(frame, iterated))
        for condition in clause.ifs:
            yes, _ = narrow.split(frame, condition.test)
            if yes is not None:
                frame.env = yes
        clause = clause.inner_for_in


def _ellipsis(frame: Frame, node: cst.Ellipsis) -> Value:
    return Value("slice", ident=frame.session.intern(("slice", "...")))


def _through(frame: Frame, node: cst.Await) -> Value:
    frame.evaluate(node.expression)
    return frame.unknown()


def _yield(frame: Frame, node: cst.Yield) -> Value:
    if node.value is not None:
        source = node.value.item if isinstance(node.value, cst.From) else node.value
        escape(frame.evaluate(source))
    return frame.unknown()


EVALUATORS: dict[type, Callable[..., Value]] = {
    cst.Name: _name, cst.Attribute: _attribute, cst.Integer: _number, cst.Float: _number, cst.Imaginary: _number,
    cst.SimpleString: _string, cst.FormattedString: _formatted,
    cst.BinaryOperation: binary_operation, cst.UnaryOperation: unary_operation, cst.Comparison: comparison,
    cst.BooleanOperation: _boolean, cst.IfExp: _conditional, cst.Tuple: _sequence, cst.List: _sequence,
    cst.Set: _sequence, cst.Dict: _dict, cst.NamedExpr: _walrus, cst.Lambda: _lambda, cst.ListComp: _comprehension,
    cst.SetComp: _comprehension, cst.GeneratorExp: _comprehension, cst.DictComp: _dict_comprehension,
    cst.Subscript: subscript, cst.Call: call, cst.Ellipsis: _ellipsis, cst.Await: _through, cst.Yield: _yield,
}  # fmt: skip
