"""Functions that call those that they are given: `map`, `reduce`, `checkpoint`, `vmap`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from nanlint.facts.builtin import element_of
from nanlint.facts.calls import invoke_value
from nanlint.facts.frame import Frame
from nanlint.facts.joined import join
from nanlint.facts.torchcalls import SPECIAL_FUNCTIONS, Function
from nanlint.facts.value import Operand, Value
from nanlint.source import nodes as cst

OWN_SETTINGS = frozenset({"use_reentrant", "preserve_rng_state", "context_fn", "determinism_check", "debug"})


@contextmanager
def _spread(frame: Frame, node: cst.Node) -> Iterator[None]:
    """What is called stands nowhere with its arguments, as fixes would have it."""
    frame.session.spread.add(id(node))
    applied, frame.session.applied = frame.session.applied, None
    try:
        yield
    finally:
        frame.session.applied = applied


def _map(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    if len(positional) < 2:
        return frame.unknown()
    function, several = positional[0].value, positional[1]
    with _spread(frame, node):
        if several.value.items is not None and len(positional) == 2:
            each = [invoke_value(frame, function, [Operand(v, several.node)], {}, node) for v in several.value.items]
            return Value("tuple", ident=frame.session.fresh(), items=tuple(each))
        elements = [Operand(element_of(frame, operand.value), operand.node) for operand in positional[1:]]
        result = invoke_value(frame, function, elements, {}, node)
    return Value("tuple", ident=frame.session.fresh(), ref=("each", result))


def _reduce(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    """Two elements are put together, and what comes out with a third one."""
    if len(positional) < 2:
        return frame.unknown()
    element = Operand(element_of(frame, positional[1].value), positional[1].node)
    first = positional[2] if len(positional) > 2 else element
    function = positional[0].value
    with _spread(frame, node):
        once = invoke_value(frame, function, [first, element], {}, node)
        return join(frame, [once, invoke_value(frame, function, [Operand(once, node), element], {}, node)])


def _called(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    """`checkpoint(function, *args)`: what the function gives."""
    passed = {name: operand for name, operand in keywords.items() if name not in OWN_SETTINGS}
    return invoke_value(frame, positional[0].value, positional[1:], passed, node) if positional else frame.unknown()


def _same(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    """`vmap(function)`: it computes the same numbers, of more of them."""
    return positional[0].value if positional else frame.unknown()


TABLE: dict[str, Function] = {
    "builtins.map": _map, "functools.reduce": _reduce, "torch.utils.checkpoint.checkpoint": _called,
    "torch.vmap": _same, "torch.func.vmap": _same, "torch.jit.script": _same, "torch.compile": _same,
}  # fmt: skip
SPECIAL_FUNCTIONS.update(TABLE)
