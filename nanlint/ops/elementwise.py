"""Functions of one tensor, element by element."""

from __future__ import annotations

import math

from nanlint.interval import (
    ABOVE_MINUS_ONE,
    FINITE,
    NONNEGATIVE,
    NONZERO,
    POSITIVE,
    SYMMETRIC_UNIT,
    UNIT,
    ZERO,
    Interval,
    at_least,
    at_most,
    exactly,
)
from nanlint.ops import functions as f
from nanlint.ops.define import CERTAIN, op
from nanlint.ops.op import Need, Op, Singular
from nanlint.ops.pointwise import (
    entropy,
    fraction,
    lerp,
    logit,
    nan_to_num,
    power,
    reciprocal,
    rounded,
    sine,
    tangent,
    xlogy,
)
from nanlint.ops.shapes import (
    boolean,
    clamp,
    even,
    falling,
    half_open,
    join,
    magnitude,
    nothing,
    rising,
    same,
    signed,
    square,
    squashed,
)


def need(domain: Interval, outside: str, parameter: str = "input") -> tuple[Need, ...]:
    return (Need(parameter, domain, outside),)


def singular(gradient: str, *points: float, parameter: str = "input") -> tuple[Singular, ...]:
    return tuple(Singular(parameter, exactly(x), "nan" if gradient == "nan" else "inf") for x in points)


LOG = need(POSITIVE, "-inf at 0 and nan below")
OPEN_SYMMETRIC = Interval(-1.0, 1.0, True, True)
OPEN_UNIT = Interval(0.0, 1.0, True, True)
EXP_OVERFLOWS = at_least(f.FLOAT32_EXP_MAX)
EVEN_OVERFLOW = (at_most(-f.FLOAT32_EXP_MAX), EXP_OVERFLOWS)
UNIT_OUTSIDE = (at_most(-1.0), at_least(1.0))

