"""The steps of a training loop as they run: forward scaling, backward, unscale, clip, step, and what skips them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nanlint.facts.clipping import CLIPS, clipping, clips_by_argument
from nanlint.facts.functions import FunctionRef, invoke
from nanlint.facts.relations import NOT
from nanlint.facts.value import Operand, Value
from nanlint.patterns import pattern
from nanlint.slotted import Entity, replace
from nanlint.source import nodes as cst

if TYPE_CHECKING:
    from nanlint.facts.frame import Env, Frame, Place

HOOKS = frozenset(
    {"register_hook", "register_full_backward_hook", "register_full_backward_pre_hook", "register_backward_hook",
     "register_post_accumulate_grad_hook", "register_module_full_backward_hook"}
)  # fmt: skip
LIMITS = pattern(r"clamp|clip|renorm|norm|tanh|minimum|maximum|\bmin\(|\bsign\b|\bsgn\b")
LIMITING = frozenset(
    {"clamp", "clamp_min", "clamp_max", "clip", "hardtanh", "tanh", "sign", "sgn", "normalize", "norm", "vector_norm",
     "std", "var", "renorm", "minimum", "maximum"}
)  # fmt: skip
CHANGES = frozenset({"clamp_", "clip_", "copy_", "renorm_", "clamp_min_", "clamp_max_"})
SCALES = frozenset({"mul_", "div_", "multiply_", "divide_"})
STEPPING = ("backward", ".step(", "training_step", "optimizer_step")
UPDATES = frozenset({"add_", "sub_", "addcmul_", "addcdiv_"})
NAMES = (
    HOOKS
    | CHANGES
    | SCALES
    | UPDATES
    | frozenset(
        """Trainer backward manual_backward scale unscale_ unscale_gradients update zero_grad optimizer_step""".split()
    )
)
THROUGH = frozenset(
    {"any", "all", "item", "to", "index", "view", "reshape", "squeeze", "float", "bool", "mean", "sum", "detach", "max"}
)  # fmt: skip


class Event(Entity, frozen=True):
    """One step of training.

    `word` is one of scale, backward, unscale, clip, step, update, zero_grad, hook (on gradients, and it limits them),
    option (a clip in a branch not taken), wrapped (a call that clips by an argument), skip (a branch left because of
    a NaN), half (autocast to float16 begins), trainer, scheduled.
    `receiver` is what the method was called on (for skip: what was tested), `first` the first argument.
    `loops` are the loops around and `arms` the branches, outermost first, `calls` the calls that led here.
    `detail`: for trainer whether it clips (None: unknown); for clip whether its name says that it works on gradients.
    """

    word: str
    place: Place
    receiver: Value
    first: Value | None = None
    loops: tuple[cst.Node, ...] = ()
    arms: tuple[tuple[cst.Node, bool], ...] = ()
    calls: tuple[Place, ...] = ()
    detail: Any = None

    @property
    def is_scaler_step(self) -> bool:
        """`scaler.step(optimizer)`, which also unscales."""
        return self.word == "step" and (self.receiver.kind == "scaler" or self.first is not None)

    def seen_from(self, frame: Frame) -> Event:
        """The event as part of a call in `frame`."""
        return replace(self, loops=(*(loop.node for loop in frame.loops), *self.loops), arms=(*frame.arms, *self.arms))


def note(
    frame: Frame, word: str, node: cst.Node, receiver: Value, first: Value | None = None, detail: Any = None
) -> None:
    """Put an event on the list of the frame."""
    loops = tuple(loop.node for loop in frame.loops)
    frame.events.append(Event(word, frame.place(node), receiver, first, loops, tuple(frame.arms), frame.calls, detail))


def observe(
    frame: Frame,
    name: str,
    receiver: Value,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    node: cst.Call,
    callee: Value | None = None,
) -> None:
    """Note the event if a call of `name` is a step of training. `callee` is what is called, if that is a plain name."""
    if not frame.session.trains:
        return
    if callee is not None and callee.kind == "name" and isinstance(callee.ref, str):
        name = callee.ref.rsplit(".", 1)[-1]
    elif callee is not None and isinstance(callee.ref, FunctionRef) and callee.ref.definition is not None:
        name = callee.ref.name
    first = positional[0].value if positional else None
    if name == "step":
        _step(frame, receiver, positional, keywords, node)
        return
    word, detail = _word(frame, name, receiver, positional, keywords, node, callee)
    if word is not None:
        if name == "optimizer_step" and first is not None:
            # of a module (`xm.optimizer_step(optimizer)`), else of an engine that may clip by its own configuration
            receiver, first = first if receiver.kind in ("name", "file") else receiver, None
        if detail == "manual":
            first = None
        note(frame, word, node, receiver, first, detail)


def _followed(receiver: Value, name: str, callee: Value | None) -> bool:
    """The call leads into code of this file, whose own events tell what happens."""
    if callee is not None:
        return callee.kind in ("function", "class")
    method = getattr(getattr(receiver.ref, "cls", None), "method", None)
    return receiver.kind == "instance" and method is not None and method(name) is not None


def _is_project_optimizer(receiver: Value) -> bool:
    cls = getattr(receiver.ref, "cls", None)
    return receiver.kind == "instance" and cls is not None and (cls.is_a("Optimizer") or any(
        a.startswith("torch.optim.") and ".lr_scheduler" not in a for a in cls.ancestors))  # fmt: skip


def _step(
    frame: Frame, receiver: Value, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Call
) -> None:
    closure = keywords.get("closure") or (positional[0] if positional else None)
    if closure is not None and closure.value.kind == "function" and isinstance(closure.value.ref, FunctionRef):
        invoke(frame, closure.value.ref, (), {}, node)
        closure = None
    elif closure is not None and closure.value.kind == "none":
        closure = None
    if receiver.kind in ("optimizer", "scaler", "unknown", "tuple") or _is_project_optimizer(receiver):
        others = [k for k in keywords if k != "closure"]
        detail = "arguments" if others and receiver.kind == "unknown" else None
        note(frame, "step", node, receiver, closure.value if closure is not None else None, detail)


def _word(
    frame: Frame,
    name: str,
    receiver: Value,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    node: cst.Call,
    callee: Value | None,
) -> tuple[str | None, Any]:
    full = f"{receiver.ref}.{name}" if receiver.kind == "name" and isinstance(receiver.ref, str) else name
    if callee is not None and isinstance(callee.ref, str):
        full = callee.ref
    if name not in NAMES and not keywords and ".lr_scheduler." not in full and clipping(name) is None:
        # nearly all calls
        return None, None
    followed = _followed(receiver, name, callee)
    if name == "Trainer":
        is_lightning = full.startswith(("lightning", "pytorch_lightning"))
        return ("trainer", _trainer_clips(keywords, node)) if is_lightning else (None, None)
    if (clips := clipping(name)) is not None:
        if any(o.value.number in (math.inf, -math.inf) for o in (*positional[1:], *keywords.values())):
            return None, None
        return clips, "grad" in name.lower()
    if name in ("backward", "manual_backward"):
        foreign = receiver.kind in ("name", "file") and not full.startswith("torch.autograd.")
        return ("backward" if not followed and not foreign else None), None
    if name == "scale" and len(positional) == 1 and not keywords and receiver.kind in ("scaler", "unknown"):
        return "scale", None
    if name in ("unscale_", "unscale_gradients"):
        return "unscale", None
    if name == "update" and (receiver.kind == "scaler" or receiver.kind == "unknown" and not positional):
        return "update", None
    if name == "zero_grad":
        return (None if followed else "zero_grad"), None
    if name == "optimizer_step" and positional and not followed:
        return "step", None
    if name in HOOKS and positional:
        return ("hook" if _limits(frame, positional[-1].value) else None), None
    if ".lr_scheduler." in full and positional:
        return "scheduled", name
    if (change := _changes_gradient(name, receiver, positional)) is not None:
        return change, True if change == "clip" else "manual"
    if not followed and clips_by_argument(frame, positional, keywords):
        return "wrapped", None
    return None, None


def _trainer_clips(keywords: Mapping[str, Operand], node: cst.Call) -> bool | None:
    given = keywords.get("gradient_clip_val")
    if given is not None:
        return not (given.value.kind == "none" or given.value.is_literal and not given.value.const)
    return None if any(a.star == "**" for a in node.args) else False


def _changes_gradient(name: str, receiver: Value, positional: Sequence[Operand]) -> str | None:
    """In-place methods: those that limit `p.grad`, and those that step `p` along it."""
    if receiver.op == "grad":
        if name in CHANGES:
            return "clip"
        factor = positional[0].value if positional else None
        if name in SCALES and factor is not None and not factor.is_literal and factor.op not in ("len", "size"):
            return "clip"
    elif name in UPDATES and any(carries_gradient(o.value) for o in positional) and not carries_gradient(receiver):
        return "step"
    return None


def _limits(frame: Frame, hook: Value) -> bool:
    """A hook on gradients limits them, as far as can be seen."""
    inner = getattr(hook.ref, "node", None)
    return inner is None or LIMITS.search(frame.session.code(inner)) is not None


def carries_gradient(value: Value, depth: int = 5) -> bool:
    """The value was made from `p.grad` by operations that do not limit it."""
    if value.op == "grad":
        return True
    if depth == 0 or value.made_by is None or value.op in LIMITING:
        return False
    if value.op == "div" and (other := value.arg("other")) is not None and not other.is_literal:
        return False
    for part in value.made_by.args.values():
        if part.op == "grad" or (part.made_by is not None and carries_gradient(part, depth - 1)):
            return True
    return False


def observe_store(frame: Frame, target: cst.BaseExpression, value: Value) -> None:
    """Note `p.grad = clamp(p.grad)` as a clip, and `p = p - lr * p.grad` as a step."""
    if isinstance(target, cst.Attribute) and target.attr.value in ("grad", "data"):
        holder: cst.BaseExpression = target
        if target.attr.value == "data" and isinstance(target.value, cst.Attribute):
            holder = target.value
        if isinstance(holder, cst.Attribute) and holder.attr.value == "grad":
            if value.op in LIMITING or value.op in ("where", "mul", "div") and not _by_literal(value):
                note(frame, "clip", target, value, None, True)
            return
    if value.op in ("sub", "add") and value.made_by is not None:
        args = list(value.made_by.args.values())
        if not any(a.op == "grad" for a in args[:1]) and any(carries_gradient(a) for a in args[1:]):
            note(frame, "step", target, value, None, "manual")


def observe_context(frame: Frame, context: Value, node: cst.BaseExpression) -> None:
    """Note that what follows is computed in float16, if `with context` surely says so."""
    begun = context.kind == "instance" and isinstance(context.ref, tuple) and context.ref[0] == "autocast"
    if begun and frame.session.trains and context.ref[1] is not None and context.ref[1].dtype == "float16":
        note(frame, "half", node, context)


def _by_literal(value: Value) -> bool:
    factor = value.arg("other")
    return value.op in ("mul", "div") and factor is not None and (factor.is_literal or factor.op in ("len", "size"))


def trains(frame: Frame) -> bool:
    """The definition has a step of training in its text."""
    known = frame.session.stepping
    found = known.get(frame.unit)
    if found is None:
        code = frame.unit.code
        found = known[frame.unit] = any(word in code for word in STEPPING)
    return found


def observe_if(frame: Frame, node: cst.If, yes: Env | None, no: Env | None) -> None:
    """Note a clip in a branch that is not taken, and a branch that leaves because of a NaN."""
    if not trains(frame):
        return
    for env, dead in ((yes, node.body), (no, node.orelse)):
        if env is None and dead is not None and CLIPS.search(frame.unit.code_of(dead).lower()):
            note(frame, "option", dead, frame.unknown())
    skipping = _skipping_arm(frame, node)
    if skipping is None:
        return
    for value, truth in _tested_for_nan(frame, node.test, True):
        if truth == skipping:
            note(frame, "skip", node.test, value)


def _skipping_arm(frame: Frame, node: cst.If) -> bool | None:
    """The arm that leaves the pass without a step of training."""
    if _skips(frame, node.body):
        return True
    body = frame.unit.code_of(node.body)
    if re.search(r"\bbackward\b|\.step\(", body):
        orelse = node.orelse
        if orelse is None or not re.search(r"\b(?:raise|break|exit|abort|backward)\b", frame.unit.code_of(orelse)):
            return False
    return None


def _skips(frame: Frame, body: cst.IndentedBlock) -> bool:
    last: cst.Node | None = body.body[-1] if body.body else None
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    wanted: type[cst.Node] = cst.Continue if frame.loops else cst.Return
    if not isinstance(last, wanted):
        return False
    return re.search(r"\b(?:raise|break|exit|abort|backward|assert)\b", frame.unit.code_of(body)) is None


def _tested_for_nan(frame: Frame, test: cst.BaseExpression, truth: bool) -> list[tuple[Value, bool]]:
    """The values that a condition tests for NaN or Inf, with the truth that says that they are."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return _tested_for_nan(frame, test.expression, not truth)
    if isinstance(test, cst.BooleanOperation):
        return [*_tested_for_nan(frame, test.left, truth), *_tested_for_nan(frame, test.right, truth)]
    session, events = frame.session, len(frame.events)
    session.muted += 1
    try:
        value = frame.evaluate(test)
    finally:
        session.muted -= 1
        del frame.events[events:]
    return list(_nan_tests(value, truth))


def _nan_tests(value: Value, truth: bool, depth: int = 6) -> list[tuple[Value, bool]]:
    inner = value.arg("input")
    if inner is None or depth == 0:
        return []
    other = value.arg("other")
    if value.op in ("isnan", "isinf"):
        return [(inner, truth)]
    if value.op == "isfinite":
        return [(inner, not truth)]
    if value.op in ("ne", "eq"):
        same = other is not None and other.ident == inner.ident
        return [(inner, truth == (value.op == "ne"))] if same else []
    if value.op in NOT:
        return _nan_tests(inner, not truth, depth - 1)
    if value.op in ("logical_or", "bitwise_or", "logical_and", "bitwise_and") and other is not None:
        return [*_nan_tests(inner, truth, depth - 1), *_nan_tests(other, truth, depth - 1)]
    return _nan_tests(inner, truth, depth - 1) if value.op in THROUGH else []
