"""What nanlint knows of torch's operations: one op, one line."""

from __future__ import annotations

from nanlint.ops.dtypes import DTYPES, Dtype, round_to
from nanlint.ops.op import Call, Need, Op, Singular
from nanlint.ops.table import BY_WORD, LINES, LOSSES, TABLE, by_spelling, is_module, ops_on_complex

__all__ = [
    "BY_WORD", "DTYPES", "LINES", "LOSSES", "TABLE", "Call", "Dtype", "Need", "Op", "Singular", "by_spelling",
    "is_module", "ops_on_complex", "round_to",
]  # fmt: skip
