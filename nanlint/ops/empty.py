"""What reductions make of no elements at all, such as a boolean selection that selects nothing.

Measured on torch 2.13 with `torch.zeros(3)[torch.zeros(3, dtype=torch.bool)]`; `tests/test_empty.py` repeats it. Sums,
norms and products of nothing are finite.
"""

from __future__ import annotations

from typing import Literal

EMPTY: dict[str, Literal["nan", "-inf", "raises"]] = {
    "mean": "nan", "std": "nan", "var": "nan", "median": "nan", "std_mean": "nan", "var_mean": "nan",
    "logsumexp": "-inf",
    "max": "raises", "min": "raises", "amax": "raises", "amin": "raises", "aminmax": "raises", "quantile": "raises",
    "mse_loss": "nan", "l1_loss": "nan", "smooth_l1_loss": "nan", "huber_loss": "nan", "cross_entropy": "nan",
    "nll_loss": "nan", "binary_cross_entropy": "nan", "binary_cross_entropy_with_logits": "nan", "kl_div": "nan",
}  # fmt: skip
"""By op: the result for no elements, for losses that of their default reduction."""
LOSSES = frozenset(name for name in EMPTY if name.endswith("_loss") or "entropy" in name or name == "kl_div")
