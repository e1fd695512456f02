"""How the tests call each op of the table: which arguments are tensors, and what else it must be given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812

from nanlint.interval import UNIT, Interval, exactly
from nanlint.ops import LINES, Op

PLACES = ("torch.nn.functional.", "torch.special.", "torch.linalg.", "torch.fft.", "torch.", "torch.Tensor.")
TENSORS = {"other", "end", "tensor1", "target", "exponent", "values"}
"""Second parameters that are tensors."""


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
        return (
            self.op.name
            + "".join(f",{name}={value}" for name, value in self.consts.items())
            + ("" if len(self.tensors) < 2 else f"({' '.join(self.tensors)})")
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


X, XY = ("input",), ("input", "other")

CONSTANTS: dict[str, list[dict[str, Any]]] = {
    "pow": [{"exponent": e} for e in (0, 1, 2, 3, 4, -1, -2, 0.5, -0.5, 1.5, 1 / 3)] + [{}],
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
    "diag": (lambda x: torch.diag(x), X),
    "tril": (lambda x: torch.tril(x[None, :]), X),
    "triu": (lambda x: torch.triu(x[None, :]), X),
    "dot": (torch.dot, XY),
    "outer": (torch.outer, XY),
    "matmul": (lambda x, y: x[None, :] @ y[:, None], XY),
    "mm": (lambda x, y: torch.mm(x[None, :], y[:, None]), XY),
    "bmm": (lambda x, y: torch.bmm(x[None, None, :], y[None, :, None]), XY),
    "mv": (lambda x, y: torch.mv(x[None, :], y), XY),
    "linear": (lambda x, y: F.linear(x[None, :], y[None, :]), ("input", "weight")),
    "stack": (lambda x: torch.stack([x, x]), X),
    "cat": (lambda x: torch.cat([x, x]), X),
    "max": (lambda x: x.max(), X),
    "min": (lambda x: x.min(), X),
    "avg_pool1d": (lambda x: F.avg_pool1d(x[None, :], x.numel()), X),
    "max_pool1d": (lambda x: F.max_pool1d(x[None, :], x.numel()), X),
    "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x[None, :], 1), X),
    "adaptive_max_pool1d": (lambda x: F.adaptive_max_pool1d(x[None, :], 1), X),
    "avg_pool2d": (lambda x: F.avg_pool2d(x[None, None, None, :], (1, x.numel())), X),
    "max_pool2d": (lambda x: F.max_pool2d(x[None, None, None, :], (1, x.numel())), X),
    "index_add": (lambda x, y: x.index_add(0, torch.zeros(y.numel(), dtype=torch.long), y), ("input", "source")),
    "scatter_add": (lambda x, y: x.scatter_add(0, torch.zeros(y.numel(), dtype=torch.long), y), ("input", "src")),
    "scatter": (lambda x, y: x.scatter(0, torch.zeros(1, dtype=torch.long), y), ("input", "src")),
    "index_copy": (lambda x, y: x.index_copy(0, torch.zeros(1, dtype=torch.long), y[:1]), ("input", "source")),
    "masked_scatter": (lambda x, y: x.masked_scatter(x > 0, y), ("input", "source")),
    "index_fill": (lambda x, y: x.index_fill(0, torch.zeros(1, dtype=torch.long), y[0]), ("input", "value")),
    "copy_": (lambda x, y: x.copy_(y), ("input", "src")),
    "fill_": (lambda x, y: x.fill_(y[0]), ("input", "value")),
    "addmm": (lambda x, y, z: torch.addmm(x[:1], y[None, :], z[:, None]), ("input", "mat1", "mat2")),
    "addmv": (lambda x, y, z: torch.addmv(x[:1], y[None, :], z), ("input", "mat1", "mat2")),
    "baddbmm": (lambda x, y, z: torch.baddbmm(x[:1], y[None, None, :], z[None, :, None]), ("input", "mat1", "mat2")),
    "view": (lambda x: x.view(-1, 1), X),
    "reshape": (lambda x: x.reshape(-1, 1), X),
    "transpose": (lambda x: x[None].transpose(0, 1), X),
    "permute": (lambda x: x[None].permute(1, 0), X),
    "expand": (lambda x: x.expand(2, -1), X),
    "broadcast_to": (lambda x: x.broadcast_to(2, x.numel()), X),
    "repeat": (lambda x: x.repeat(2), X),
    "repeat_interleave": (lambda x: x.repeat_interleave(2), X),
    "tile": (lambda x: x.tile(2), X),
    "split": (lambda x: x.split(1), X),
    "narrow": (lambda x: x.narrow(0, 0, 1), X),
    "select": (lambda x: x.select(0, 0), X),
    "index_select": (lambda x: x.index_select(0, torch.zeros(1, dtype=torch.long)), X),
    "masked_select": (lambda x: x.masked_select(x > 0), X),
    "gather": (lambda x: x.gather(0, torch.zeros(1, dtype=torch.long)), X),
    "take": (lambda x: x.take(torch.zeros(1, dtype=torch.long)), X),
    "take_along_dim": (lambda x: x.take_along_dim(torch.zeros(1, dtype=torch.long)), X),
    "unfold": (lambda x: x.unfold(0, 1, 1), X),
    "diagonal": (lambda x: x[None].diagonal(), X),
    "unflatten": (lambda x: x.unflatten(0, (1, -1)), X),
    "movedim": (lambda x: x[None].movedim(0, 1), X),
    "tensor_split": (lambda x: x.tensor_split(1), X),
    "trace": (lambda x: torch.trace(x[None]), X),
    "cross": (lambda x, y: torch.cross(x[:1].expand(3), y[:1].expand(3), 0), XY),
    "cdist": (lambda x, y: torch.cdist(x[:, None], y[:, None]), ("input", "x2")),
    "pdist": (lambda x: F.pdist(x[:, None]), X),
    "pairwise_distance": (F.pairwise_distance, ("input", "x2")),
    "matrix_norm": (lambda x: torch.linalg.matrix_norm(x[None]), X),
    "svdvals": (lambda x: torch.linalg.svdvals(x[None].nan_to_num()), X),
    "layer_norm": (lambda x: F.layer_norm(x, x.shape), X),
    "rms_norm": (lambda x: F.rms_norm(x, x.shape), X),
    "group_norm": (lambda x: F.group_norm(x[None], 1), X),
    "interpolate": (lambda x: F.interpolate(x[None, None], scale_factor=2, mode="linear"), X),
    "conv1d": (lambda x, y: F.conv1d(x[None], y[None, None, :1]), ("input", "weight")),
    "margin_ranking_loss": (lambda x, y: F.margin_ranking_loss(x, y, torch.ones_like(x)), ("input", "input2")),
    "triplet_margin_loss": (F.triplet_margin_loss, ("input", "positive", "negative")),
    "gaussian_nll_loss": (lambda x, y, v: F.gaussian_nll_loss(x, y, v.abs()), ("input", "target", "var")),
    "scaled_dot_product_attention": (
        lambda x, y, z: F.scaled_dot_product_attention(x[None, None], y[None, None], z[None, None]),
        ("query", "key", "value"),
    ),
}  # fmt: skip

NOT_CALLED = frozenset(
    """corrcoef cov
    adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d addbmm addr adjoint as_strided
    avg_pool3d batch_norm bernoulli bincount bitwise_and bitwise_not bitwise_or bitwise_xor bucketize
    channel_shuffle cholesky cholesky_ex cholesky_inverse cholesky_solve cond conv2d conv3d conv_transpose1d
    conv_transpose2d conv_transpose3d cosine_embedding_loss ctc_loss cuda det dim dropout eig eigh eigvals eigvalsh
    fill fold from_numpy gcd grid_sample gumbel_softmax histc hsplit imag index_put index_reduce instance_norm inv
    inv_ex isclose isin istft item local_response_norm logdet lp_pool1d lp_pool2d lp_pool3d lstsq lu lu_factor
    lu_solve matrix_exp matrix_power matrix_rank max_pool3d max_unpool1d mode multi_dot multi_margin_loss
    multilabel_margin_loss multinomial mvlgamma narrow_copy nll_loss numel numpy one_hot pin_memory pinv
    pixel_shuffle pixel_unshuffle poisson prelu put qr renorm requires_grad_ rot90 rrelu scatter_reduce
    select_scatter size slogdet solve solve_ex solve_triangular split_with_sizes stft sum_to_size svd svd_lowrank
    tensordot tolist triangular_solve triplet_margin_with_distance_loss unique upsample_nearest view_as_complex
    view_as_real""".split()
)
"""Ops without a range of their own to test, and those that want matrices, indices, flags or weights."""


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
    import numpy as np

    found: Any = {"torch": torch, "numpy": np}[dotted.partition(".")[0]]
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
            if needed and needed[0] in TENSORS and needed[0] not in consts:
                tensors = ("input", "tensor1", "tensor2") if needed[0] == "tensor1" else ("input", needed[0])
            yield Case(op, found, tensors, consts, 2 if op.name in ("std", "var", "std_mean", "var_mean") else 1)


def missing_from_op_db() -> list[str]:
    """The ops of torch's own table of tests that ours lacks, which running this file prints. Needs expecttest."""
    from torch.testing._internal.common_methods_invocations import op_db

    known = {spelling.rpartition(".")[2] for op in LINES for spelling in op.spellings}
    return sorted({info.name for info in op_db if info.name.rpartition(".")[2] not in known})


if __name__ == "__main__":
    print("\n".join(missing_from_op_db()))
