"""The dispatch mode that records which operations made values that are not finite, and from what."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor
from torch.autograd import _get_sequence_nr
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from nanlint.verify.trace import finite
from nanlint.verify.trace.casts import Casts
from nanlint.verify.trace.finite import Contents, is_checkable, leaves
from nanlint.verify.trace.flags import Flags
from nanlint.verify.trace.frames import Location
from nanlint.verify.trace.kinds import Kind, kind_of, literals, written
from nanlint.verify.trace.lines import Lines
from nanlint.verify.trace.record import Call, Record

_stack_height = torch._C._len_torch_dispatch_stack  # noqa: SLF001
_PLAIN = {torch.float32, torch.float64, torch.bfloat16}
# An operand that is written to is copied up to this many elements, so that what the operation was given is known.
COPIED_ELEMENTS = 1 << 16


class Recorder(TorchDispatchMode):  # type: ignore[misc,unused-ignore]
    """Records every output that is not finite; costs one sum for each operation whose output is.

    Outputs on a CPU are looked at as they come. On other devices sums go into a buffer (`flags.Flags`) that `settle`
    reads, and operands are not kept; `deferred` forces one or the other way.
    """

    # What a higher-order operator such as torch.cond calls comes here by itself.
    supports_higher_order_operators = True

    def __init__(self, *, deferred: bool | None = None) -> None:
        super().__init__()
        self.off = False
        self.operations = 0
        self._deferred = deferred
        self._records: dict[int, Record] = {}
        self._unread: dict[torch.device, list[Record]] = {}
        self._flags: dict[torch.device, Flags] = {}
        self._kinds: dict[Any, Kind] = {}
        self._lines = Lines()
        self.casts = Casts(self._lines)
        _alive.add(self)

    def defers(self, tensor: Tensor) -> bool:
        """Whether what a tensor holds is only known once the flags are read."""
        return not tensor.is_cpu if self._deferred is None else self._deferred

    @property
    def is_clean(self) -> bool:
        """Whether nothing that is still in memory is known not to be finite."""
        return not self._records

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.off or (_stack_height() and _is_symbolic()) or not isinstance(func, torch._ops.OpOverload):  # noqa: SLF001
            return func(*args, **kwargs)
        if types and not all(map(finite.is_plain, types)):
            # A subclass such as DTensor takes the operation apart; its parts come here.
            return NotImplemented
        self.operations += 1
        sequence = _get_sequence_nr()
        if sequence != self._lines.next:
            self._lines.note(sequence)
        kind = self._kinds.get(func)
        if kind is None:
            kind = self._kinds[func] = kind_of(func)
        if kind is Kind.ORDINARY:
            out = func(*args, **kwargs)
            if type(out) is Tensor and out.dtype in _PLAIN and out.is_cpu and self._is_immediate(out):
                if not math.isfinite(out.sum().item()):
                    self._look(func, args, kwargs, out)
                elif self._records:
                    self._forget(out)
                return out
            self._look(func, args, kwargs, out)
            return out
        return self._unusual(kind, func, args, kwargs)

    def _is_immediate(self, tensor: Tensor) -> bool:
        is_odd = tensor.layout is not torch.strided or tensor.is_nested or tensor._is_zerotensor()  # noqa: SLF001
        return self._deferred is not True and not is_odd

    def _unusual(self, kind: Kind, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kind is Kind.VIEW or (kind is Kind.PRESERVING and not self._records):
            return func(*args, **kwargs)
        if kind is Kind.WRITING or func._schema.is_mutable:  # noqa: SLF001
            targets = [target for target in written(func, args, kwargs) if is_checkable(target)]
            before = [self._before(target) for target in targets]
            out = func(*args, **kwargs)
            self._look(func, args, kwargs, targets, dict(zip(map(id, targets), before, strict=True)))
            if func.overloadpacket is torch.ops.aten.copy_:
                self.casts.note(args[1], args[0])
            return out
        out = func(*args, **kwargs)
        if kind is Kind.ALLOCATING:
            if self._records:
                self._records.pop(_key(out), None)
        elif kind is Kind.CONSTANT:
            self._constant(func, out)
        elif kind is Kind.PRESERVING:
            self._look(func, args, kwargs, out)
        else:
            self.casts.note(args[0], out)
            self._look(func, args, kwargs, out)
        return out

    def _look(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        out: Any,
        before: dict[int, tuple[Tensor | None, Record | None]] | None = None,
    ) -> None:
        for tensor in leaves(out):
            if not is_checkable(tensor):
                continue
            if not self.defers(tensor):
                if finite.is_finite(tensor):
                    if self._records:
                        self._forget(tensor)
                    continue
                self._record(func, args, kwargs, tensor, before or {})
            else:
                self._postpone(func, args, kwargs, tensor, before or {})

    def _record(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        tensor: Tensor,
        before: dict[int, tuple[Tensor | None, Record | None]],
    ) -> None:
        """Record an output that is known not to be finite."""
        location, node = self._lines.here()
        parents: dict[int, Record] = {}
        for operand in leaves((args, kwargs)):
            if not is_checkable(operand):
                continue
            value, known = before.get(id(operand), (operand, None))
            if value is None or finite.is_finite(value):
                continue
            parent = known or self._records.get(_key(operand)) or self._outside(value, operand, location)
            parents[id(parent)] = parent
        contents = finite.contents(tensor)
        makes = not parents or (Contents.NAN in contents and not any(parent.has_nan for parent in parents.values()))
        call = None
        if makes:
            old = {key: value for key, (value, _) in before.items()}
            given = [_replaced(value, old) for value in (args, kwargs)]
            call = Call.of(func, given[0], given[1])
        self._keep(func, tensor, location, node, contents, tuple(parents.values()), literals(args, kwargs), call)

    def _keep(
        self,
        func: Any,
        tensor: Tensor,
        location: Location | None,
        node: str | None,
        contents: Contents,
        parents: tuple[Record, ...],
        literal: Contents,
        call: Call | None = None,
    ) -> Record:
        storage = StorageWeakRef(tensor.untyped_storage())
        name = func.overloadpacket.__name__
        record = Record(
            name, self.operations, location, node, contents, tuple(tensor.shape), tensor.dtype, storage, parents,
            literal, call,
        )  # fmt: skip
        self._records[storage.cdata] = record
        return record

    def _postpone(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        tensor: Tensor,
        before: dict[int, tuple[Tensor | None, Record | None]],
    ) -> None:
        """Record an output whose sum is in the buffer of its device, whatever it turns out to be."""
        location, node = self._lines.here()
        parents = {}
        for operand in leaves((args, kwargs)):
            if isinstance(operand, Tensor):
                known = before[id(operand)][1] if id(operand) in before else self._records.get(_key(operand))
                if known is not None:
                    parents[id(known)] = known
        device = tensor.device
        flags = self._flags.get(device)
        if flags is None:
            flags = self._flags[device] = Flags(device)
        flags.add(tensor)
        record = self._keep(
            func, tensor, location, node, Contents.NOTHING, tuple(parents.values()), literals(args, kwargs)
        )
        record.hides = before[id(tensor)][1] if id(tensor) in before and not _is_whole(tensor) else None
        self._unread.setdefault(device, []).append(record)

    def _constant(self, func: Any, tensor: Any) -> None:
        """A number that stands in the source. Data that holds NaN counts as what comes from outside."""
        if not is_checkable(tensor) or not tensor.is_cpu or finite.is_finite(tensor):
            return
        contents = finite.contents(tensor)
        if Contents.NAN not in contents:
            location, node = self._lines.here()
            self._keep(func, tensor, location, node, contents, (), contents)

    def _outside(self, value: Tensor, operand: Tensor, location: Location | None) -> Record:
        """A tensor that held NaN or Inf before anything here wrote to it."""
        storage = StorageWeakRef(operand.untyped_storage())
        contents = finite.contents(value)
        literal = contents if contents == Contents.NEGATIVE and not operand.requires_grad else Contents.NOTHING
        record = Record(
            "", self.operations, location, None, contents, tuple(value.shape), value.dtype, storage, (), literal,
            None, operand,
        )  # fmt: skip
        self._records[storage.cdata] = record
        return record

    def _before(self, target: Tensor) -> tuple[Tensor | None, Record | None]:
        """What is about to be overwritten, where it is small, and the record of it."""
        is_small = target.numel() <= COPIED_ELEMENTS
        copied = target.detach().clone() if is_small and not self.defers(target) else None
        return copied, self._records.get(_key(target))

    def _forget(self, tensor: Tensor) -> None:
        """A finite write makes the memory finite, if it went to all of it."""
        key = _key(tensor)
        if key in self._records and _is_whole(tensor):
            del self._records[key]

    def record_of(self, tensor: Tensor) -> Record | None:
        """How a tensor came to be not finite; None where it is finite or nobody knows."""
        self.settle()
        record = self._records.get(_key(tensor))
        return record if record is not None and record.contents else None

    def settle(self) -> None:
        """Read the sums of what was postponed, and keep of it what is not finite."""
        for device, records in self._unread.items():
            for record, contents in zip(records, self._flags[device].read(), strict=True):
                record.contents = contents
        for records in self._unread.values():
            for record in records:
                record.parents = tuple(bad for parent in record.parents if (bad := _bad(parent)))
                if not record.contents and self._records.get(record.storage.cdata) is record:
                    hidden = _bad(record)
                    if hidden is None:
                        del self._records[record.storage.cdata]
                    else:
                        self._records[record.storage.cdata] = hidden
        self._unread.clear()
        self.casts.read()

    def end_step(self) -> None:
        """Drop what the next step cannot refer to: lines of its nodes, and records of memory that is gone."""
        self._lines.clear()
        unread = {id(record) for records in self._unread.values() for record in records}
        for key, record in list(self._records.items()):
            if record.storage.expired() and id(record) not in unread:
                del self._records[key]

    @contextmanager
    def removed(self) -> Iterator[None]:
        """Trace nothing inside, and let it cost nothing where no other mode was entered since."""
        height = _stack_height()
        if not height or torch._C._get_dispatch_stack_at(height - 1) is not self:  # noqa: SLF001
            with self.suspended():
                yield
            return
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Trace nothing inside."""
        was, self.off = self.off, True
        try:
            yield
        finally:
            self.off = was


