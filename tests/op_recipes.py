"""How the tests call each op of the table: which arguments are tensors, and what else it must be given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from nanlint.interval import UNIT, Interval, exactly
from nanlint.ops import LINES, Op

PLACES = ("torch.nn.functional.", "torch.special.", "torch.linalg.", "torch.fft.", "torch.", "torch.Tensor.")
TENSORS = {"input", "other", "end", "tensor1", "tensor2", "target", "value", "src"}


@dataclass(frozen=True)
class Case:
    """One way to call an op: `fn(*tensors, **consts)`; `least` elements are needed at the least."""

    op: Op
    fn: Callable[..., Any]
    tensors: tuple[str, ...]
    consts: Mapping[str, Any] = field(default_factory=dict)
    least: int = 1

    @property
    def id(self) -> str:
        return self.op.name + "".join(f",{name}={value}" for name, value in self.consts.items()) + (
            "" if len(self.tensors) < 2 else f"({' '.join(self.tensors)})"
        )


class Known:
    """The `Call` of a test: intervals of tensors, literal values of the rest."""

    def __init__(self, ranges: Mapping[str, Interval | None], consts: Mapping[str, Any]) -> None:
        self.ranges, self.consts = ranges, consts

    def range(self, parameter: str) -> Interval | None:
        constant = self.consts.get(parameter)
        if isinstance(constant, int | float) and not isinstance(constant, bool):
            return exactly(float(constant))
        return self.ranges.get(parameter)

    def const(self, parameter: str) -> object:
        return self.consts.get(parameter)

    def given(self, parameter: str) -> bool:
        return parameter in self.ranges or self.consts.get(parameter) is not None


CONSTANTS: dict[str, list[dict[str, Any]]] = {
    "pow": [{"exponent": e} for e in (0, 1, 2, 3, 4, -1, -2, 0.5, -0.5, 1.5, 1 / 3)],
    "clamp": [{"min": 0}, {"max": 1}, {"min": 0.1, "max": 0.9}, {"min": -1, "max": 1}, {"min": 2, "max": 1}],
    "clamp_min": [{"min": 1e-3}],
    "clamp_max": [{"max": 1e-3}],
    "hardtanh": [{}, {"min_val": -2.0, "max_val": 2.0}],
    "leaky_relu": [{}, {"negative_slope": 0.2}, {"negative_slope": -0.5}, {"negative_slope": 2.0}],
    "elu": [{}, {"alpha": 0.0}, {"alpha": 2.0}],
    "celu": [{}, {"alpha": 2.0}],
    "threshold": [{"threshold": 0.1, "value": 20.0}, {"threshold": 0.0, "value": -1.0}],
    "softplus": [{}, {"beta": 10}, {"beta": 0.1}],
    "gelu": [{}, {"approximate": "tanh"}],
    "logit": [{}, {"eps": 0.01}],
    "nan_to_num": [{}, {"nan": 0.0, "posinf": 0.0, "neginf": 0.0}, {"nan": 5.0}],
    "round": [{}, {"decimals": 1}],
    "softmax": [{"dim": 0}], "softmin": [{"dim": 0}], "log_softmax": [{"dim": 0}],
    "logsumexp": [{"dim": 0}], "cumsum": [{"dim": 0}], "cumprod": [{"dim": 0}],
    "logcumsumexp": [{"dim": 0}], "cummax": [{"dim": 0}], "cummin": [{"dim": 0}],
    "topk": [{"k": 1}], "kthvalue": [{"k": 1}],
    "quantile": [{"q": 0.5}, {"q": 0.9}], "nanquantile": [{"q": 0.5}],
    "norm": [{}, {"p": 1}, {"p": float("inf")}, {"p": 3}], "vector_norm": [{}, {"ord": 1}, {"ord": 3}],
    "normalize": [{"dim": 0}],
    "div": [{}, {"rounding_mode": "floor"}, {"rounding_mode": "trunc"}],
    "add": [{}, {"alpha": -2.0}], "sub": [{}, {"alpha": 3.0}],
    "addcdiv": [{}, {"value": -0.5}], "addcmul": [{}, {"value": 2.0}],
    "cosine_similarity": [{"dim": 0}],
    "lerp": [{"weight": 0.25}, {"weight": 2.0}],
    "pad": [{"pad": (1, 1)}, {"pad": (1, 1), "value": 3.0}],
    "unsqueeze": [{"dim": 0}], "chunk": [{"chunks": 2}], "roll": [{"shifts": 1}], "flip": [{"dims": (0,)}],
}  # fmt: skip
"""The further arguments with which an op is tried; one call without any where the op is not named here."""

OWN_CALLS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "where": (lambda x, y: torch.where(torch.arange(x.numel()) % 2 == 0, x, y), ("input", "other")),
    "masked_fill": (lambda x: x.masked_fill(torch.arange(x.numel()) % 2 == 0, 7.0), ("input",)),
    "diag": (lambda x: torch.diag(x), ("input",)),
    "tril": (lambda x: torch.tril(x[None, :]), ("input",)),
    "triu": (lambda x: torch.triu(x[None, :]), ("input",)),
    "dot": (torch.dot, ("input", "other")),
    "outer": (torch.outer, ("input", "other")),
    "matmul": (lambda x, y: x[None, :] @ y[:, None], ("input", "other")),
    "mm": (lambda x, y: torch.mm(x[None, :], y[:, None]), ("input", "other")),
    "linear": (lambda x, y: torch.nn.functional.linear(x[None, :], y[None, :]), ("input", "weight")),
    "stack": (lambda x: torch.stack([x, x]), ("input",)),
    "cat": (lambda x: torch.cat([x, x]), ("input",)),
    "max": (lambda x: x.max(), ("input",)),
    "min": (lambda x: x.min(), ("input",)),
    "avg_pool1d": (lambda x: torch.nn.functional.avg_pool1d(x[None, :], x.numel()), ("input",)),
    "max_pool1d": (lambda x: torch.nn.functional.max_pool1d(x[None, :], x.numel()), ("input",)),
    "index_add": (lambda x, y: x.index_add(0, torch.zeros(y.numel(), dtype=torch.long), y), ("input", "source")),
    "scatter_add": (lambda x, y: x.scatter_add(0, torch.zeros(y.numel(), dtype=torch.long), y), ("input", "src")),
    "addmm": (lambda x, y, z: torch.addmm(x[:1], y[None, :], z[:, None]), ("input", "mat1", "mat2")),
}  # fmt: skip

NOT_CALLED = frozenset(
    """bincount multinomial one_hot grid_sample gumbel_softmax poisson bernoulli rrelu dropout prelu mode unique histc
    requires_grad_ cuda numpy item tolist size dim numel isclose""".split()
)
"""Ops without a range of their own to test, or that need integer or special input."""


DOMAINS = {
    ("cross_entropy", "target"): UNIT,
    ("binary_cross_entropy", "input"): UNIT,
    ("binary_cross_entropy", "target"): UNIT,
}
"""Where the op means something: cross_entropy of distributions, for one."""


def function(op: Op) -> Callable[..., Any] | None:
    """The first callable spelling."""
    for place in PLACES:
        spelling = place + op.name
        if spelling in op.spellings:
            return resolve(spelling)
    return None


def resolve(dotted: str) -> Any:
    """The object of that name. Raises AttributeError."""
    import numpy

    found: Any = {"torch": torch, "numpy": numpy}[dotted.partition(".")[0]]
    for part in dotted.split(".")[1:]:
        found = getattr(found, part)
    return found


def cases(names: Callable[[Op], bool] = lambda op: True) -> Iterator[Case]:
    """Every call that can be made up: one input, or two of the same shape."""
    seen = set()
    for op in LINES:
        if op.name in seen or op.name in NOT_CALLED or not names(op) or op.random:
            continue
        seen.add(op.name)
        if op.name in OWN_CALLS:
            fn, tensors = OWN_CALLS[op.name]
            yield Case(op, fn, tensors)
            continue
        found = function(op)
        if found is None or op.parameters[0] != "input" or op.returns in ("number", "unknown"):
            continue
        needed = list(op.parameters[1:])
        for consts in CONSTANTS.get(op.name, [{}]):
            tensors = ("input",)
            if needed and needed[0] in ("other", "tensor1", "target", "end") and needed[0] not in consts:
                tensors = ("input", "tensor1", "tensor2") if needed[0] == "tensor1" else ("input", needed[0])
            yield Case(op, found, tensors, consts, 2 if op.name in ("std", "var") else 1)
        if op.name == "pow":
            yield Case(op, found, ("input", "exponent"))
