"""Variances and covariances that are worked out as a difference of means."""

from __future__ import annotations

from nanlint.facts.relations import first_arg, is_square, same, strip_views
from nanlint.facts.value import Value
from nanlint.slotted import Data

MEANS = frozenset({"mean", "nanmean"})
WINDOWS = frozenset(
    """avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d conv1d conv2d
    conv3d""".split()
)


class Moments(Data):
    """`E[a * b] - E[a] * E[b]`: its two factors, which are one for a variance, and whether means are over a window."""

    first: Value
    second: Value
    windowed: bool

    @property
    def is_variance(self) -> bool:
        return same(self.first, self.second)


def moments_of(value: Value) -> Moments | None:
    """The factors whose mean product and product of means the value is the difference of."""
    value = strip_views(value)
    left, right = value.arg("input"), value.arg("other")
    if value.op != "sub" or left is None or right is None:
        return None
    product, means = _averaged(left), _factors(strip_views(right))
    parts = _factors(strip_views(product[0])) if product is not None else None
    if product is None or parts is None or means is None:
        return None
    first, second = _averaged(means[0]), _averaged(means[1])
    if first is None or second is None:
        return None
    straight = same(parts[0], first[0]) and same(parts[1], second[0])
    crossed = same(parts[0], second[0]) and same(parts[1], first[0])
    return Moments(*parts, product[1]) if straight or crossed else None


def _averaged(value: Value) -> tuple[Value, bool] | None:
    """What the value is a mean of, and whether over a window: `x.mean()`, `x.sum() / n`, `avg_pool2d(x, 3)`."""
    made = strip_views(value)
    inner = first_arg(made)
    if inner is None:
        return None
    if made.op in MEANS or made.op in WINDOWS:
        return inner, made.op in WINDOWS
    total, count = strip_views(inner), made.arg("other")
    if made.op == "div" and total.op == "sum" and count is not None and count.kind in ("number", "unknown"):
        summed = first_arg(total)
        return None if summed is None else (summed, False)
    return None


def _factors(value: Value) -> tuple[Value, Value] | None:
    """`(a, b)` of `a * b`, and `(a, a)` of `a ** 2`."""
    left, right = value.arg("input"), value.arg("other")
    if value.op == "mul" and left is not None and right is not None:
        return left, right
    inner, power = first_arg(value), value.arg("exponent")
    exact = value.op == "square" or (power is not None and power.number == 2)
    return (inner, inner) if inner is not None and exact and is_square(value) else None
