"""A function before and after a fix, called with the same arguments: value and gradient have to agree. In a child."""

from __future__ import annotations

import ast
import tokenize
import types
from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import Tensor

from nanlint.verify import tree
from nanlint.verify.arguments.instances import Instance
from nanlint.verify.arguments.reach import reach
from nanlint.verify.calling import copied, limited, reset
from nanlint.verify.place import Flagged, Place, place_of
from nanlint.verify.target import NotRunnable, Target, imported, reason, said, target
from nanlint.verify.values.trial import SECONDS

Answer = dict[str, Any]
DRAWS = 6
# of float32, and of the limits that guards put, which are far smaller than the values drawn
RTOL, ATOL = 1e-4, 1e-5


def compare(*, path: str, root: str, module: str, start: tuple[int, int], end: tuple[int, int], fixed: str) -> Answer:
    """What `fixed`, the text of the file after its fix, computes where the file as it is stays finite.

    `agreed`: in how many calls it was the same; `differs`: what was not; `reason`: why nothing could be called.
    """
    try:
        with tokenize.open(path) as stream:
            text = stream.read()
        lines = text.splitlines()
        columns = [len(lines[row - 1][: column - 1].encode()) + 1 for row, column in (start, end)]
        program = ast.parse(text)
        place = place_of(program, Flagged(start[0], columns[0], end[0], columns[1]))
        if not place.qualname:
            return {"reason": "the line stands at module level"}
        loaded = imported(root, module, path)
        before = target(loaded, path, program, place)
        found = reach(before)
        after = _mended(loaded, path, fixed, place)
    except (NotRunnable, ValueError, SyntaxError) as error:
        return {"reason": str(error)}
    agreed = 0
    for arguments in benign(found.arguments):
        old = called(before, found.instance, arguments)
        if isinstance(old, str) or not all(bool(torch.isfinite(leaf).all()) for leaf in old):
            continue
        new = called(after, as_of(found.instance, after), arguments)
        if isinstance(new, str):
            return {"agreed": agreed, "differs": f"it raises {new}"}
        if len(old) != len(new) or not all(is_close(a, b) for a, b in zip(old, new, strict=True)):
            return {"agreed": agreed, "differs": "value or gradient is another one on ordinary input"}
        agreed += 1
    return {"agreed": agreed}


def _mended(loaded: types.ModuleType, path: str, fixed: str, place: Place) -> Target:
    """The same function of a module made of the fixed text. Raises NotRunnable."""
    module = types.ModuleType(loaded.__name__)
    for name in ("__file__", "__package__", "__spec__", "__loader__", "__path__"):
        if hasattr(loaded, name):
            setattr(module, name, getattr(loaded, name))
    try:
        with limited(10 * SECONDS):
            exec(compile(fixed, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 (the user's own code)
    except BaseException as error:
        raise NotRunnable(reason("import", error)) from None
    return target(module, path, ast.parse(fixed), place)


def as_of(instance: Instance | None, after: Target) -> Instance | None:
    """The instance, as one of the class of the fixed module."""
    if instance is None or after.owner is None:
        return instance
    value = copied(instance.value)
    if type(value).__name__ == after.owner.__name__:
        value.__class__ = after.owner
    return Instance(**{**{name: getattr(instance, name) for name in Instance.__slots__}, "value": value})


def benign(arguments: dict[str, Any], still: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """The arguments as they were found, and with ordinary numbers in their float tensors, but for those in `still`."""
    yield arguments
    for seed in range(DRAWS):
        generator = torch.Generator().manual_seed(seed)

        def drawn(leaf: Any, generator: torch.Generator = generator) -> Any:
            if not isinstance(leaf, Tensor) or not leaf.is_floating_point():
                return leaf
            numbers = torch.rand(leaf.shape, generator=generator, dtype=torch.float64) * 0.8 + 0.1
            return numbers.to(leaf.dtype)

        yield {name: value if name in still else tree.mapped(value, drawn) for name, value in arguments.items()}


def called(
    aim: Target, instance: Instance | None, arguments: dict[str, Any], still: Collection[str] = ()
) -> list[Tensor] | str:
    """The results and the gradients to the arguments that are not in `still`, or what was raised."""
    wanting: list[Tensor] = []

    def fresh(leaf: Any) -> Any:
        if isinstance(leaf, Tensor) and leaf.is_floating_point():
            wanting.append(leaf.detach().clone().requires_grad_())
            return wanting[-1].clone()
        return leaf

    try:
        with limited(SECONDS):
            reset()
            copies = {name: copied(value) for name, value in arguments.items()}
            given = {name: v if name in still else tree.mapped(v, fresh) for name, v in copies.items()}
            result = aim.call(copied(instance.value) if instance else None, given)
            outputs = [leaf for _, leaf in tree.leaves(result, "result") if isinstance(leaf, Tensor)]
            flows = [out.double().sum() for out in outputs if out.requires_grad and out.is_floating_point()]
            total = sum(flows) if flows else None
            gradients: list[Tensor] = []
            if isinstance(total, Tensor) and wanting:
                found = torch.autograd.grad(total, wanting, allow_unused=True)
                gradients = [g if g is not None else torch.zeros(()) for g in found]
            return [*(out.detach() for out in outputs), *gradients]
    except BaseException as error:
        return said(error)


def is_close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.allclose(one.double(), other.double(), RTOL, ATOL, equal_nan=True))
