"""Loops: unrolled when short and literal, else run to where nothing new is learned."""

from __future__ import annotations

from collections.abc import Callable

from nanlint.facts import narrow
from nanlint.facts.apply import record
from nanlint.facts.assignment import assign, element_of
from nanlint.facts.frame import Env, Frame, Loop
from nanlint.facts.hazards import hazards_of, slopes_of
from nanlint.facts.relations import strip_views
from nanlint.facts.value import Application, Operand, Reason, Value, literal
from nanlint.finding import Confidence
from nanlint.interval import POSITIVE
from nanlint.source import nodes as cst

MAX_UNROLLED = 64
MAX_BODY = 12


def run_loop(frame: Frame, node: cst.For | cst.While, body: cst.IndentedBlock, iterated: Value | None) -> bool:
    """Run a loop; False when control cannot get behind it."""
    passes = _unrolled(frame, node, body, iterated)
    if passes is not None:
        return _unroll(frame, node, body, passes)
    entry = frame.env.copy()
    exits: list[Env] = []
    first = _once(frame, node, body, iterated, exits)
    if first is not None:
        grown = _watch_growth(frame, node, entry, first)
        again = None
        if _moves(entry, first):
            frame.env = _widened(frame, entry, first)
            again = _once(frame, node, body, iterated, exits)
        if again is not None:
            _mark_grown(frame, again, node, grown)
        # a loop that runs not even once is not what its reader has in mind
        ends = [first] + ([again] if again is not None else [])
    else:
        ends = [entry]
    if isinstance(node, cst.While) and _is_true(node.test) and exits:
        # what nothing in view leaves is left by a call that raises: what stands behind it was written to be reached
        ends = []
    joined = narrow.join_envs(frame, [*ends, *exits])
    if joined is None:
        return False
    if isinstance(node, cst.While) and ends:
        frame.env = joined
        _, no = narrow.split(frame, node.test)
        joined = narrow.join_envs(frame, [e for e in (no, *exits) if e is not None]) or joined
    frame.env = joined
    return True


def _moves(entry: Env, end: Env) -> bool:
    """A second pass would find some variable other than the first did."""
    for name, before in entry.vars.items():
        after = end.vars.get(name)
        if after is None or after is before or after.ident == before.ident:
            continue
        known = before.range is not None or after.range is not None or before.made_by is not None
        if known or before.kind != after.kind or before.is_literal or after.hazards or before.ref is not after.ref:
            return True
    return False


def _is_true(test: cst.BaseExpression) -> bool:
    return isinstance(test, cst.Name) and test.value == "True" or isinstance(test, cst.Integer) and test.value != "0"


def _once(
    frame: Frame, node: cst.For | cst.While, body: cst.IndentedBlock, iterated: Value | None, exits: list[Env]
) -> Env | None:
    """One pass through the body; the environment at its end, None when no path gets there."""
    if isinstance(node, cst.For) and iterated is not None:
        frame.env = frame.env.copy()
        assign(frame, node.target, element_of(frame, iterated))
        bounds = _bounds(frame, node, iterated)
        if bounds is not None:
            return _between(frame, bounds, lambda: _run_body(frame, node, body, exits))
    elif isinstance(node, cst.While):
        yes, _ = narrow.split(frame, node.test)
        if yes is None:
            return None
        frame.env = yes
    return _run_body(frame, node, body, exits)


def _bounds(frame: Frame, node: cst.For, iterated: Value) -> tuple[Value, Value] | None:
    """Start and end of `range(start, end)`, or of `x[start:end]`."""
    if isinstance(iterated.ref, tuple) and len(iterated.ref) == 3 and iterated.ref[0] == "range":
        return iterated.ref[1], iterated.ref[2]
    part = node.iter.slice[0].slice if isinstance(node.iter, cst.Subscript) and len(node.iter.slice) == 1 else None
    if not isinstance(part, cst.Slice) or not isinstance(part.lower, cst.Name) or not isinstance(part.upper, cst.Name):
        return None
    return frame.evaluate(part.lower), frame.evaluate(part.upper)


def _between(frame: Frame, bounds: tuple[Value, Value], run: Callable[[], Env | None]) -> Env | None:
    """Run the body of a loop over what lies between the bounds: it is entered only where there is something."""
    start, end = bounds
    relation = ("gt", end.ident, start.ident)
    difference = frame.session.interned.get(("sub", "input", "other", end.ident, start.ident))
    if relation in frame.env.relations or difference in frame.env.facts:
        return run()
    frame.env.relate(*relation)
    if difference is not None:
        frame.env.learn(difference, POSITIVE)
    left = run()
    if left is not None:
        # behind the loop there may have been nothing
        left.relations -= {relation}
        if difference is not None:
            left.facts.pop(difference, None)
    return left


def _run_body(frame: Frame, node: cst.For | cst.While, body: cst.IndentedBlock, exits: list[Env]) -> Env | None:
    """Run the body with its variables bound; what `break` carries out goes to `exits`."""
    loop = Loop(node)
    frame.loops.append(loop)
    try:
        goes_on = frame.execute(body)
    finally:
        frame.loops.pop()
    exits.extend(loop.broken)
    return narrow.join_envs(frame, [*([frame.env] if goes_on else []), *loop.continued])


