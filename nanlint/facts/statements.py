"""Running statements: each returns whether control goes on behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nanlint.facts import absent, autocast, narrow, training
from nanlint.facts.apply import escape
from nanlint.facts.assignment import assign, rebind
from nanlint.facts.branches import run_if, run_match
from nanlint.facts.classes import base_class
from nanlint.facts.frame import Env, Frame
from nanlint.facts.functions import ClassRef, FunctionRef, make_function
from nanlint.facts.lookup import class_value, dotted
from nanlint.facts.operators import AUGMENTED, binary
from nanlint.facts.overwritten import overwritten
from nanlint.facts.parameters import annotated
from nanlint.facts.value import Operand, Value
from nanlint.patterns import pattern
from nanlint.source import ClassEntry
from nanlint.source import nodes as cst

CHECKS = pattern(r"(?i)check|assert|require|ensure|expect|valid|verify")
CONDITIONS = (cst.Comparison, cst.BooleanOperation, cst.BinaryOperation, cst.Call)
WITHOUT_GRAD = {"no_grad": True, "inference_mode": True, "enable_grad": False}


def block(frame: Frame, statements: Sequence[cst.BaseStatement | cst.BaseSmallStatement]) -> bool:
    """Run statements in order until one leaves."""
    return all(map(frame.execute, statements))


def _body(frame: Frame, node: cst.IndentedBlock | cst.SimpleStatementLine | cst.Module) -> bool:
    statements = node.body
    return frame.execute(statements[0]) if len(statements) == 1 else block(frame, statements)


def _assign(frame: Frame, node: cst.Assign) -> bool:
    value = frame.evaluate(node.value)
    before, handed = frame.env.vars, _handed_through(node)
    checked = {name: before[name].ident for name in handed if name in before} if handed else {}
    for target in node.targets:
        assign(frame, target.target, value)
    arguments = frame.session.arguments
    for name, ident in checked.items():
        if ident in arguments:
            arguments.setdefault(frame.env.vars[name].ident, arguments[ident])
    return True


def _handed_through(node: cst.Assign) -> list[str]:
    """The names in `x, y = check(x, y)`, which are what they were, checked or converted."""
    target, call = node.targets[0].target, node.value
    if not isinstance(target, cst.Tuple) or not isinstance(call, cst.Call) or len(call.args) != len(target.elements):
        return []
    names = [e.value.value for e in target.elements if isinstance(e.value, cst.Name)]
    given = [a.value.value for a in call.args if isinstance(a.value, cst.Name)]
    return names if names == given else []


def _ann_assign(frame: Frame, node: cst.AnnAssign) -> bool:
    said = annotated(frame, node.annotation, frame.unit)
    if node.value is not None:
        value = frame.evaluate(node.value)
        if value.kind == "unknown" and said.kind != "unknown":
            value = value.but(kind=said.kind, reach=max(value.reach, said.reach))
        if value.kind == "none" and said.kind == "tensor" and isinstance(frame.unit, ClassEntry):
            # what each object sets for itself
            value = said
        assign(frame, node.target, value)
    elif isinstance(node.target, cst.Name):
        frame.env.vars.setdefault(node.target.value, said)
    return True


def _aug_assign(frame: Frame, node: cst.AugAssign) -> bool:
    left = Operand(frame.evaluate(node.target), node.target)
    right = Operand(frame.evaluate(node.value), node.value)
    name = AUGMENTED.get(type(node.operator))
    result = binary(frame, name, left, right, node) if name else frame.unknown()
    if isinstance(node.target, cst.Subscript):
        escape(result)
        base = frame.evaluate(node.target.value)
        if base.kind in ("tensor", "unknown"):
            rebind(
                frame,
                node.target.value,
                base.but(range=None, ident=frame.session.fresh(), made_by=None, alternatives=()),
            )
    else:
        assign(frame, node.target, overwritten(left.value, result))
    return True


def _expr(frame: Frame, node: cst.Expr) -> bool:
    value = frame.evaluate(node.value)
    if isinstance(node.value, cst.Call) and value.kind == "unknown" and _is_check(node.value):
        # what the message is for is that the condition does not hold
        narrow.teach(frame.env, frame.evaluate(node.value.args[0].value), True)
    function = node.value.func if isinstance(node.value, cst.Call) else None
    if isinstance(function, cst.Attribute) and value.kind == "unknown" and value.op == "to":
        # a conversion that is thrown away is one of a model, which changes in place
        rebind(frame, function.value, value)
    exits = isinstance(node.value, cst.Call) and value.kind == "name" and value.ref == "never"
    return not exits


def _is_check(call: cst.Call) -> bool:
    """`check(x > 0, "message")` of a function that is not in view."""
    if len(call.args) < 2 or not isinstance(call.args[0].value, CONDITIONS) or call.args[0].keyword is not None:
        return False
    function = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    return (
        isinstance(function, cst.Name)
        and CHECKS.search(function.value) is not None
        and isinstance(call.args[1].value, (cst.SimpleString, cst.FormattedString, cst.Lambda))
    )


def _return(frame: Frame, node: cst.Return) -> bool:
    if node.value is None:
        frame.returns.append(Value("none", ident=frame.session.intern(("const", "None")), const=None))
    else:
        value = frame.evaluate(node.value)
        if not frame.calls:
            escape(value)
        frame.returns.append(value)
    return False


def _raise(frame: Frame, node: cst.Raise) -> bool:
    if node.exc is not None:
        frame.evaluate(node.exc)
    return False


def _assert(frame: Frame, node: cst.Assert) -> bool:
    yes, _ = narrow.split(frame, node.test)
    if yes is None:
        return False
    frame.env = yes
    return True


def _break(frame: Frame, node: cst.Break) -> bool:
    if frame.loops:
        frame.loops[-1].broken.append(frame.env)
    return False


def _continue(frame: Frame, node: cst.Continue) -> bool:
    if frame.loops:
        frame.loops[-1].continued.append(frame.env)
    return False


def _del(frame: Frame, node: cst.Del) -> bool:
    if isinstance(node.target, cst.Name):
        frame.env.vars.pop(node.target.value, None)
    return True


def _global(frame: Frame, node: cst.Global | cst.Nonlocal) -> bool:
    frame.globals.update(item.name.value for item in node.names)
    return True


def _import(frame: Frame, node: cst.Import) -> bool:
    for alias in node.names:
        name = _dotted_text(alias.name)
        if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
            _bind_import(frame, alias.asname.name.value, name)
        else:
            head = name.partition(".")[0]
            _bind_import(frame, head, head)
    return True


def _import_from(frame: Frame, node: cst.ImportFrom) -> bool:
    module = "." * len(node.relative) + (_dotted_text(node.module) if node.module is not None else "")
    if isinstance(node.names, cst.ImportStar):
        return True
    for alias in node.names:
        name = _dotted_text(alias.name)
        bound = (
            alias.asname.name.value if alias.asname is not None and isinstance(alias.asname.name, cst.Name) else name
        )
        separator = "" if module.endswith(".") else "."
        if module.startswith("torch"):
            absent.note(frame, f"{module}.{name}", alias)
        _bind_import(frame, bound, f"{module}{separator}{name}")
    return True


def _bind_import(frame: Frame, name: str, target: str) -> None:
    unit, variables = frame.unit, frame.env.vars
    if unit.name == "<module>" and name not in variables and unit.source.index.is_one_import(name):
        # found by the index when it is used, which most that a file imports never are
        return
    variables[name] = dotted(frame, target)


def _dotted_text(node: cst.BaseExpression) -> str:
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if isinstance(node, cst.Name):
        parts.append(node.value)
    return ".".join(reversed(parts))


def _else(frame: Frame, node: cst.Else | cst.Finally) -> bool:
    return frame.execute(node.body)


def _with(frame: Frame, node: cst.With) -> bool:
    before, region = frame.no_grad, frame.autocast
    for item in node.items:
        context = frame.evaluate(item.item)
        name = _context_name(item.item)
        if name in WITHOUT_GRAD:
            frame.no_grad = WITHOUT_GRAD[name]
        elif context.kind == "instance" or context.alternatives:
            frame.autocast = autocast.entered(context, frame.autocast)
            training.observe_context(frame, context, item.item)
        if item.asname is not None:
            assign(frame, item.asname.name, context if context.kind not in ("name", "file") else frame.unknown())
    goes_on = frame.execute(node.body)
    frame.no_grad, frame.autocast = before, region
    return goes_on


def _context_name(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Call):
        node = node.func
    return node.attr.value if isinstance(node, cst.Attribute) else node.value if isinstance(node, cst.Name) else ""


def _try(frame: Frame, node: cst.Try) -> bool:
    start = frame.env.copy()
    ends: list[Env] = []
    with frame.trying(bool(node.handlers)):
        goes_on = frame.execute(node.body)
    middle = frame.env
    if goes_on and (node.orelse is None or frame.execute(node.orelse)):
        ends.append(frame.env)
    for handler in node.handlers:
        entry = narrow.join_envs(frame, [start.copy(), middle.copy()])
        assert entry is not None
        frame.env = entry
        if handler.name is not None and isinstance(handler.name.name, cst.Name):
            frame.env.vars[handler.name.name.value] = frame.unknown()
        if frame.execute(handler.body):
            ends.append(frame.env)
    joined = narrow.join_envs(frame, ends)
    frame.env = joined if joined is not None else frame.env
    if node.finalbody is not None and not frame.execute(node.finalbody):
        return False
    return joined is not None


def _function(frame: Frame, node: cst.FunctionDef) -> bool:
    value = make_function(frame, node)
    frame.env.vars[node.name.value] = value
    if not frame.calls:
        frame.session.nested.append((value.ref, frame))
    return True


def _class(frame: Frame, node: cst.ClassDef) -> bool:
    made = ClassRef(node.name.value, node.name.value)
    for arg in node.bases:
        text = frame.unit.code_of(arg.value)
        made.bases.append(base_class(frame.session, frame.unit.source, text))
    for statement in node.body.body:
        if isinstance(statement, cst.FunctionDef):
            made.methods[statement.name.value] = FunctionRef(
                None, statement, statement.name.value, frame.unit, frame, made
            )
    frame.session.cyclic.append(made)
    frame.env.vars[node.name.value] = class_value(frame, made)
    return True


def class_attributes(frame: Frame, node: cst.ClassDef) -> dict[str, Value]:
    """The values that the body of a class binds."""
    block(frame, [s for s in node.body.body if not isinstance(s, (cst.FunctionDef, cst.ClassDef))])
    for value in frame.env.vars.values():
        if value.kind == "tensor" and value.made_by is None:
            frame.session.arguments[value.ident] = "state"
    return dict(frame.env.vars)


def _for(frame: Frame, node: cst.For) -> bool:
    iterated = frame.evaluate(node.iter)
    from nanlint.facts.loops import run_loop

    goes_on = run_loop(frame, node, node.body, iterated)
    if node.orelse is not None and goes_on:
        return frame.execute(node.orelse)
    return goes_on


def _while(frame: Frame, node: cst.While) -> bool:
    from nanlint.facts.loops import run_loop

    goes_on = run_loop(frame, node, node.body, None)
    if node.orelse is not None and goes_on:
        return frame.execute(node.orelse)
    return goes_on


EXECUTORS: dict[type, Callable[..., bool]] = {
    cst.SimpleStatementLine: _body, cst.IndentedBlock: _body, cst.Module: _body,
    cst.Assign: _assign, cst.AnnAssign: _ann_assign, cst.AugAssign: _aug_assign, cst.Expr: _expr,
    cst.Return: _return, cst.Raise: _raise, cst.Assert: _assert, cst.Break: _break, cst.Continue: _continue,
    cst.Del: _del, cst.Global: _global, cst.Nonlocal: _global, cst.Import: _import, cst.ImportFrom: _import_from,
    cst.If: run_if, cst.Else: _else, cst.Finally: _else, cst.With: _with, cst.Try: _try,
    cst.Match: run_match, cst.FunctionDef: _function, cst.ClassDef: _class, cst.For: _for, cst.While: _while,
}  # fmt: skip
