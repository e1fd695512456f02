"""torch.special and other rarer functions of one tensor."""

from __future__ import annotations

import math

from nanlint.interval import (
    FINITE,
    FINITE_NONNEGATIVE,
    INF,
    NONNEGATIVE,
    POSITIVE,
    UNIT,
    ZERO,
    Interval,
    at_least,
    at_most,
    exactly,
)
from nanlint.ops import functions as f
from nanlint.ops.define import CERTAIN, op
from nanlint.ops.elementwise import EVEN_OVERFLOW, need, singular
from nanlint.ops.op import Call, Op, Shape
from nanlint.ops.pointwise import power, sine
from nanlint.ops.shapes import always, argument, nothing
from nanlint.slotted import replace


def normal_distribution(call: Call) -> Interval | None:
    """The kernels lose digits where `1 + erf(x / sqrt 2)` cancels: all in float16 from about -4 on.

    In bfloat16 the result at -3 is 0.00195 instead of 0.00135.
    """
    x = call.range("input")
    if x is None:
        return UNIT
    image = x.map_rising(f.normal_cdf)
    if x.empty or x.lo >= -2:
        return image
    return replace(image, lo=0.0, hi=min(image.hi + 2**-9, 1.0))


def gap(call: Call) -> Interval | None:
    """From a float to the next one away from 0, so with its sign; nan for what is not finite."""
    x = call.range("input")
    if x is None or not x.within(FINITE):
        return None
    if x.point is not None:
        return exactly(math.copysign(math.ulp(x.point), x.point or 1.0))
    return POSITIVE if x.lo >= 0 else None


def bessel(lo: float, hi: float) -> Shape:
    """Oscillates between the ends, and is NaN or 0 at infinity."""

    def shape(call: Call) -> Interval | None:
        x = call.range("input")
        return Interval(lo, hi, nan=x is not None and (x.nan or INF in x or -INF in x))

    return shape


def scaled_bessel_i0(call: Call) -> Interval | None:
    """`exp(-|x|) I0(x)`: above 0 and at most 1 for finite x; 0 or NaN at infinity."""
    x = call.range("input")
    return Interval(0.0, 1.0, lo_open=x is None or x.within(FINITE), nan=x is not None and not x.within(FINITE))


def scaled_erfc(call: Call) -> Interval | None:
    """`exp(x^2) erfc(x)`: falls towards 0, which no finite x reaches; bounds by DLMF 7.8.2."""
    x = call.range("input")
    if x is None:
        return POSITIVE
    if x.empty or x.nan:
        return NONNEGATIVE.with_nan()
    if x.lo < 0 or x.hi == INF:
        return Interval(0.0, INF if x.lo < 0 else 1.0, lo_open=INF not in x)
    low = 2 / (math.sqrt(math.pi) * (x.hi + math.hypot(x.hi, math.sqrt(2))))
    high = 2 / (math.sqrt(math.pi) * (x.lo + math.hypot(x.lo, 2 / math.sqrt(math.pi))))
    return Interval(low, high)


def logarithmic_gamma(call: Call) -> Interval | None:
    """At least -0.1215 on the positive side; +inf at 0 and the negative integers."""
    x = call.range("input")
    if x is None:
        return None
    if x.lo <= 0:
        return Interval(-INF, INF, lo_open=True, nan=x.nan)
    overflows = x.hi == INF and not x.hi_open
    return Interval(-0.1214863, INF, hi_open=not overflows and x.lo > 0, nan=x.nan)


def derivative_of_log_gamma(call: Call) -> Interval | None:
    """-inf at 0, NaN at the negative integers."""
    x = call.range("input")
    if x is None:
        return None
    return Interval(-INF, INF, x.lo > 0, INF not in x, nan=x.nan or x.lo < 0)


def xlog1py(call: Call) -> Interval | None:
    """`input * log(1 + other)`, 0 where the input is 0."""
    x, y = argument(call, "input"), argument(call, "other")
    if x is None or y is None:
        return None
    nan = x.nan or y.nan or y.lo < -1
    inside = y.without_nan().meet(at_least(-1.0))
    if inside.empty:
        return Interval(0.0, 0.0, nan=nan)
    result = x.without_nan() * inside.map_rising(f.log1p)
    return replace(result.join(exactly(0.0)) if 0 in x else result, nan=nan)


def even_at_least_one(call: Call) -> Interval | None:
    """i0: 1 at 0, overflows like exp."""
    x = call.range("input")
    return Interval(0.999999, INF, nan=x is not None and (x.nan or INF in x or -INF in x))


OPEN_UNIT = Interval(0.0, 1.0, True, True)
POLES = need(POSITIVE, "inf at 0 and at the negative integers")

