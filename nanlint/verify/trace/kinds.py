"""What has to be known of an operation of ATen before it is recorded."""

from __future__ import annotations

import enum
from typing import Any

import torch
from torch import Tensor

from nanlint.verify.trace.finite import Contents, leaves, of_number

aten = torch.ops.aten

# Their output is whatever the memory held before.
_ALLOCATING = {
    aten.empty, aten.empty_like, aten.empty_strided, aten.empty_permuted, aten.new_empty, aten.new_empty_strided,
    aten.resize_,
}  # fmt: skip
# Each element of their output is one of their input, zero or one: where no input is bad, there is nothing to look at.
_PRESERVING = {
    aten.relu, aten.relu_, aten.threshold_backward, aten.clone, aten.max_pool2d_with_indices,
    aten.max_pool2d_with_indices_backward, aten.zeros, aten.ones, aten.zeros_like, aten.ones_like, aten.new_zeros,
    aten.new_ones, aten.zero_, aten.bernoulli_,
}  # fmt: skip
# Finite wherever one element of the row is not -inf, which is what masks rely on.
NORMALISING = {
    "_softmax", "_log_softmax", "_safe_softmax", "logsumexp", "special_logsumexp", "softmax", "log_softmax",
    "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention",
}  # fmt: skip


class Kind(enum.Enum):
    """`CONSTANT` turns Python numbers into a tensor, `VIEW` shares the memory of an operand."""

    ORDINARY = enum.auto()
    WRITING = enum.auto()
    VIEW = enum.auto()
    CONSTANT = enum.auto()
    ALLOCATING = enum.auto()
    CASTING = enum.auto()
    PRESERVING = enum.auto()


def kind_of(func: Any) -> Kind:
    packet = func.overloadpacket
    if packet in _ALLOCATING:
        return Kind.ALLOCATING
    if packet is aten.lift_fresh:
        return Kind.CONSTANT
    if packet in (aten._unsafe_view, aten._efficientzerotensor):  # noqa: SLF001
        return Kind.VIEW
    if packet in _PRESERVING:
        return Kind.PRESERVING
    schema = func._schema  # noqa: SLF001
    if schema.is_mutable:
        return Kind.WRITING
    if any(argument.alias_info is not None for argument in schema.arguments):
        return Kind.VIEW
    return Kind.CASTING if packet is aten._to_copy else Kind.ORDINARY  # noqa: SLF001


def written(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """The tensors that an operation writes to: the one that `_` in its name stands for, `out`, or those of a list."""
    found: list[Tensor] = []
    for number, argument in enumerate(func._schema.arguments):  # noqa: SLF001
        if argument.alias_info is None or not argument.alias_info.is_write:
            continue
        value = kwargs.get(argument.name) if argument.name in kwargs else args[number] if number < len(args) else None
        found.extend(leaf for leaf in leaves(value) if isinstance(leaf, Tensor))
    return found


def literals(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Contents:
    """The non-finite numbers among the arguments, such as the `-inf` of `masked_fill`."""
    found = Contents.NOTHING
    for leaf in leaves((args, kwargs)):
        if isinstance(leaf, (float, complex)):
            found |= of_number(leaf)
    return found
