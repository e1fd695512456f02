"""What nanlint knows of torch's operations: one op, one line."""

from __future__ import annotations

from nanlint.ops.dtypes import DTYPES, Dtype, round_to
from nanlint.ops.op import Call, Need, Op, Singular
from nanlint.ops.table import LINES, TABLE, by_spelling, is_module

__all__ = [
    "DTYPES", "LINES", "TABLE", "Call", "Dtype", "Need", "Op", "Singular", "by_spelling", "is_module", "round_to",
]  # fmt: skip