def _is_symbolic() -> bool:
    """Whether a mode is on in which tensors hold no numbers: a graph is traced, or shapes are worked out."""
    keys = torch._C._TorchDispatchModeKey  # noqa: SLF001
    return any(torch._C._get_dispatch_mode(key) is not None for key in (keys.PROXY, keys.FAKE, keys.FUNCTIONAL))  # noqa: SLF001


def _key(tensor: Tensor) -> int:
    """The address of a tensor's memory, 0 for a sparse one."""
    return int(tensor.untyped_storage()._cdata) if tensor.layout is torch.strided else 0  # noqa: SLF001


def _is_whole(tensor: Tensor) -> bool:
    """Whether a tensor is all that its memory holds."""
    return bool(tensor.numel() * tensor.element_size() >= tensor.untyped_storage().nbytes())


def _bad(record: Record | None) -> Record | None:
    """A record, or the one that it hides, where it turned out finite."""
    while record is not None and not record.contents:
        record = record.hides
    return record


def _replaced(value: Any, old: dict[int, Tensor | None]) -> Any:
    """The arguments of a call with what it overwrote as it was before."""
    if isinstance(value, (list, tuple)):
        return tuple(_replaced(item, old) for item in value)
    if isinstance(value, dict):
        return {key: _replaced(item, old) for key, item in value.items()}
    return old[id(value)] if isinstance(value, Tensor) and id(value) in old else value


_alive: WeakSet[Recorder] = WeakSet()


def _stop_in_child() -> None:
    # A worker of a DataLoader is forked with the mode in place.
    for recorder in list(_alive):
        recorder.off = True


os.register_at_fork(after_in_child=_stop_in_child)