def _unrolled(
    frame: Frame, node: cst.For | cst.While, body: cst.IndentedBlock, iterated: Value | None
) -> list[Value] | None:
    """The values of the loop variable, if they are few and known."""
    if iterated is None or not isinstance(body, cst.IndentedBlock) or len(body.body) > MAX_BODY:
        return None
    if any(not isinstance(s, cst.SimpleStatementLine) for s in body.body):
        return None
    if isinstance(iterated.ref, tuple) and iterated.ref and iterated.ref[0] == "range":
        bounds = [v.const if v.is_literal else None for v in iterated.ref[1:]]
        if all(isinstance(b, int) and not isinstance(b, bool) for b in bounds):
            try:
                steps = range(*bounds)  # type: ignore[arg-type]
            except (ValueError, TypeError):
                return None
            if 0 < len(steps) <= MAX_UNROLLED:
                return [literal(i, frame.session.intern(("const", repr(i)))) for i in steps]
        return None
    if iterated.items is not None and 0 < len(iterated.items) <= 8:
        return list(iterated.items)
    return None


def _unroll(frame: Frame, node: cst.For | cst.While, body: cst.IndentedBlock, passes: list[Value]) -> bool:
    assert isinstance(node, cst.For)
    exits: list[Env] = []
    start = frame.env.copy()
    grown: list[str] = []
    for i, value in enumerate(passes):
        assign(frame, node.target, value)
        end = _run_body(frame, node, body, exits)
        if end is None:
            break
        frame.env = end
        if i == 0:
            grown = _watch_growth(frame, node, start, end, len(passes))
    else:
        _mark_grown(frame, frame.env, node, grown)
        exits.append(frame.env)
    joined = narrow.join_envs(frame, exits)
    if joined is None:
        return False
    frame.env = joined
    return True


def _widened(frame: Frame, entry: Env, end: Env) -> Env:
    """An environment that covers any number of passes."""
    widened = Env(dict(entry.vars), {}, entry.marks & end.marks, entry.relations & end.relations)
    for ident, range_ in entry.facts.items():
        if ident in end.facts:
            widened.facts[ident] = range_.join(end.facts[ident])
    for name, after in end.vars.items():
        before = entry.vars.get(name)
        if before is None or before is after or before.ident == after.ident:
            continue
        widest = before.range.widen(after.range) if before.range is not None and after.range is not None else None
        kind = (
            before.kind
            if before.kind == after.kind
            else "tensor"
            if "tensor" in (before.kind, after.kind)
            else "unknown"
        )
        if before.kind == "none":
            kind = after.kind
        # a value that the passes know nothing of is as sure as they make it, whatever it was before them
        forgotten = before.kind == "none" or (before.range is not None and after.range is None)
        widened.vars[name] = Value(
            kind, widest, min(Confidence.LIKELY, after.reach if forgotten else before.reach),
            frame.session.fresh(), before.dtype if before.dtype == after.dtype else None,
            before.grad if before.grad == after.grad else None, because=after.because or before.because,
            hazards=hazards_of((before, after)), slopes=slopes_of((before, after)),
            ref=before.ref if before.ref is after.ref else (("each", after) if kind == "tuple" else None),
            maybe_empty=before.maybe_empty or after.maybe_empty,
            tensor_if=tuple(dict.fromkeys((*before.tensor_if, *after.tensor_if)))[:8],
        )  # fmt: skip
        if before.range is not None and 0 in before.range and after.reach > Confidence.POSSIBLE:
            # no pass may have added anything
            frame.session.arguments[widened.vars[name].ident] = "state"
        if kind == "tuple" and isinstance(after.ref, tuple):
            widened.vars[name] = after.but(ident=frame.session.fresh())
    return widened


def _watch_growth(
    frame: Frame, node: cst.For | cst.While, entry: Env, end: Env, passes: int | None = None
) -> list[str]:
    """Show the rules each variable that one pass squares, or multiplies by itself; the names of those."""
    grown: list[str] = []
    for name, after in end.vars.items():
        before = entry.vars.get(name)
        if (
            before is None
            or before is after
            or after.made_by is None
            or before.kind not in ("tensor", "number", "unknown")
        ):
            continue
        if _degree(after, before.ident) > 1:
            site = record(
                frame, "loop-growth", {"input": Operand(before, node)}, after.made_by.place.node, after, (name, passes)
            )
            site.place = after.made_by.place
            reason = Reason(
                f"`{name}` is multiplied by itself in each pass of the loop on line {{row}}", frame.place(node)
            )
            end.vars[name] = after.but(because=reason)
            grown.append(name)
    return grown


def _mark_grown(frame: Frame, env: Env, node: cst.For | cst.While, names: list[str]) -> None:
    """Such a variable is made by its loop, whatever its last step was."""
    for name in names:
        value = env.vars[name]
        env.vars[name] = value.but(made_by=Application("growth", {"input": value}, frame.place(node)))


def _degree(value: Value, ident: int, depth: int = 5) -> float:
    """Which power of the value with that number this is, up to number factors and what is added; else 0."""
    value = strip_views(value)
    if value.ident == ident:
        return 1
    left, right = value.arg("input"), value.arg("other")
    if left is None or depth == 0:
        return 0
    base = _degree(left, ident, depth - 1)
    if value.op == "square":
        return 2 * base
    if value.op == "pow":
        exponent = value.arg("exponent")
        return base * max(exponent.number or 0, 0) if exponent is not None else 0
    if right is None:
        return 0
    factor = _degree(right, ident, depth - 1)
    match value.op:
        case "mul" | "matmul" | "mm" | "bmm":
            if left.kind == "number" or right.kind == "number":
                return base + factor
            return base + factor if base and factor else 0
        case "add" | "sub":
            # x - x * x, as in x * (1 - x), may stay bounded
            return 0 if 1 in (base, factor) else max(base, factor)
        case _:
            return 0


__all__ = ["run_loop"]
