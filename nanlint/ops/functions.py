"""Functions of one number that take limits where Python's `math` raises, and overflow to infinity as torch does."""

from __future__ import annotations

import math

from nanlint.interval import INF

FLOAT32_EXP_MAX = 88.72283935546875
"""The largest float32 whose exponential is finite in float32."""


def log(x: float) -> float:
    return math.log(x) if x > 0 else -INF


def log2(x: float) -> float:
    return math.log2(x) if x > 0 else -INF


def log10(x: float) -> float:
    return math.log10(x) if x > 0 else -INF


def log1p(x: float) -> float:
    return math.log1p(x) if x > -1 else -INF


def exp(x: float) -> float:
    return math.exp(x) if x < 709.79 else INF


def exp2(x: float) -> float:
    return 2.0**x if x < 1024 else INF


def expm1(x: float) -> float:
    return math.expm1(x) if x < 709.79 else INF


def sinh(x: float) -> float:
    return math.sinh(x) if abs(x) < 710.4 else math.copysign(INF, x)


def cosh(x: float) -> float:
    return math.cosh(x) if abs(x) < 710.4 else INF


def rsqrt(x: float) -> float:
    return 1 / math.sqrt(x) if x > 0 else INF


def atanh(x: float) -> float:
    return math.atanh(x) if abs(x) < 1 else math.copysign(INF, x)


def logit(x: float) -> float:
    return -INF if x <= 0 else INF if x >= 1 else math.log(x / (1 - x))


def sigmoid(x: float) -> float:
    """0 already where float32 kernels overflow in `exp(-x)`, although the true value is subnormal."""
    if x < -FLOAT32_EXP_MAX:
        return 0.0
    return 1 / (1 + math.exp(-x)) if x < 0 else 1 - math.exp(-x) / (1 + math.exp(-x))


def log_sigmoid(x: float) -> float:
    return min(x, 0.0) - (0.0 if math.isinf(x) else math.log1p(math.exp(-abs(x))))


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def nearest(x: float) -> float:
    """Ties to even, as torch.round."""
    return x if math.isinf(x) else float(round(x))


def floor(x: float) -> float:
    return x if math.isinf(x) else float(math.floor(x))


def ceil(x: float) -> float:
    return x if math.isinf(x) else float(math.ceil(x))


def trunc(x: float) -> float:
    return x if math.isinf(x) else float(math.trunc(x))


def sign(x: float) -> float:
    return (x > 0) - (x < 0) * 1.0


def step(x: float) -> float:
    return 1.0 if x >= 0 else 0.0
