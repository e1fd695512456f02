"""What a call says of clipping gradients, by the name of the function or by an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from nanlint.patterns import pattern

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.facts.value import Operand, Value

CLIPS = pattern(r"clip_?(?:by_?)?(?:global_?|total_?|master_?|the_?)?(?:grad|norm(?!al))|(?:grad|norm(?!al))\w*?_?clip")
PREPARES = pattern(r"^_?(?:add|set|enable|register|configure|setup|install|attach|apply_to)_?")
READS = pattern(r"^_?(?:get|parse|has|is|log|print|should|use|test|plot)_")
CLIP_ARGUMENTS = frozenset(
    {"gradient_clip_val", "max_grad_norm", "clip_grad", "clip_grad_norm", "grad_clip", "clip_gradients",
     "gradient_clipping", "clip_norm", "grad_clip_norm", "clip_value", "max_norm"}
)  # fmt: skip


@lru_cache(maxsize=1024)
def clipping(name: str) -> str | None:
    """`clip` for a function that clips gradients, `hook` for one that has that done later, None for any other.

    Few names stand for most calls.
    """
    lowered = name.lower()
    if (
        "clip" not in lowered
        or not CLIPS.search(lowered)
        or not (name[:1].islower() or name.startswith("_"))
        or READS.match(lowered)
    ):
        return None
    return "hook" if PREPARES.match(lowered) else "clip"


def clips_by_argument(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand]) -> bool:
    """The call is told a limit, of what takes an optimizer or runs in a loop."""
    given = [k for k in CLIP_ARGUMENTS & keywords.keys() if is_switched_on(keywords[k].value)]
    if not given:
        return False
    operands = (*positional, *keywords.values())
    takes_optimizer = any(o.value.kind in ("optimizer", "scaler") for o in operands) or "optimizer" in keywords
    return takes_optimizer or (bool(frame.loops) and given != ["max_norm"])


def is_switched_on(bound: Value) -> bool:
    """The argument asks for clipping: it is not None and not 0."""
    return bound.kind != "none" and bound.number != 0