OPS: tuple[Op, ...] = (
    op("log", "TMIJN", rising(f.log, NONNEGATIVE), needs=LOG, trap=ZERO, dtype="float"),
    op("log2", "TMIJN", rising(f.log2, NONNEGATIVE), needs=LOG, trap=ZERO, dtype="float"),
    op("log10", "TMIJN", rising(f.log10, NONNEGATIVE), needs=LOG, trap=ZERO, dtype="float"),
    op("log1p", "TMIJSN", rising(f.log1p, at_least(-1.0)), needs=need(ABOVE_MINUS_ONE, "-inf at -1 and nan below"),
       trap=exactly(-1.0), dtype="float"),
    op("exp", "TMIJN", rising(f.exp, unknown=NONNEGATIVE), trap=EXP_OVERFLOWS, dtype="float"),
    op("exp2", "TMIJSN", rising(f.exp2, unknown=NONNEGATIVE), trap=at_least(128.0), dtype="float"),
    op("expm1", "TMIJSN", signed(rising(f.expm1, unknown=at_least(-1.0))), trap=EXP_OVERFLOWS, dtype="float"),
    op("sqrt", "TMIJN", half_open(rising(math.sqrt, NONNEGATIVE)), needs=need(NONNEGATIVE, "nan below 0"),
       singular=singular("inf", 0.0), trap=at_most(0.0), dtype="float"),
    op("rsqrt", "TMIJ", falling(f.rsqrt, NONNEGATIVE), needs=need(POSITIVE, "inf at 0 and nan below"),
       trap=at_most(0.0), dtype="float"),
    op("reciprocal", "TMIJN", reciprocal, needs=need(NONZERO, "inf at 0"), trap=ZERO, dtype="float"),
    op("square", "TMIJN", square),
    op("pow", "TMI", power, "input exponent", dtype="promote", also="N.power"),
    op("abs", "TMIJN", magnitude, also="T.absolute M.absolute M.absolute_ N.absolute N.fabs", dtype="real"),
    op("neg", "TMIJ", lambda call: None if (x := call.range("input")) is None else -x, aliases="negative",
       also="N.negative"),
    op("positive", "TMN", same),
    op("sin", "TMIJN", sine, dtype="float"),
    op("cos", "TMIJN", sine, dtype="float"),
    op("tan", "TMIJN", tangent, dtype="float"),
    op("asin", "TMIJ", signed(rising(math.asin, SYMMETRIC_UNIT)), aliases="arcsin", also="N.arcsin",
       needs=need(SYMMETRIC_UNIT, "nan outside of [-1, 1]"), singular=singular("inf", -1.0, 1.0), trap=UNIT_OUTSIDE,
       dtype="float"),
    op("acos", "TMIJ", falling(math.acos, SYMMETRIC_UNIT), aliases="arccos", also="N.arccos",
       needs=need(SYMMETRIC_UNIT, "nan outside of [-1, 1]"), singular=singular("inf", -1.0, 1.0), trap=UNIT_OUTSIDE,
       dtype="float"),
    op("atan", "TMIJ", signed(squashed(math.atan, Interval(-math.pi / 2, math.pi / 2))), aliases="arctan",
       also="N.arctan", dtype="float"),
    op("sinh", "TMIJN", signed(rising(f.sinh)), trap=EVEN_OVERFLOW, dtype="float"),
    op("cosh", "TMIJN", even(f.cosh, at_least(1.0)), trap=EVEN_OVERFLOW, dtype="float"),
    op("tanh", "TMIJNF", signed(squashed(math.tanh, SYMMETRIC_UNIT)), nn="Tanh", attains=CERTAIN, dtype="float"),
    op("asinh", "TMIJ", signed(half_open(rising(math.asinh))), aliases="arcsinh", also="N.arcsinh", dtype="float"),
    op("acosh", "TMIJ", half_open(rising(math.acosh, at_least(1.0))), aliases="arccosh", also="N.arccosh",
       needs=need(at_least(1.0), "nan below 1"), singular=singular("inf", 1.0), trap=Interval(-1.0, 1.0),
       dtype="float"),
    op("atanh", "TMIJ", signed(rising(f.atanh, SYMMETRIC_UNIT)), aliases="arctanh", also="N.arctanh",
       needs=need(OPEN_SYMMETRIC, "inf at -1 and 1, nan beyond"), trap=(exactly(-1.0), exactly(1.0)),
       dtype="float"),
    op("sigmoid", "TMIJF", squashed(f.sigmoid, UNIT), nn="Sigmoid", also="S.expit", attains=CERTAIN, dtype="float"),
    op("logit", "TMIJS", logit, "input eps", needs=need(OPEN_UNIT, "inf at 0 and 1, nan outside"),
       trap=(at_most(0.0), at_least(1.0)),
       complex="raises", dtype="float"),
    op("erf", "TMIJS", squashed(math.erf, SYMMETRIC_UNIT), attains=CERTAIN, complex="raises", dtype="float"),
    op("erfc", "TMIJS", falling(math.erfc, unknown=Interval(0.0, 2.0)), attains=CERTAIN, complex="raises",
       dtype="float"),
    op("erfinv", "TMIS", nothing, needs=need(OPEN_SYMMETRIC, "inf at -1 and 1, nan beyond"), trap=UNIT_OUTSIDE,
       complex="raises", dtype="float"),
    op("sign", "TMIN", squashed(f.sign, SYMMETRIC_UNIT), attains=CERTAIN, shield=FINITE, complex="raises"),
    op("sgn", "TMI", squashed(f.sign, SYMMETRIC_UNIT), attains=CERTAIN, shield=FINITE),
    op("floor", "TMIJN", rising(f.floor), shield=FINITE, complex="raises"),
    op("ceil", "TMIJN", rising(f.ceil), shield=FINITE, complex="raises"),
    op("trunc", "TMIJ", rising(f.trunc), aliases="fix", also="N.trunc N.fix", shield=FINITE, complex="raises"),
    op("round", "TMIJS", rounded, "input decimals", also="N.round N.rint", shield=FINITE, complex="raises"),
    op("frac", "TMIJ", fraction, complex="raises"),
    op("clamp", "TMIJ", clamp(), "input min max", aliases="clip", also="N.clip", attains=CERTAIN, complex="raises"),
    op("clamp_min", "TMIJ", clamp(), "input min", attains=CERTAIN, complex="raises"),
    op("clamp_max", "TMIJ", clamp(), "input max", attains=CERTAIN, complex="raises"),
    op("nan_to_num", "TMIJN", nan_to_num, "input nan posinf neginf", complex="mangles"),
    op("where", "TN", join("input", "other"), "condition input other", dtype="promote"),
    op("where", "M", join("input", "other"), "input condition other", dtype="promote"),
    op("masked_fill", "TMI", join("input", "value"), "input mask value", attains=CERTAIN),
    op("deg2rad", "TMIJN", half_open(rising(math.radians)), complex="raises", dtype="float"),
    op("rad2deg", "TMIJN", half_open(rising(math.degrees)), complex="raises", dtype="float"),
    op("xlogy", "TMIS", xlogy, "input other", needs=need(NONNEGATIVE, "nan below 0", "other"),
       singular=singular("nan", 0.0, parameter="other"),
       complex="raises", dtype="float"),
    op("entr", "S", entropy, needs=need(NONNEGATIVE, "-inf below 0"), singular=singular("inf", 0.0), trap=at_most(0.0),
       complex="raises", dtype="float"),
    op("lerp", "TMI", lerp, "input end weight"),
    op("isnan", "TMN", boolean, dtype="bool", differentiable=False),
    op("isinf", "TMN", boolean, dtype="bool", differentiable=False),
    op("isfinite", "TMN", boolean, dtype="bool", differentiable=False),
)  # fmt: skip