OPS: tuple[Op, ...] = (
    op("lgamma", "TMI", logarithmic_gamma, also="S.gammaln", trap=at_most(0.0), complex="raises", dtype="float",
       needs=POLES),
    op("digamma", "TMIS", derivative_of_log_gamma, also="S.psi", trap=ZERO, complex="raises", dtype="float",
       needs=need(POSITIVE, "-inf at 0 and nan at the negative integers")),
    op("polygamma", "S", nothing, "n input", also="T.polygamma", complex="raises", dtype="float", needs=POLES,
       trap=ZERO),
    op("polygamma", "MI", nothing, "input n", complex="raises", dtype="float", needs=POLES, trap=ZERO),
    op("mvlgamma", "TMI", nothing, "input p", also="S.multigammaln", complex="raises", dtype="float", needs=POLES,
       trap=ZERO),
    op("gammainc", "S", always(UNIT.with_nan()), "input other", also="T.igamma M.igamma", complex="raises"),
    op("gammaincc", "S", always(UNIT.with_nan()), "input other", also="T.igammac M.igammac", complex="raises"),
    op("i0", "TMIJSN", even_at_least_one, trap=EVEN_OVERFLOW, complex="raises", dtype="float"),
    op("i0e", "S", scaled_bessel_i0, complex="raises", dtype="float"),
    op("i1", "S", bessel(-INF, INF), trap=EVEN_OVERFLOW, complex="raises", dtype="float"),
    op("i1e", "S", bessel(-0.2190911, 0.2190911), complex="raises", dtype="float"),
    op("bessel_j0", "S", bessel(-0.40276, 1.0), complex="raises", dtype="float", differentiable=False),
    op("bessel_j1", "S", bessel(-0.581866, 0.581866), complex="raises", dtype="float", differentiable=False),
    op("bessel_y0", "S", nothing, needs=need(POSITIVE, "-inf at 0 and nan below"), complex="raises",
       dtype="float", differentiable=False),
    op("bessel_y1", "S", nothing, needs=need(POSITIVE, "-inf at 0 and nan below"), complex="raises",
       dtype="float", differentiable=False),
    op("modified_bessel_i0", "S", even_at_least_one, complex="raises", dtype="float", differentiable=False),
    op("modified_bessel_i1", "S", bessel(-INF, INF), complex="raises", dtype="float", differentiable=False),
    op("modified_bessel_k0", "S", always(NONNEGATIVE.with_nan()), needs=need(POSITIVE, "inf at 0 and nan below"),
       complex="raises", dtype="float", differentiable=False),
    op("modified_bessel_k1", "S", always(NONNEGATIVE.with_nan()), needs=need(POSITIVE, "inf at 0 and nan below"),
       complex="raises", dtype="float", differentiable=False),
    op("spherical_bessel_j0", "S", bessel(-0.217234, 1.0), complex="raises", dtype="float", differentiable=False),
    op("airy_ai", "S", bessel(-0.4190156, 0.5356567), complex="raises", dtype="float", differentiable=False),
    op("ndtr", "S", normal_distribution, attains=CERTAIN, complex="raises", dtype="float"),
    op("ndtri", "S", nothing, needs=need(OPEN_UNIT, "-inf at 0, inf at 1, nan outside"), complex="raises",
       trap=(at_most(0.0), at_least(1.0)), dtype="float"),
    op("log_ndtr", "S", always(Interval(-INF, 0.0), "input"), complex="raises", dtype="float"),
    op("erfcx", "S", scaled_erfc, trap=at_most(-9.382413), complex="raises", dtype="float"),
    op("sinc", "TMIJSN", sine, shield=exactly(0.0), dtype="float"),
    op("zeta", "S", nothing, "input other", complex="raises", dtype="float"),
    op("xlog1py", "S", xlog1py, "input other", needs=need(at_least(-1.0), "nan below -1", "other"), complex="raises",
       singular=singular("nan", -1.0, parameter="other"), dtype="float"),
    op("angle", "TMN", always(Interval(-math.pi, math.pi), "input"), shield=FINITE, dtype="real"),
    op("float_power", "TMIN", power, "input exponent", dtype="float"),
    op("heaviside", "TMIN", always(Interval(), "input", "values"), "input values", complex="raises",
       differentiable=False),
    op("signbit", "TMN", always(UNIT), dtype="bool", differentiable=False, complex="raises"),
    op("nextafter", "TMIN", nothing, "input other", complex="raises", differentiable=False),
    op("spacing", "N", gap, complex="raises", differentiable=False),
    op("frexp", "TMN", nothing, returns="tuple", complex="raises"),
    op("gcd", "TMIN", always(FINITE_NONNEGATIVE), "input other", dtype="promote", complex="raises",
       differentiable=False),
)  # fmt: skip
