"""What is kept of an operation whose output is not finite."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from nanlint.verify.trace.finite import Contents, leaves
from nanlint.verify.trace.frames import Location


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of ATen and its operands.

    A tensor that the operation writes to is a copy from before, or None where it was too large to be copied.
    """

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    versions: tuple[int, ...] = ()

    @classmethod
    def of(cls, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        return cls(func, args, kwargs, _versions(args, kwargs))

    @property
    def is_intact(self) -> bool:
        """Whether no operand was written to since."""
        return self.versions == _versions(self.args, self.kwargs)


def _versions(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, ...]:
    # A tensor made in inference mode counts no versions.
    return tuple(
        t._version  # noqa: SLF001
        for t in leaves((args, kwargs))
        if isinstance(t, Tensor) and not t.is_inference()
    )


@dataclass(slots=True, eq=False)
class Record:
    """An output that is not finite.

    `op` is the name in ATen, "" for a tensor that came from outside what is traced: a batch, a buffer, a parameter.
    `location` is the user's line that asked for it; for a node of a backward pass that of the forward operation.
    `node` is the name of that node, None in a forward pass. `parents` are the operands that were not finite.
    `literal` is what stands in the source as a number: the `-inf` of a mask. `hides` is the record of the memory that
    a write to a part of it left in place. `storage` keeps the address of the memory from being used again while this
    record is known by it.
    """

    op: str
    number: int
    location: Location | None
    node: str | None
    contents: Contents
    shape: tuple[int, ...]
    dtype: torch.dtype
    storage: StorageWeakRef
    parents: tuple[Record, ...] = ()
    literal: Contents = Contents.NOTHING
    call: Call | None = None
    outside: Tensor | None = field(default=None, repr=False)
    hides: Record | None = None

    @property
    def is_deliberate(self) -> bool:
        """Whether the value is as the source says: `x + -inf` is, `0 * -inf` is not."""
        return Contents.NAN in self.literal or bool(self.literal and not self.has_nan)

    @property
    def has_nan(self) -> bool:
        return Contents.NAN in self.contents
