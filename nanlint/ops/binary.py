"""Functions of two tensors, element by element, and the operators of Python."""

from __future__ import annotations

import math
from collections.abc import Callable

from nanlint.interval import FINITE, INF, NONZERO, Interval, exactly
from nanlint.ops import functions as f
from nanlint.ops.define import CERTAIN, op
from nanlint.ops.op import Call, Need, Op, Shape, Singular
from nanlint.ops.shapes import argument, arithmetic, boolean, larger, smaller
from nanlint.slotted import replace

PAIR = "input other"
ROUNDING = 1e-6


def scaled(sign: int) -> Shape:
    """`input + sign * alpha * other`."""

    def shape(call: Call) -> Interval | None:
        x, y = argument(call, "input"), argument(call, "other")
        if x is None or y is None:
            return None
        if call.given("alpha"):
            alpha = argument(call, "alpha")
            if alpha is None:
                return None
            y = y * alpha
        return x + y if sign > 0 else x - y

    return shape


def divide(call: Call) -> Interval | None:
    x, y = argument(call, "input"), argument(call, "other")
    if x is None or y is None:
        return None
    result = x / y
    mode = call.const("rounding_mode") if call.given("rounding_mode") else None
    if mode is None and call.given("rounding_mode"):
        return result
    result = replace(result, nan=result.nan or (mode == "floor" and (INF in x or -INF in x)))
    rounding = {"floor": f.floor, "trunc": f.trunc}.get(str(mode))
    return result if rounding is None else _rounded(result, rounding)


def floor_divide(call: Call) -> Interval | None:
    x, y = argument(call, "input"), argument(call, "other")
    if x is None or y is None:
        return None
    result = _rounded(x / y, f.floor)
    return replace(result, nan=result.nan or INF in x or -INF in x)


def _rounded(x: Interval, fn: Callable[[float], float]) -> Interval:
    """The whole numbers, as far as the rounding of the quotient to float32 may carry them."""
    if x.empty:
        return x
    lo, hi = x.lo - abs(x.lo) * ROUNDING, x.hi + abs(x.hi) * ROUNDING
    lo_open, hi_open = x.lo_open and math.isinf(x.lo), x.hi_open and math.isinf(x.hi)
    return Interval(fn(lo), fn(hi), lo_open, hi_open, False, x.nan)


def remainder(call: Call) -> Interval | None:
    """Of the sign of the divisor; rounding can reach the divisor itself."""
    x, y = argument(call, "input"), argument(call, "other")
    if y is None:
        return None
    nan = y.nan or 0 in y or x is None or x.nan or INF in x or -INF in x
    infinite = INF in y or -INF in y
    lo_open, hi_open = y.lo_open and y.lo < 0, y.hi_open and y.hi > 0
    return Interval(min(y.lo, 0.0), max(y.hi, 0.0), lo_open, hi_open, False, nan or infinite)


def fmod(call: Call) -> Interval | None:
    """Of the sign of the dividend, smaller than the divisor."""
    x, y = argument(call, "input"), argument(call, "other")
    if y is None:
        return None
    nan = y.nan or 0 in y or x is None or x.nan or INF in x or -INF in x
    size = y.magnitude()
    lo = 0.0 if x is not None and x.lo >= 0 else -size.hi
    hi = 0.0 if x is not None and x.hi <= 0 else size.hi
    return Interval(lo, hi, lo == -INF and size.hi_open, hi == INF and size.hi_open, False, nan)


def hypotenuse(call: Call) -> Interval | None:
    x, y = argument(call, "input"), argument(call, "other")
    if x is None or y is None:
        return Interval(0.0, INF, hi_open=True)
    big = larger(x.magnitude(), y.magnitude())
    closed = INF in big
    return Interval(big.lo, INF, big.lo_open and big.lo == 0, not closed, False, big.nan)


def angle_of(call: Call) -> Interval | None:
    x, y = argument(call, "input"), argument(call, "other")
    nan = (x is not None and x.nan) or (y is not None and y.nan)
    if y is not None and y.lo > 0:
        return Interval(-math.pi / 2, math.pi / 2, nan=nan)
    return Interval(0.0 if x is not None and x.lo > 0 else -math.pi, math.pi, nan=nan)


def log_add_exp(call: Call) -> Interval | None:
    """Between the larger of the two and that plus log 2."""
    x, y = argument(call, "input"), argument(call, "other")
    if x is None or y is None:
        return None
    top = larger(x, y)
    return Interval(top.lo, top.hi + 1.0, top.lo_open and math.isinf(top.lo), top.hi_open, False, top.nan)


def addcdiv(call: Call) -> Interval | None:
    return _accumulate(call, lambda x, y: x / y)


def addcmul(call: Call) -> Interval | None:
    return _accumulate(call, lambda x, y: x * y)


def _accumulate(call: Call, fn: Callable[[Interval, Interval], Interval]) -> Interval | None:
    start, x, y = argument(call, "input"), argument(call, "tensor1"), argument(call, "tensor2")
    if start is None or x is None or y is None:
        return None
    value = argument(call, "value") if call.given("value") else exactly(1.0)
    if value is None:
        return None
    return start + value * fn(x, y)


