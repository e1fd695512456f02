"""Which line of the forward pass a node of the backward pass belongs to."""

from __future__ import annotations

import sys

import torch
from torch.autograd import _get_sequence_nr

from nanlint.verify.trace.frames import Instruction, Location, innermost

_current_node = torch._C._current_autograd_node  # noqa: SLF001
# Where no optimizer ever steps, so that nobody says which lines are of no more use.
KEPT = 1 << 18


class Lines:
    """The line of each autograd node, by its sequence number.

    A number is given out when a node is made, which is before its operation is dispatched: what is new at a
    dispatch belongs to the operation at hand. Later operations see the same last number again, hence the first counts.
    """

    def __init__(self) -> None:
        self.next = int(_get_sequence_nr())
        self._of_node: dict[int, Instruction] = {}

    def note(self, following: int) -> None:
        """Nodes were made since the last call: `following` is the number that the next one gets."""
        line = self._here()[0]
        if line is not None:
            for number in range(max(self.next, following - 8), following):
                self._of_node.setdefault(number, line)
        self.next = following
        if len(self._of_node) > KEPT:
            for number in list(self._of_node)[: KEPT // 2]:
                del self._of_node[number]

    def here(self) -> tuple[Location | None, str | None]:
        """The user's line that what runs now belongs to, and the name of the node whose kernel it is.

        No node in a forward pass, one that a checkpoint repeats included, nor in a `backward` or hook of the user's.
        """
        line, node = self._here()
        return (Location.of(line) if line else None), node

    def _here(self) -> tuple[Instruction | None, str | None]:
        node = _current_node()
        line = innermost(sys._getframe(2))  # noqa: SLF001
        if node is None or line is not None:
            return line, None
        return self._of_node.get(node._sequence_nr()), node.name()  # noqa: SLF001

    def clear(self) -> None:
        self._of_node.clear()
