"""The statements that lead to one of a program's, as a function of the tensors and modules that they start from."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from nanlint.verify import tree
from nanlint.verify.calling import reset
from nanlint.verify.program.loading import compiled, namespace, parsed, run
from nanlint.verify.program.slicing import CALL, RESULT, STACK, STOP, Piece, Unreached, leading


class Block:
    """Calling it with other values for some of `inputs`, by name, gives what the statement gives then.

    An input is a tensor, a list or dict of them, or the parameters of a module by their names. What does not depend on
    one of these is run once, when the block is made. Raises `slicing.Unreached` where the program never gets there,
    and whatever the program raises.

    With `known` the program is an example, whose anchor is that of a call: the names in it stand for these values
    whatever the program imports by them, `source` is its text where it lies in no file, and `call` makes the call.
    """

    def __init__(
        self,
        path: str,
        root: str,
        name: str,
        anchor: str,
        *,
        known: Mapping[str, Any] | None = None,
        source: str = "",
        call: Callable[..., Any] | None = None,
    ) -> None:
        program = ast.parse(source) if source else parsed(path)
        self._start = namespace(path, root, name).__dict__
        self._start |= {"__name__": "__main__", STOP: Unreached, CALL: call or _called, **(known or {})}
        reset()
        inputs: dict[str, Any] = {}
        derived = {STACK}
        inside: list[Piece] = []
        for piece in leading(program, anchor, example=known is not None):
            if piece.reads & (inputs.keys() | derived) or RESULT in piece.binds:
                inside.append(piece)
                derived |= piece.gives
                continue
            run(piece, program, self._start, path)
            if known and isinstance(piece.node, (ast.Import, ast.ImportFrom)):
                self._start |= {each: known[each] for each in piece.binds & known.keys()}
            inputs.update({each: self._start[each] for each in piece.gives if _is_input(self._start.get(each))})
        needed = set[str]().union(*(piece.reads for piece in inside))
        self._held = {each: value for each, value in inputs.items() if each in needed}
        self.inputs = {each: _values(value) for each, value in self._held.items()}
        self.learned = {each for each in self._held if _is_learned(self._held[each], each, program)}
        self._code = compiled(inside, program, path)

    def __call__(self, **given: Any) -> Any:
        variables = dict(self._start)
        for name, value in self._held.items():
            variables[name] = _with(value, given.get(name))
        with ExitStack() as stack:
            variables[STACK] = stack
            exec(self._code, variables)  # noqa: S102 (the user's program, in a child process or a test)
        return variables[RESULT]

    def changed(self, values: dict[str, Any]) -> dict[str, Any]:
        """Those of some values that are not the program's own; of a module's parameters too."""
        found: dict[str, Any] = {}
        for name, value in values.items():
            own = self.inputs[name]
            if not isinstance(self._held[name], nn.Module):
                found |= {} if _same(value, own) else {name: value}
            elif other := {each: tensor for each, tensor in value.items() if not torch.equal(tensor, own[each])}:
                found[name] = other
        return found


def _called(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    return function(*arguments, **named)


def _same(one: Any, other: Any) -> bool:
    pairs = zip(tree.leaves(one, ""), tree.leaves(other, ""), strict=True)
    return all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for (_, a), (_, b) in pairs)


def _is_input(value: Any) -> bool:
    if not isinstance(value, (Tensor, nn.Module)) and type(value) not in (list, tuple, dict):
        return False
    return any(isinstance(leaf, Tensor) and leaf.is_floating_point() for _, leaf in tree.leaves(_values(value), ""))


def _values(value: Any) -> Any:
    if isinstance(value, nn.Module):
        return {name: parameter.detach().clone() for name, parameter in value.named_parameters()}
    return tree.mapped(value, lambda leaf: leaf.detach().clone() if isinstance(leaf, Tensor) else leaf)


def _again(leaf: Any) -> Any:
    return leaf.detach().clone().requires_grad_(leaf.requires_grad) if isinstance(leaf, Tensor) else leaf


def _is_wide() -> bool:
    """Whether what the program computes in float32 is computed in float64."""
    return bool(torch.get_default_dtype() == torch.float64)


def _widened(leaf: Any) -> Any:
    again = _again(leaf)
    is_narrow = isinstance(again, Tensor) and again.dtype == torch.float32
    return again.detach().double().requires_grad_(again.requires_grad) if is_narrow else again


def _with(value: Any, given: Any) -> Any:
    """A copy of a module, with other values for the parameters that are given; for anything else what is given. Where
    the default is float64, the program's own float32 becomes that, too.
    """
    if not isinstance(value, nn.Module):
        return tree.mapped(value, _widened if _is_wide() else _again) if given is None else given
    module = copy.deepcopy(value).to(torch.get_default_dtype()) if _is_wide() else copy.deepcopy(value)
    for name, tensor in (given or {}).items():
        owner, _, last = name.rpartition(".")
        holder = module.get_submodule(owner)
        # No `Parameter`, so that a gradient flows on to what was given.
        vars(holder)["_parameters"][last] = tensor
        if isinstance(holder, nn.RNNBase):
            # It keeps the same tensors in a list of its own, which its `__setattr__` fills.
            del vars(holder)["_parameters"][last]
            setattr(holder, last, tensor)
    return module


def _is_learned(value: Any, name: str, program: ast.Module) -> bool:
    """Whether training can change a value: a module's parameters, and tensors that want a gradient now or later."""
    if isinstance(value, nn.Module) or any(getattr(leaf, "requires_grad", False) for _, leaf in tree.leaves(value, "")):
        return True
    return any(
        isinstance(each, ast.Attribute) and each.attr.startswith("requires_grad")
        and isinstance(each.value, ast.Name) and each.value.id == name
        for each in ast.walk(program)
    )  # fmt: skip
