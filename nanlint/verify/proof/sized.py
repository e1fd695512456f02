"""Ranges of operations that depend on how many elements come together, which a graph knows and a table does not.

The bounds on rounding are those of sums in any order: at most `n * eps` times the sum of the magnitudes (Higham,
"Accuracy and Stability of Numerical Algorithms", section 4.2). What a kernel computes on the way must be in range too.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from nanlint.interval import Interval
from nanlint.ops import DTYPES
from nanlint.verify.proof.application import Application
from nanlint.verify.proof.rounding import Unproved, outward

# Of the functions that these operations are made of, in units in the last place.
ULPS = 16.0

Sized = Callable[[Application], Interval]


def _eps(call: Application) -> float:
    return DTYPES[call.result.dtype].eps if DTYPES[call.result.dtype].kind == "float" else 0.0


def _count(call: Application) -> int:
    """How many elements of the input meet in each of the result."""
    if not call.result.count:
        raise Unproved(f"{call.name} gives no element")
    return call.operand("input").count // call.result.count


def _input(call: Application) -> Interval:
    interval = call.range("input")
    if interval is None:
        raise Unproved(f"`input` of {call.name} is no tensor")
    if DTYPES[call.operand("input").dtype].kind == "float" and not _eps(call):
        raise Unproved(f"{call.name} to integers")
    return interval


def _size(x: Interval) -> float:
    return max(abs(x.lo), abs(x.hi))


def _summed(x: Interval, count: int, call: Application) -> Interval:
    """Of `count` members. Rounding never carries a sum of numbers of one sign below the largest of them."""
    slack = count * count * _eps(call) * _size(x)
    lo, hi = count * x.lo - slack, count * x.hi + slack
    if count and x.lo >= 0:
        lo = max(lo, x.lo)
    if count and x.hi <= 0:
        hi = min(hi, x.hi)
    return outward(Interval(lo, hi), call.result.dtype, ulps=ULPS if _eps(call) else 0.0)


def total(call: Application) -> Interval:
    return _summed(_input(call), _count(call), call)


def running_total(call: Application) -> Interval:
    x, shape = _input(call), call.operand("input").shape
    longest = shape[int(call.number("dim", 0))] if shape else 1
    return x.join(_summed(x, longest, call)) if longest else x


def mean(call: Application) -> Interval:
    x, count = _input(call), _count(call)
    if not count:
        raise Unproved("the mean of no element is nan")
    whole = _summed(x, count, call)
    slack = count * _eps(call) * _size(x)
    lo, hi = max(x.lo - slack, whole.lo / count), min(x.hi + slack, whole.hi / count)
    return outward(Interval(lo, hi), call.result.dtype, ulps=ULPS)


def variance(call: Application) -> Interval:
    """At most a quarter of the squared width times n / (n - 1); four times that, for what rounding adds."""
    x, count, correction = _input(call), _count(call), call.number("correction", 1.0)
    if count <= correction:
        raise Unproved(f"{call.name} of {count} elements is not finite")
    if count * _eps(call) > 1 / 64:
        raise Unproved(f"{call.name} of so many elements loses too much to rounding")
    _summed(x, count, call)
    # Each deviation is off by what the mean lost.
    width = x.hi - x.lo + count * _eps(call) * _size(x)
    squares = outward(Interval(0.0, count * width * width), call.result.dtype, ulps=ULPS)
    most = max(squares.hi / (count - correction), DTYPES[call.result.dtype].smallest_normal)
    return outward(Interval(0.0, most), call.result.dtype, ulps=ULPS)


def deviation(call: Application) -> Interval:
    return Interval(0.0, outward(Interval(0.0, math.sqrt(variance(call).hi)), call.result.dtype, ulps=ULPS).hi)


def norm(call: Application) -> Interval:
    x, count, order = _input(call).magnitude(), _count(call), call.number("ord", 2.0)
    if not count:
        return Interval(0.0, 0.0)
    if order == math.inf:
        return x
    if order == 1:
        return _summed(x, count, call)
    if order != 2:
        raise Unproved(f"a norm of order {order:g}")
    squares = _summed(outward(x * x, call.result.dtype, ulps=ULPS), count, call)
    # Of one element the kernel gives the magnitude itself, without squares that underflow.
    root = squares.map_rising(math.sqrt).join(Interval(x.lo, math.sqrt(count) * x.hi))
    return outward(root, call.result.dtype, ulps=ULPS)


def _distance(call: Application) -> tuple[Interval, float]:
    """What the largest logit leaves of each of a row, and how much rounding adds to it."""
    x = _input(call)
    width = outward(Interval(0.0, x.hi - x.lo), call.result.dtype, ulps=ULPS).hi
    return Interval(-width, 0.0), (call.operand("input").count + ULPS) * _eps(call) * (1 + width)


def softmax(call: Application) -> Interval:
    below, slack = _distance(call)
    row = max(call.operand("input").count, 1)
    least = math.exp(below.lo) / row * (1 - slack) if slack < 1 else 0.0
    return outward(Interval(least, 1.0), call.result.dtype, ulps=ULPS)


def log_softmax(call: Application) -> Interval:
    below, slack = _distance(call)
    row = max(call.operand("input").count, 1)
    return outward(Interval(below.lo - math.log(row), 0.0), call.result.dtype, ulps=ULPS, slack=slack)


def log_sum_exp(call: Application) -> Interval:
    x, count = _input(call), _count(call)
    if not count:
        raise Unproved("logsumexp of no element is -inf")
    _, slack = _distance(call)
    return outward(Interval(x.lo, x.hi + math.log(count)), call.result.dtype, ulps=ULPS, slack=slack)


def product_of(left: str, right: str, start: str = "") -> Sized:
    """Matrix products, with something added where `start` names it."""

    def sized(call: Application) -> Interval:
        if call.number("alpha", 1.0) != 1 or call.number("beta", 1.0) != 1:
            raise Unproved(f"{call.name} with factors")
        x, y = call.range(left), call.range(right)
        assert x is not None
        assert y is not None
        terms = outward(x * y, call.result.dtype, ulps=ULPS)
        inner = call.operand(left).shape[-1]
        mixed = _summed(terms, inner, call) if inner else Interval(0.0, 0.0)
        if not start:
            return mixed
        added = call.range(start)
        assert added is not None
        slack = (inner + 1) * _eps(call) * (inner * _size(terms) + _size(added))
        return outward(mixed + added, call.result.dtype, ulps=ULPS, slack=slack)

    return sized


def steps(call: Application) -> Interval:
    """`arange`: whole numbers only, since others are computed as `start + i * step`."""
    start, end, step = call.number("start", 0.0), call.number("end", 0.0), call.number("step", 1.0)
    if not all(number.is_integer() for number in (start, end, step)):
        raise Unproved("steps that are no whole numbers")
    return outward(Interval(min(start, end), max(start, end)), call.result.dtype)


def converted(parameter: str) -> Sized:
    """The elements of a tensor in another format."""

    def sized(call: Application) -> Interval:
        operand, to = call.operand(parameter), DTYPES[call.result.dtype]
        if to.kind == "bool":
            return Interval(0.0, 1.0)
        x = operand.interval
        if to.kind == "integer" and DTYPES[operand.dtype].kind == "float":
            x = Interval(float(math.trunc(x.lo)), float(math.trunc(x.hi)))
        return outward(x, to.name)

    return sized


def picked(call: Application) -> Interval:
    """Elements at numbered places; where a mask says which, their number is not known."""
    indices = call.arguments.get("indices")
    for index in indices if isinstance(indices, list) else ():
        if index is not None and getattr(index, "dtype", "bool") in ("bool", "uint8"):
            raise Unproved("a mask decides how many elements there are")
    return _input(call)


def padded(call: Application) -> Interval:
    value = call.number("value", 0.0)
    return outward(_input(call).join(Interval(value, value)), call.result.dtype)


SIZED: dict[str, Sized] = {
    "sum": total, "cumsum": running_total, "mean": mean, "var": variance, "std": deviation,
    "linalg_vector_norm": norm, "_softmax": softmax, "_log_softmax": log_softmax, "logsumexp": log_sum_exp,
    "mm": product_of("input", "mat2"), "bmm": product_of("input", "mat2"), "mv": product_of("input", "vec"),
    "dot": product_of("input", "tensor"), "addmm": product_of("mat1", "mat2", "input"),
    "baddbmm": product_of("batch1", "batch2", "input"), "arange": steps, "_to_copy": converted("input"),
    "copy": converted("src"), "index": picked, "constant_pad_nd": padded,
}  # fmt: skip
