"""Regions of automatic mixed precision: which ops run in half there, and which in float32 whatever comes in.

The lists are those of torch's autocast for CUDA and for CPU, by canonical op (docs/source/amp.md of torch, and
measured). An op that is in neither runs in what its operands promote to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nanlint.facts.dtypes import dtype_name, of_argument
from nanlint.facts.value import Operand, Value
from nanlint.ops import LOSSES, round_to
from nanlint.slotted import Data

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.facts.functions import FunctionRef

HALF = frozenset({"float16", "bfloat16"})
_PRODUCTS = frozenset(
    """linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d matmul mm bmm addmm addbmm baddbmm
    einsum scaled_dot_product_attention multi_head_attention prelu svd_lowrank""".split()
)
LOWERED = {
    "cuda": _PRODUCTS | frozenset("mv addmv addr multi_dot rnn rnn_cell lstm_cell".split()),
    "cpu": _PRODUCTS | frozenset({"cov", "corrcoef", "matrix_power", "multi_dot"}),
}
"""By device, ops that take float32 and compute and give half. Other accelerators follow CUDA."""
WIDENED = {
    "cuda": LOSSES - {"binary_cross_entropy"} | frozenset(
        """acos asin cosh sinh tan exp expm1 erfinv log log10 log2 log1p logsumexp reciprocal rsqrt pow square softplus
        layer_norm group_norm rms_norm local_response_norm norm vector_norm matrix_norm linalg_norm normalize
        cosine_similarity cdist pdist dist pairwise_distance renorm prod cumprod cumsum softmax softmin log_softmax
        gumbel_softmax sum sum_to_size trapezoid cumulative_trapezoid interpolate upsample_nearest""".split()
    ),
    "cpu": LOSSES - {"gaussian_nll_loss", "multilabel_soft_margin_loss", "triplet_margin_with_distance_loss"}
    | frozenset(
        """prod cdist quantile nanquantile trace grid_sample avg_pool3d adaptive_avg_pool3d adaptive_max_pool3d
        max_pool3d local_response_norm inv inv_ex cholesky cholesky_ex cholesky_inverse cholesky_solve cond eigh
        eigvalsh svd svdvals qr lstsq triangular_solve irfft""".split()
    ),
}  # fmt: skip
"""By device, ops that take half and compute and give float32."""
DEFAULTS = {"cpu": "bfloat16", "hpu": "bfloat16"}
NAMES = tuple(
    f"torch.{where}autocast"
    for where in ("", "amp.", "amp.autocast_mode.", "cuda.amp.", "cuda.amp.autocast_mode.", "cpu.amp.")
)
FIXED = ("torch.cuda.amp.custom_fwd", "torch.cuda.amp.autocast_mode.custom_fwd", "torch.amp.custom_fwd")


class Region(Data):
    """Automatic mixed precision on a device, to this half dtype; None for what is not known."""

    device: str | None
    dtype: str | None

    def has(self, policy: Mapping[str, frozenset[str]], op: str) -> bool:
        """The policy, of those by device, names the op; a device that is not known is taken for an accelerator."""
        return op in policy.get(self.device or "cuda", policy["cuda"])


def make(frame: Frame, name: str, positional: Sequence[Operand], keywords: Mapping[str, Operand]) -> Value:
    """What `torch.autocast(...)` gives: an object whose `ref` is ("autocast", the region or None where it is off)."""
    of_device = name.startswith(("torch.cuda.", "torch.cpu."))
    parameters = ("enabled", "dtype") if of_device else ("device_type", "dtype", "enabled")
    given = dict(zip(parameters, positional, strict=False)) | dict(keywords)
    enabled = given.get("enabled")
    region: Region | None = None
    if enabled is None or not enabled.value.is_literal or enabled.value.const:
        device = _device(name, given.get("device_type"))
        asked = given.get("dtype")
        if asked is None or asked.value.kind == "none":
            dtype = DEFAULTS.get(device, "float16") if device is not None else None
        else:
            dtype = of_argument(asked.value)
        region = Region(device, dtype)
    return Value("instance", ident=frame.session.fresh(), ref=("autocast", region))


def make_fixed(frame: Frame, keywords: Mapping[str, Operand]) -> Value:
    """`custom_fwd(cast_inputs=...)` runs without autocast; the bare one keeps what the caller has."""
    if "cast_inputs" not in keywords:
        return frame.unknown()
    return Value("instance", ident=frame.session.fresh(), ref=("autocast", None))


def _device(name: str, given: Operand | None) -> str | None:
    for device in ("cuda", "cpu"):
        if name.startswith(f"torch.{device}."):
            return device
    if given is None or given.value.kind != "string" or not isinstance(given.value.const, str):
        return None
    return given.value.const.partition(":")[0]


def entered(context: Value, current: Region | None) -> Region | None:
    """The region inside of `with context`, where `current` is the one around it."""
    for value in context.alternatives or (context,):
        if value.kind == "instance" and isinstance(value.ref, tuple) and value.ref[0] == "autocast":
            found: Region | None = value.ref[1]
            return found
    return current


def of_function(frame: Frame, ref: FunctionRef, current: Region | None) -> Region | None:
    """The region in which the body of a function runs, which its decorators may set."""
    if not any(d.rpartition(".")[2] in ("autocast", "custom_fwd") for d in ref.decorators):
        return current
    for decorator in getattr(ref.node, "decorators", ()):
        current = entered(frame.evaluate(decorator.decorator), current)
    return current


def cast(region: Region, op: str, operands: dict[str, Operand]) -> dict[str, Operand]:
    """The operands as the op sees them in the region."""
    if region.has(LOWERED, op):
        return {name: Operand(_lowered(o.value, region.dtype), o.node) for name, o in operands.items()}
    if region.has(WIDENED, op):
        return {name: Operand(_widened(o.value), o.node) for name, o in operands.items()}
    return operands


def _lowered(value: Value, dtype: str | None) -> Value:
    if value.kind == "name" and dtype_name(str(value.ref)) in (*HALF, "float32"):
        # the dtype of a layer's weights
        return Value("none", ident=value.ident, const=None)
    if value.kind not in ("tensor", "unknown") or value.dtype not in (None, "float32", *HALF):
        return value
    if dtype is None:
        return value.but(dtype=None)
    return value.but(dtype=dtype, range=round_to(value.range, dtype) if value.range is not None else None)


def _widened(value: Value) -> Value:
    return value.but(dtype="float32") if value.kind in ("tensor", "unknown") and value.dtype in HALF else value
