"""Which names torch has, and which methods nothing but a tensor has."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

SHARED_METHODS = frozenset(
    """abs absolute add all any argmax argmin argsort bfloat16 byte ceil char clip conj contiguous cov cpu cuda cummax
    cummin cumprod cumsum diagonal diff div divide dot double eq expand flatten float floor ge gt half index
    indices int ipu is_complex is_floating_point is_pinned is_signed item le log10 logical_and logical_or logical_xor
    long lt max mean median min mode mtia mul multinomial multiply ne nonzero numel pin_memory prod put quantile ravel
    repeat requires_grad_ reshape resize round select short size sort split squeeze std sub subtract sum swapaxes take
    to tolist trace transpose type unique values var view where xpu""".split()
)
"""Tensor methods that arrays, data frames, containers, modules or distributions have too; see `tests/test_ops.py`.

`log`, `exp`, `sqrt`, `pow` and `detach` are left out: the other classes that have them (Logger.log, Decimal.exp,
DataFrame.pow, StringIO.detach) are not called the way tensors are, and seldom next to torch.
"""


NAMESPACES = (
    "torch", "torch.Tensor", "torch.distributions", "torch.fft", "torch.linalg", "torch.nn", "torch.nn.functional",
    "torch.optim", "torch.special",
)  # fmt: skip
"""The places of torch whose names are known in full."""


def is_absent(dotted: str) -> bool:
    """Torch 2.13 has no such public name; False for what lies in none of `NAMESPACES`."""
    namespace, _, name = dotted.rpartition(".")
    return namespace in NAMESPACES and not name.startswith("_") and dotted not in torch_names()


@lru_cache(maxsize=1)
def torch_names() -> frozenset[str]:
    """The public names of torch 2.13 and of its main namespaces, such as `torch.nn.functional.relu`."""
    return frozenset((Path(__file__).parent / "data" / "torch_names.txt").read_text("utf-8").split())


def is_tensor_only(method: str) -> bool:
    """A receiver with that method is known to be a tensor: `unsqueeze`, `masked_fill`, `softmax`."""
    return f"torch.Tensor.{method}" in torch_names() and method not in SHARED_METHODS and method not in NOT_CALLED


NOT_CALLED = frozenset(
    """H T mH mT data device dtype grad grad_fn imag is_cpu is_cuda is_ipu is_leaf is_maia is_meta is_mkldnn is_mps
    is_mtia is_nested is_quantized is_sparse is_sparse_csr is_vulkan is_xla is_xpu itemsize grad_dtype layout name
    nbytes ndim output_nr real requires_grad retains_grad shape volatile""".split()
)
"""Attributes of tensors that are no methods."""
