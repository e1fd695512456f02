"""The several results of one op: pieces of a tensor, values and indices, factors of a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts.dtypes import dtypes_of_parts, is_integral
from nanlint.facts.value import Value
from nanlint.finding import Confidence
from nanlint.interval import FINITE_NONNEGATIVE

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.ops.op import Op

# tuples of any length, all of one kind
PIECES = frozenset("split chunk unbind tensor_split meshgrid broadcast_tensors hsplit split_with_sizes".split())
# how many factors there are, and which of them holds eigenvalues or singular values, whose gradient is always finite
FACTORS = {"eigh": (2, 0), "eig": (2, 0), "svd": (3, 1), "svd_lowrank": (3, 1), "qr": (2, None)}
SINGULAR = frozenset({"svd", "svd_lowrank"})

# what the parts are called where the tuple has names
NAMES = {
    "svd": ("U", "S", "Vh"), "eigh": ("eigenvalues", "eigenvectors"), "eig": ("eigenvalues", "eigenvectors"),
    "qr": ("Q", "R"), "slogdet": ("sign", "logabsdet"), "cholesky_ex": ("L", "info"), "inv_ex": ("inverse", "info"),
    "std_mean": ("std", "mean"), "var_mean": ("var", "mean"),
}  # fmt: skip
VALUES_AND_INDICES = ("values", "indices")


def named(value: Value, name: str) -> Value | None:
    """The part of that name of a tuple that an op has returned, such as `torch.linalg.svd(a).S`."""
    names = NAMES.get(value.op, VALUES_AND_INDICES)
    if name == "V" and value.op == "svd":
        name = "Vh"
    items = value.items or ()
    return items[names.index(name)] if name in names and len(names) == len(items) else None


def parts(frame: Frame, op: Op, result: Value) -> Value:
    """The tuple that the op returns, of what it makes as a whole."""
    if op.name in PIECES:
        return Value("tuple", ident=result.ident, ref=("each", result), hazards=result.hazards)
    first, rest = dtypes_of_parts(op, result.dtype)
    later = result.but(range=op.rest, ident=frame.session.fresh(), dtype=rest)
    if is_integral(rest):
        later = later.but(grad=False, slopes=frozenset())
    items = [result.but(dtype=first), later]
    if op.name in FACTORS:
        count, values = FACTORS[op.name]
        while len(items) < count:
            items.append(later.but(ident=frame.session.fresh()))
        if values is not None:
            place = result.made_by.place if result.made_by is not None else None
            slopes = frozenset(s for s in result.slopes if s.op != op.name or s.place != place)
            items[values] = items[values].but(slopes=slopes)
            if op.name in SINGULAR:
                # exactly 0 for a matrix of zeros: rounding makes something else of it for most singular ones
                items[values] = items[values].but(range=FINITE_NONNEGATIVE, reach=Confidence.POSSIBLE, because=None)
    return result.but(items=tuple(items), kind="tuple")
