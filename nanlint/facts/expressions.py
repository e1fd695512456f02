"""The value of each kind of expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from nanlint.facts import emptiness, narrow, nested
from nanlint.facts.apply import apply, join, repair
from nanlint.facts.attributes import attribute
from nanlint.facts.calls import call
from nanlint.facts.dtypes import dtype_name
from nanlint.facts.frame import Env, Frame, narrowed
from nanlint.facts.functions import make_lambda
from nanlint.facts.lookup import constant, lookup
from nanlint.facts.value import Application, Operand, Value, literal
from nanlint.finding import Confidence
from nanlint.interval import FINITE_NONNEGATIVE
from nanlint.ops import TABLE

if TYPE_CHECKING:
    from nanlint.ops.op import Op

BINARY: dict[type, str] = {
    cst.Add: "add", cst.Subtract: "sub", cst.Multiply: "mul", cst.Divide: "div", cst.FloorDivide: "floor_divide",
    cst.Modulo: "remainder", cst.Power: "pow", cst.MatrixMultiply: "matmul", cst.BitAnd: "bitwise_and",
    cst.BitOr: "bitwise_or", cst.BitXor: "bitwise_xor",
}  # fmt: skip
AUGMENTED: dict[type, str] = {
    cst.AddAssign: "add", cst.SubtractAssign: "sub", cst.MultiplyAssign: "mul", cst.DivideAssign: "div",
    cst.FloorDivideAssign: "floor_divide", cst.ModuloAssign: "remainder", cst.PowerAssign: "pow",
    cst.MatrixMultiplyAssign: "matmul", cst.BitAndAssign: "bitwise_and", cst.BitOrAssign: "bitwise_or",
}  # fmt: skip
COMPARISONS: dict[type, str] = {
    cst.LessThan: "lt", cst.LessThanEqual: "le", cst.GreaterThan: "gt", cst.GreaterThanEqual: "ge",
    cst.Equal: "eq", cst.NotEqual: "ne",
}  # fmt: skip


def binary(frame: Frame, name: str, left: Operand, right: Operand, node: cst.CSTNode) -> Value:
    """A Python operator on two operands."""
    a, b = left.value, right.value
    if a.kind == "number" and b.kind == "number" and (folded := _fold(frame, name, a, b)) is not None:
        return folded
    if a.kind == b.kind == "name" and name in ("eq", "ne") and dtype_name(str(a.ref)) and dtype_name(str(b.ref)):
        decided = (dtype_name(str(a.ref)) == dtype_name(str(b.ref))) == (name == "eq")
        return literal(decided, frame.session.intern(("const", repr(decided))))
    if a.kind in ("string", "tuple", "dict") or b.kind in ("string", "dict"):
        if name == "add" and a.items is not None and b.items is not None:
            return Value("tuple", ident=frame.session.fresh(), items=(*a.items, *b.items))
        if name == "mul" and a.items is not None and b.kind == "number":
            return Value("tuple", ident=frame.session.fresh())
        return frame.unknown()
    op = TABLE.get(name)
    if op is None:
        return frame.unknown()
    parameters = op.parameters
    return apply(frame, op, {parameters[0]: left, parameters[1]: right}, node)


def _fold(frame: Frame, name: str, a: Value, b: Value) -> Value | None:
    if not (a.is_literal and b.is_literal) or not isinstance(a.const, (int, float)) or not isinstance(b.const, (int, float)):
        return None
    x, y = a.const, b.const
    try:
        if name == "pow" and (abs(y) > 1024 or abs(x) > 1e100):
            return None
        result: Any = {
            "add": lambda: x + y, "sub": lambda: x - y, "mul": lambda: x * y, "div": lambda: x / y,
            "floor_divide": lambda: x // y, "remainder": lambda: x % y, "pow": lambda: x**y,
            "lt": lambda: x < y, "le": lambda: x <= y, "gt": lambda: x > y, "ge": lambda: x >= y,
            "eq": lambda: x == y, "ne": lambda: x != y,
        }[name]()  # fmt: skip
    except (KeyError, ArithmeticError, ValueError):
        return None
    if isinstance(result, complex):
        return None
    return literal(result, frame.session.intern(("const", repr(result))))


KEYWORDS: dict[str, bool | None] = {"True": True, "False": False, "None": None}


def _name(frame: Frame, node: cst.Name) -> Value:
    if node.value in KEYWORDS:
        return constant(frame, KEYWORDS[node.value])
    return lookup(frame, node.value)


def _attribute(frame: Frame, node: cst.Attribute) -> Value:
    return attribute(frame, Operand(frame.evaluate(node.value), node.value), node.attr.value, node)


def _number(frame: Frame, node: cst.Integer | cst.Float | cst.Imaginary) -> Value:
    text = node.value
    found = frame.session.fixed.get(("number", text))
    if found is not None:
        return found
    const: Any
    try:
        const = int(text, 0) if isinstance(node, cst.Integer) else float(text) if isinstance(node, cst.Float) else complex(text)
    except ValueError:
        return frame.unknown(kind="number")
    made = frame.session.fixed[("number", text)] = constant(frame, const)
    return made


def _string(frame: Frame, node: cst.SimpleString | cst.ConcatenatedString) -> Value:
    if isinstance(node, cst.SimpleString) and not node.prefix and "\\" not in node.value:
        const: Any = node.raw_value
    else:
        try:
            const = node.evaluated_value
        except (ValueError, SyntaxError):
            return frame.unknown(kind="string")
    return constant(frame, const) if isinstance(const, str) else frame.unknown()


def _formatted(frame: Frame, node: cst.FormattedString) -> Value:
    for part in node.parts:
        if isinstance(part, cst.FormattedStringExpression):
            frame.evaluate(part.expression)
    return frame.unknown(kind="string")


def _binary(frame: Frame, node: cst.BinaryOperation) -> Value:
    left = Operand(frame.evaluate(node.left), node.left)
    right = Operand(frame.evaluate(node.right), node.right)
    name = BINARY.get(type(node.operator))
    return binary(frame, name, left, right, node) if name else frame.unknown()


def _unary(frame: Frame, node: cst.UnaryOperation) -> Value:
    operand = Operand(frame.evaluate(node.expression), node.expression)
    value = operand.value
    if isinstance(node.operator, cst.Minus):
        if value.is_literal and isinstance(value.const, (int, float, complex)):
            return literal(-value.const, frame.session.intern(("const", repr(-value.const))))
        return apply(frame, TABLE["neg"], {TABLE["neg"].parameters[0]: operand}, node)
    if isinstance(node.operator, cst.Plus):
        return value
    if isinstance(node.operator, cst.Not):
        if value.is_literal:
            return literal(not value.const, frame.session.intern(("const", repr(not value.const))))
        return apply(frame, TABLE["logical_not"], {TABLE["logical_not"].parameters[0]: operand}, node)
    op: Op | None = TABLE.get("bitwise_not")
    return apply(frame, op, {op.parameters[0]: operand}, node) if op else frame.unknown()


def _comparison(frame: Frame, node: cst.Comparison) -> Value:
    left = Operand(frame.evaluate(node.left), node.left)
    result = frame.unknown(kind="number")
    for target in node.comparisons:
        right = Operand(frame.evaluate(target.comparator), target.comparator)
        name = COMPARISONS.get(type(target.operator))
        if name is not None:
            result = binary(frame, name, left, right, node)
            if result.kind == "unknown":
                result = result.but(dtype="bool")
        else:
            result = _identity(frame, target.operator, left.value, right.value)
        left = right
    return result if len(node.comparisons) == 1 else frame.unknown(kind="number")


def _identity(frame: Frame, operator: cst.BaseCompOp, left: Value, right: Value) -> Value:
    decided: bool | None = None
    if isinstance(operator, (cst.Is, cst.IsNot)) and right.kind == "none":
        if left.kind == "none":
            decided = True
        elif left.kind not in ("unknown",) and not left.alternatives:
            decided = False
        if decided is not None:
            decided = decided == isinstance(operator, cst.Is)
    elif isinstance(operator, (cst.In, cst.NotIn)) and left.is_literal and right.items is not None:
        if all(item.is_literal for item in right.items):
            decided = any(item.const == left.const for item in right.items) == isinstance(operator, cst.In)
    if decided is None:
        return frame.unknown(kind="number")
    return literal(decided, frame.session.intern(("const", repr(decided))))


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
    return Value("tuple", ident=frame.session.fresh(), ref=("each", element), hazards=element.hazards, slopes=element.slopes)


def _dict_comprehension(frame: Frame, node: cst.DictComp) -> Value:
    with frame.branch(frame.env.copy()):
        _bind_generators(frame, node.for_in)
        frame.evaluate(node.key)
        frame.evaluate(node.value)
    return Value("dict", ident=frame.session.fresh(), ref={})


def _bind_generators(frame: Frame, clause: cst.CompFor | None) -> None:
    from nanlint.facts.assignment import assign, element_of

    while clause is not None:
        iterated = frame.evaluate(clause.iter)
        assign(frame, clause.target, element_of(frame, iterated))
        for condition in clause.ifs:
            yes, _ = narrow.split(frame, condition.test)
            if yes is not None:
                frame.env = yes
        clause = clause.inner_for_in


def _subscript(frame: Frame, node: cst.Subscript) -> Value:
    base = Operand(frame.evaluate(node.value), node.value)
    indices = [_index(frame, element.slice) for element in node.slice]
    value = base.value
    only = indices[0] if len(indices) == 1 else None
    if value.items is not None and only is not None and only.is_literal and isinstance(only.const, int):
        if -len(value.items) <= only.const < len(value.items):
            return value.items[only.const]
        return frame.unknown()
    if value.kind == "dict" and isinstance(value.ref, dict) and only is not None and only.is_literal:
        found = value.ref.get(only.const)
        return found if found is not None else frame.unknown()
    if isinstance(value.ref, tuple) and value.ref[0] == "each":
        if only is None or only.kind == "slice":
            return value
        return value.ref[1].but(ident=frame.session.intern(("item", value.ident, only.ident)))
    if value.op == "shape":
        of = value.arg("input")
        if only is not None and only.kind == "slice":
            return value.but(ident=frame.session.intern(("item", value.ident, only.ident)))
        key = ("size", value.ident, only.ident if only is not None else 0)
        made = value.made_by
        return Value(
            "number", FINITE_NONNEGATIVE, Confidence.POSSIBLE, frame.session.intern(key), "int64", False,
            made_by=made and type(made)("size", {"input": of} if of else {}, made.place),
        )  # fmt: skip
    if value.kind in ("name", "class"):
        return value
    if value.kind not in ("tensor", "unknown"):
        return Value(ident=frame.session.intern(("item", value.ident, *(i.ident for i in indices))))
    return select(frame, base, indices, node)


def select(frame: Frame, base: Operand, indices: list[Value], node: cst.CSTNode) -> Value:
    """`x[...]` of a tensor: a boolean index may select nothing, and selecting by one repairs what it leaves out."""
    value = base.value
    key = ("index", value.ident, *(i.ident for i in indices))
    masks = [i for i in indices if emptiness.is_mask(i)]
    picked = value.but(
        ident=frame.session.intern(key),
        made_by=Application("index", {"input": value}, frame.place(node)),
        items=None,
        tensor_if=tuple(dict.fromkeys((value.ident, *value.tensor_if)))[:8],
    )
    elements = nested.part(frame, value, indices) if value.op in nested.LITERAL else None
    if elements is not None and elements.range is not None:
        picked = picked.but(range=elements.range, reach=elements.reach)
    if masks:
        env = frame.env.copy()
        narrow.teach(env, masks[0], True)
        if value.ident in env.facts:
            picked = narrowed(picked, env.facts[value.ident])
        picked = repair(frame, picked, node, mask=masks[0])
        empty = not any(emptiness.selects_some(frame.env, m) for m in masks)
        return picked.but(maybe_empty=empty, alternatives=(), made_by=_with_mask(picked, masks[0]))
    chosen = next((i for i in indices if i.maybe_empty), None)
    if chosen is not None:
        empty = not emptiness.selects_some(frame.env, chosen)
        return picked.but(maybe_empty=empty, alternatives=(), made_by=_with_mask(picked, chosen))
    return picked.but(alternatives=())


def _with_mask(picked: Value, mask: Value) -> Application | None:
    made = picked.made_by
    return made and Application(made.op, {**made.args, "mask": mask}, made.place)


def _index(frame: Frame, element: cst.BaseSlice) -> Value:
    if isinstance(element, cst.Index):
        return frame.evaluate(element.value)
    idents: list[int] = []
    if isinstance(element, cst.Slice):
        for part in (element.lower, element.upper, element.step):
            idents.append(frame.evaluate(part).ident if part is not None else 0)
    return Value("slice", ident=frame.session.intern(("slice", *idents)))


def _ellipsis(frame: Frame, node: cst.Ellipsis) -> Value:
    return Value("slice", ident=frame.session.intern(("slice", "...")))


def _through(frame: Frame, node: cst.Await) -> Value:
    frame.evaluate(node.expression)
    return frame.unknown()


def _yield(frame: Frame, node: cst.Yield) -> Value:
    from nanlint.facts.apply import escape

    if node.value is not None:
        source = node.value.item if isinstance(node.value, cst.From) else node.value
        escape(frame.evaluate(source))
    return frame.unknown()


EVALUATORS: dict[type, Callable[..., Value]] = {
    cst.Name: _name, cst.Attribute: _attribute, cst.Integer: _number, cst.Float: _number, cst.Imaginary: _number,
    cst.SimpleString: _string, cst.ConcatenatedString: _string, cst.FormattedString: _formatted,
    cst.BinaryOperation: _binary, cst.UnaryOperation: _unary, cst.Comparison: _comparison,
    cst.BooleanOperation: _boolean, cst.IfExp: _conditional, cst.Tuple: _sequence, cst.List: _sequence,
    cst.Set: _sequence, cst.Dict: _dict, cst.NamedExpr: _walrus, cst.Lambda: _lambda, cst.ListComp: _comprehension,
    cst.SetComp: _comprehension, cst.GeneratorExp: _comprehension, cst.DictComp: _dict_comprehension,
    cst.Subscript: _subscript, cst.Call: call, cst.Ellipsis: _ellipsis, cst.Await: _through, cst.Yield: _yield,
}  # fmt: skip
