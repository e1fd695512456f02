"""The table of operations, and how a dotted name finds its line."""

from __future__ import annotations

from functools import cache, lru_cache

from nanlint.ops import (
    activations,
    binary,
    create,
    distributions,
    elementwise,
    layers,
    linalg,
    losses,
    reduce,
    special,
    views,
)
from nanlint.ops.op import OnComplex, Op

FAMILIES = (elementwise, binary, reduce, views, create, activations, layers, losses, linalg, special, distributions)

LINES: tuple[Op, ...] = tuple(op for family in FAMILIES for op in family.OPS)
"""Every line. One op may have a second line for spellings that order its parameters otherwise (`x.where(c, y)`)."""


def _named() -> tuple[dict[str, Op], dict[str, tuple[Op, ...]]]:
    table: dict[str, Op] = {}
    by_word: dict[str, tuple[Op, ...]] = {}
    for line in LINES:
        table.setdefault(line.name, line)
        one = (line,)
        for word in line.words:
            known = by_word.setdefault(word, one)
            if known is not one:
                by_word[word] = known + one
    return table, by_word


TABLE, BY_WORD = _named()
"""From the canonical name to the (first) line of the op; and from what a dotted name ends in, without the underscore of
what works in place, to the lines that it may call."""

LOSSES: frozenset[str] = frozenset(_op.name for _op in losses.OPS)


@cache
def ops_on_complex(*behaviours: OnComplex) -> frozenset[str]:
    """The names of the ops, losses apart, that do one of these things with a complex tensor."""
    return frozenset(line.name for line in LINES if line.complex in behaviours) - LOSSES


@lru_cache(maxsize=4096)
def by_spelling(dotted: str) -> Op | None:
    """The op that a dotted name calls, such as `torch.log`, `torch.Tensor.log_` or `torch.nn.ReLU`; None if unknown.

    `torch.functional.norm`, the modules of torch.nn and distributions by their defining files, and the functions that
    `torch.nn.functional` hands on to are found as well.
    """
    found = _spelled(dotted)
    if found is not None or not dotted.startswith("torch."):
        return found
    if dotted.startswith("torch.functional."):
        return _spelled("torch." + dotted[len("torch.functional.") :])
    if dotted.startswith("torch._C._nn."):
        return _spelled("torch.nn.functional." + dotted.rpartition(".")[2])
    if dotted.startswith("torch.nn.modules."):
        return _spelled("torch.nn." + dotted.rpartition(".")[2])
    if dotted.startswith("torch.distributions.") and dotted.count(".") == 3:
        return _spelled("torch.distributions." + dotted.rpartition(".")[2])
    return None


def _spelled(dotted: str) -> Op | None:
    for line in BY_WORD.get(dotted[dotted.rfind(".") + 1 :].rstrip("_"), ()):
        if dotted in line.spellings:
            return line
    return None


def is_module(dotted: str) -> bool:
    """That name is a class of torch.nn whose instances apply an op of the table."""
    if not dotted.startswith("torch.nn.") or by_spelling(dotted) is None:
        return False
    last = dotted.rpartition(".")[2]
    return last[:1].isupper() and last != "Parameter"
