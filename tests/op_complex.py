"""What an op does with a complex tensor, measured."""

from __future__ import annotations

import warnings

import torch
from op_recipes import Case

from nanlint.ops import Op
from nanlint.ops.op import OnComplex

SAMPLE = torch.tensor([0.5 + 0.25j, 1.5 - 0.75j, -0.5 + 1.0j, 0.25 - 0.125j])


INPUTS = ("input", "target", "other", "input1", "input2", "x2", "positive", "negative", "var")


def of_function(case: Case) -> OnComplex:
    """What torch does: "raises", "drops" if it warns that it discards the imaginary part, else "fine"."""
    return observe(lambda: case.fn(*(SAMPLE.clone() for _ in case.tensors), **case.consts))


def of_module(op: Op, module: type[torch.nn.Module]) -> OnComplex | None:
    """The same for a module without required arguments, in training; None if it needs some."""
    try:
        made = module()
    except TypeError:
        return None
    inputs = [SAMPLE.abs() if name == "var" else SAMPLE.clone() for name in op.parameters if name in INPUTS]
    return observe(lambda: made(*inputs))


def observe(call: object) -> OnComplex:
    assert callable(call)
    torch.set_warn_always(True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except (RuntimeError, NotImplementedError, TypeError):
            return "raises"
    return "drops" if any("discards the imaginary part" in str(w.message) for w in caught) else "fine"
