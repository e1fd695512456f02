"""Tensors that were made to be written into: what a call may have put there is no longer what they were filled with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nanlint.facts.relations import strip_views
from nanlint.facts.value import ABSENT, Value
from nanlint.finding import Confidence

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame

BUFFERS = frozenset(
    """zeros zeros_like new_zeros ones ones_like new_ones full full_like new_full empty empty_like new_empty
    empty_strided tensor""".split()
)


def is_buffer(value: Value) -> bool:
    """The value is a tensor that was filled with a number, or a part of it."""
    if value.kind != "tensor":
        return False
    made = strip_views(value)
    return made.op in BUFFERS or (made.range is not None and made.range.point is not None)


def written(frame: Frame, values: Iterable[Value]) -> None:
    """Forget what the variables hold that are, or share, one of these buffers."""
    buffers = list(filter(is_buffer, values))
    if not buffers:
        return
    roots = {strip_views(value).ident for value in buffers}
    for name, held in frame.env.vars.items():
        if held.kind == "tensor" and strip_views(held).ident in roots:
            frame.env.vars[name] = held.but(
                range=None, reach=Confidence.POSSIBLE, ident=frame.session.fresh(), made_by=None, because=None,
                const=ABSENT, items=None, alternatives=(),
            )  # fmt: skip
