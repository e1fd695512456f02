"""The steps of a training loop, in the order in which they run: backward, unscale, clip, step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nanlint.facts.apply import record
from nanlint.facts.value import Operand, Value

if TYPE_CHECKING:
    import libcst as cst

    from nanlint.facts.frame import Frame, Place

OPTIMIZER_METHODS = {"step": "step", "zero_grad": "zero_grad"}
CLIPPERS = ("clip_grad", "clip_gradient", "gradient_clip", "grad_clip", "clip_norm", "clip_master_grads")
CLIP_ARGUMENTS = ("gradient_clip_val", "max_grad_norm", "clip_grad", "clip_grad_norm", "grad_clip", "max_norm")


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One step of training: `word` is backward, unscale, clip, step, zero_grad, scaler-step, hook or wrapped.

    `receiver` is what the method was called on, `first` the first argument, `loops` the loops around, outermost first.
    """

    word: str
    place: Place
    receiver: Value
    first: Value | None
    loops: tuple[Any, ...]
    calls: tuple[Place, ...]
    argument: bool = False


def observe(
    frame: Frame, name: str, receiver: Value, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.CSTNode
) -> None:
    """Note the event if a call of `name` is a step of training."""
    word = _word(name, receiver, positional, keywords)
    if word is not None:
        first = positional[0].value if positional else None
        argument = bool(positional or keywords)
        frame.events.append(
            Event(word, frame.place(node), receiver, first, tuple(id(loop.node) for loop in frame.loops), frame.calls, argument)
        )


def _word(name: str, receiver: Value, positional: Sequence[Operand], keywords: Mapping[str, Operand]) -> str | None:
    last = name.rsplit(".", 1)[-1]
    lowered = last.lower()
    if any(c in lowered for c in CLIPPERS):
        return "clip"
    if any(k in CLIP_ARGUMENTS and operand.value.kind != "none" for k, operand in keywords.items()) and last != "Trainer":
        return "wrapped"
    if last in ("backward", "manual_backward"):
        return "backward"
    if last == "unscale_":
        return "unscale"
    if last in OPTIMIZER_METHODS:
        if receiver.kind == "scaler" or (last == "step" and positional and positional[0].value.kind == "optimizer"):
            return "scaler-step"
        return OPTIMIZER_METHODS[last] if receiver.kind in ("optimizer", "unknown", "tuple") else None
    if last in ("register_hook", "register_full_backward_hook", "register_post_accumulate_grad_hook"):
        return "hook"
    if receiver.op == "grad" and last in ("clamp_", "clip_", "mul_", "div_", "copy_", "renorm_"):
        return "clip"
    return None


def close(frame: Frame, node: cst.CSTNode) -> None:
    """Show the rules the training steps of a definition that has run to its end."""
    if any(event.word in ("step", "scaler-step", "backward") for event in frame.events):
        record(frame, "training-step", {}, node, frame.unknown(), (tuple(frame.events), frame))