def bounded(limit: Callable[[Interval, Interval], Interval]) -> Shape:
    """The larger or smaller of two, which one of them alone bounds on one side."""

    def shape(call: Call) -> Interval | None:
        x, y = argument(call, "input"), argument(call, "other")
        return None if x is None and y is None else limit(x or FINITE, y or FINITE)

    return shape


def rounded_comparison(name: str, alias: str, numpy: str) -> Op:
    return op(name, "TMI", boolean, PAIR, aliases=alias, also=f"N.{numpy}", dtype="bool", differentiable=False,
              complex="fine" if name in ("eq", "ne") else "raises", attains=CERTAIN)  # fmt: skip


def logical(name: str, places: str, parameters: str = PAIR, also: str = "") -> Op:
    return op(name, places, boolean, parameters, also=also, dtype="bool", differentiable=False, attains=CERTAIN)


def bitwise(name: str, parameters: str = PAIR, also: str = "") -> Op:
    def shape(call: Call) -> Interval | None:
        known = [argument(call, parameter) for parameter in parameters.split()]
        unit = Interval(0.0, 1.0)
        if name != "bitwise_not" and all(x is not None and x.within(unit) for x in known):
            return unit
        return None

    return op(name, "TMIN", shape, parameters, also=also, dtype="promote", differentiable=False, complex="raises")


DIVISOR = (Need("other", NONZERO, "inf or nan at 0"),)
ZERO_DIVISOR_IS_NAN = (Need("other", NONZERO, "nan at 0"),)
AT_ZERO = exactly(0.0)

OPS: tuple[Op, ...] = (
    op("add", "TMI", scaled(1), PAIR + " alpha", also="N.add", dtype="promote"),
    op("sub", "TMI", scaled(-1), PAIR + " alpha", aliases="subtract", also="N.subtract", dtype="promote"),
    op("rsub", "T", arithmetic(lambda x, y: y - x), PAIR, dtype="promote"),
    op("mul", "TMI", arithmetic(Interval.__mul__), PAIR, aliases="multiply", also="N.multiply", dtype="promote"),
    op("div", "TMI", divide, PAIR, aliases="divide true_divide", also="N.divide N.true_divide", needs=DIVISOR,
       dtype="float"),
    op("floor_divide", "TMIN", floor_divide, PAIR, needs=DIVISOR, dtype="promote", complex="raises"),
    op("remainder", "TMIN", remainder, PAIR, also="N.mod", needs=ZERO_DIVISOR_IS_NAN, dtype="promote",
       complex="raises"),
    op("fmod", "TMIN", fmod, PAIR, needs=ZERO_DIVISOR_IS_NAN, dtype="promote", complex="raises"),
    op("maximum", "TMN", bounded(larger), PAIR, dtype="promote", complex="raises"),
    op("minimum", "TMN", bounded(smaller), PAIR, dtype="promote", complex="raises"),
    op("fmax", "TMN", arithmetic(lambda x, y: larger(x, y)), PAIR, dtype="promote", complex="raises"),
    op("fmin", "TMN", arithmetic(lambda x, y: smaller(x, y)), PAIR, dtype="promote", complex="raises"),
    op("hypot", "TMIN", hypotenuse, PAIR, singular=(Singular("input", AT_ZERO, "nan"), Singular("other", AT_ZERO,
       "nan")),
       dtype="promote", complex="raises"),
    op("atan2", "TMI", angle_of, PAIR, aliases="arctan2", also="N.arctan2", dtype="float", complex="raises"),
    op("logaddexp", "TMN", log_add_exp, PAIR, dtype="promote"),
    op("logaddexp2", "TMN", log_add_exp, PAIR, dtype="promote", complex="raises"),
    op("copysign", "TMIN",
       lambda call: None if (x := call.range("input")) is None else x.magnitude().join(-x.magnitude()),
       PAIR, dtype="float", complex="raises"),
    op("ldexp", "TMIN", arithmetic(lambda x, y: x * y.map_rising(f.exp2)), PAIR, dtype="float"),
    op("addcdiv", "TMI", addcdiv, "input tensor1 tensor2", needs=(Need("tensor2", NONZERO, "inf or nan at 0"),),
       dtype="promote"),
    op("addcmul", "TMI", addcmul, "input tensor1 tensor2", dtype="promote"),
    rounded_comparison("eq", "", "equal"),
    rounded_comparison("ne", "not_equal", "not_equal"),
    rounded_comparison("lt", "less", "less"),
    rounded_comparison("le", "less_equal", "less_equal"),
    rounded_comparison("gt", "greater", "greater"),
    rounded_comparison("ge", "greater_equal", "greater_equal"),
    logical("logical_and", "TMIN"),
    logical("logical_or", "TMIN"),
    logical("logical_xor", "TMIN"),
    logical("logical_not", "TMIN", "input"),
    logical("isclose", "TMN"),
    bitwise("bitwise_and"),
    bitwise("bitwise_or"),
    bitwise("bitwise_xor"),
    bitwise("bitwise_not", "input"),
)  # fmt: skip
