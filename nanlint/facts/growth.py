"""How far real data takes a value: the output of a layer has no bound, that of a tanh has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nanlint.facts.probabilities import picked
from nanlint.facts.relations import first_arg, where_finite
from nanlint.finding import Confidence

if TYPE_CHECKING:
    from nanlint.facts.frame import Session
    from nanlint.facts.value import Value

LIKELY, POSSIBLE = Confidence.LIKELY, Confidence.POSSIBLE
LAYERS = frozenset(
    """network linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d
    conv_transpose3d rnn rnn_cell
    lstm_cell multi_head_attention scaled_dot_product_attention transformer embedding embedding_bag prelu""".split()
)
NORMALISED = frozenset("batch_norm instance_norm layer_norm group_norm rms_norm local_response_norm normalize".split())
PRODUCTS = frozenset("matmul mm bmm mv dot outer einsum addmm addmv baddbmm addbmm".split())
GATES = frozenset("relu leaky_relu elu celu selu gelu silu mish softplus hardswish threshold relu6 rrelu".split())
KEPT = frozenset(
    """dropout dropout1d alpha_dropout mean sum nansum nanmean max amax amin median cumsum logsumexp logcumsumexp cat
    stack sort topk interpolate grid_sample masked_fill tril triu pad maximum fmax lerp""".split()
)
CHOICES = frozenset({"where", "masked_fill", "nan_to_num"})
SMALL = frozenset("log log2 log10 log1p atan sin cos tanh sigmoid softmax".split())
STEEP = 80.0
"""A quantity of everyday size times such a number passes the limit of exp."""
HUGE = 1e30
"""A limit beyond it, such as `finfo.max`, is there against infinities."""
EXP_LIMITS = {"float16": 11.09, "float64": 709.78}


def exp_limit(dtype: str | None) -> float:
    """The exponent above which exp is inf in that format; what is not known is taken for float32."""
    return EXP_LIMITS.get(dtype or "", 88.72)


def _most(confidences: Iterable[Confidence | None]) -> Confidence | None:
    return max((c for c in confidences if c is not None), default=None)


def grows(x: Value, way: int, limit: float, depth: int = 10) -> Confidence | None:
    """How sure it is that real data takes `x` above `limit` (`way` 1) or below `-limit` (`way` -1)."""
    if x.range is not None:
        end, is_open = (x.range.hi, x.range.hi_open) if way > 0 else (-x.range.lo, x.range.lo_open)
        if end <= limit or (way > 0 and _is_of_log(x, limit)):
            return None
        if end < HUGE or (x.range.point is not None and not is_open):
            return x.reach
    if depth == 0 or x.kind not in ("tensor", "unknown"):
        return None if x.kind == "number" and x.range is not None else POSSIBLE
    if x.alternatives:
        return _most(grows(a, way, limit, depth - 1) for a in x.alternatives)
    x = picked(x)
    made = x.made_by
    if made is None:
        return POSSIBLE
    if _is_imaginary(x, depth):
        return None
    rule_of_op = OPS.get(made.op)
    if rule_of_op is not None:
        grown = rule_of_op(x, way, limit, depth - 1)
        # an infinity that was there for sure has been taken out
        kept = grown is not None and made.op in CHOICES and where_finite(x) is not x
        return LIKELY if kept and grown is Confidence.CERTAIN else grown
    if made.op in LAYERS:
        return LIKELY
    if made.op in SMALL or made.op in RANDOM:
        return None
    if made.op in GATES or made.op in KEPT:
        first = first_arg(x)
        return POSSIBLE if first is None else grows(first, way, limit, depth)
    return POSSIBLE


def _is_of_log(x: Value, limit: float, depth: int = 3) -> bool:
    """A logarithm or a fraction of one: its exponential is no greater than what it was taken of, in any dtype."""
    made = picked(x)
    if made.op == "log":
        return limit >= exp_limit(made.dtype)
    inner, factor = first_arg(made), made.arg("other")
    if inner is None or factor is None or depth == 0:
        return False
    if inner.kind == "number" and made.op == "mul":
        inner, factor = factor, inner
    number = factor.number
    if number is None or number <= 0 or made.op not in ("mul", "div"):
        return False
    return _is_of_log(inner, limit * number if made.op == "div" else limit / number, depth - 1)


def _is_imaginary(x: Value, depth: int) -> bool:
    """`1j * x` of a real x, whose exponential lies on the unit circle."""
    if isinstance(x.const, complex):
        return x.const.real == 0
    if depth == 0 or x.op not in ("mul", "div", "neg"):
        return False
    left, right = first_arg(x), x.arg("other")
    if left is None or right is None:
        return left is not None and _is_imaginary(left, depth - 1)
    if _is_imaginary(left, depth - 1):
        return not right.is_complex
    return x.op == "mul" and not left.is_complex and _is_imaginary(right, depth - 1)


def _sum(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    left, right = x.arg("input"), x.arg("other")
    if left is None or right is None:
        return POSSIBLE
    other = -way if x.op == "sub" else way
    return _most(grows(v, w, limit, depth) for v, w in ((left, way), (right, other)) if v.kind != "number")


def _product(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    left, right = x.arg("input"), x.arg("other")
    if left is None or right is None:
        return POSSIBLE
    if left.kind == "number":
        left, right = right, left
    sign = _sign(right)
    if right.kind == "number":
        factor = right.number
        if factor is None:
            grown = _either(left, limit, depth) if sign == 0 else grows(left, way * sign, limit, depth)
            # the number may be small enough
            return None if grown is None else min(grown, LIKELY)
        if factor == 0:
            return None
        grown = grows(left, way * sign, limit / abs(factor), depth)
        if abs(factor) >= STEEP and grown is not None:
            return max(grown, LIKELY)
        return grown
    if left.ident == right.ident:
        return _either(left, limit, depth) if way > 0 else None
    other = _sign(left)
    if way * sign * other < 0:
        return None
    if sign and _bounded(right, limit):
        return grows(left, way * sign, limit, depth)
    if other and _bounded(left, limit):
        return grows(right, way * other, limit, depth)
    grown = _most(_either(v, limit, depth) for v in (left, right) if not _bounded(v, limit))
    # the other factor may be small enough
    return None if grown is None else min(grown, LIKELY)


def _quotient(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    left, right = x.arg("input"), x.arg("other")
    if left is None or right is None:
        return POSSIBLE
    factor = right.number
    if factor:
        return grows(left, way * _sign(right), limit * abs(factor), depth)
    sign = _sign(right)
    if left.kind == "number":
        return POSSIBLE
    return grows(left, way * sign, limit, depth) if sign else _either(left, limit, depth)


def _power(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    base = first_arg(x)
    if base is None or base.kind == "number":
        return POSSIBLE
    return _either(base, limit, depth)


def _negated(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    inner = first_arg(x)
    return POSSIBLE if inner is None else grows(inner, -way, limit, depth)


def _magnitude(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    inner = first_arg(x)
    return None if way < 0 else POSSIBLE if inner is None else _either(inner, limit, depth)


def _root(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    grown = _magnitude(x, way, limit, depth)
    return None if grown is None else POSSIBLE


def _mixed(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    """A product of matrices: as unbounded as its factors, and weights that are trained are a layer by hand."""
    factors = list(x.made_by.args.values()) if x.made_by else []
    if len(factors) == 2 and all(picked(f).op == "normalize" for f in factors):
        # rows of length one: their products are cosines
        return None if limit > 1 else LIKELY
    if any(picked(f).op == "parameter" for f in factors):
        return LIKELY
    return max(POSSIBLE, _most(_either(f, limit, depth) for f in factors) or POSSIBLE)


def _limited(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    """`clamp`: a bound that is given is taken for the guard that it is meant to be."""
    bound = x.arg("max" if way > 0 else "min")
    inner = first_arg(x)
    if bound is not None and bound.kind != "none" and abs(bound.number or 0.0) < HUGE:
        return x.reach if bound.number is not None and way * bound.number > limit else None
    return POSSIBLE if inner is None else grows(inner, way, limit, depth)


def _lesser(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    """`minimum`: as large as the smaller one."""
    other = x.arg("other")
    if x.op == "min" and (other is None or other.kind == "number"):
        return grows(first_arg(x) or x, way, limit, depth)
    parts = [grows(v, way, limit, depth) for v in (x.arg("input"), x.arg("other")) if v is not None]
    known = [p for p in parts if p is not None]
    if way > 0:
        return None if len(known) < len(parts) else min(known, default=POSSIBLE)
    return max(known, default=None)


def _chosen(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    return _most(grows(v, way, limit, depth) for v in (x.arg("input"), x.arg("other")) if v is not None)


def _learned(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    """A logarithm of a scale that is trained: nothing but the learning rate keeps it small."""
    return LIKELY


def _trained(x: Value, way: int, limit: float, depth: int) -> Confidence | None:
    return POSSIBLE


def _either(x: Value, limit: float, depth: int) -> Confidence | None:
    return _most(grows(x, way, limit, depth) for way in (1, -1))


def _sign(x: Value) -> int:
    """1 or -1 for what never changes its sign, else 0; a number of which nothing is known is taken to be positive."""
    if x.range is None:
        negated = first_arg(x) if x.op == "neg" else None
        return -_sign(negated) if negated is not None else 1 if x.kind == "number" else 0
    return 1 if x.range.lo >= 0 else -1 if x.range.hi <= 0 else 0


def _bounded(x: Value, limit: float) -> bool:
    return x.range is not None and -limit <= x.range.lo and x.range.hi <= limit


def is_up_to_callers(session: Session, x: Value, depth: int = 4) -> bool:
    """An argument of a public function, scaled or shifted, or a difference with one: a caller may pass any number."""
    made = picked(x)
    if made.is_complex or any(v.is_complex for v in (made.arg("input"), made.arg("other")) if v is not None):
        return False
    if session.arguments.get(made.ident) == "public":
        return made.kind != "number"
    parts = [v for v in (made.arg("input"), made.arg("other")) if v is not None and v.kind != "number"]
    linear = made.op in ("neg", "add", "sub", "mul", "div", "lgamma", "square", "pow") and (
        len(parts) == 1 or made.op in ("add", "sub")
    )
    return linear and depth > 0 and all(is_up_to_callers(session, part, depth - 1) for part in parts)


RANDOM = frozenset("rand randn rand_like randn_like normal normal_ uniform_ bernoulli arange linspace".split())
OPS: dict[str, Callable[[Value, int, float, int], Confidence | None]] = {
    "add": _sum, "sub": _sum, "mul": _product, "div": _quotient, "neg": _negated, "pow": _power, "square": _magnitude,
    "abs": _magnitude, "sqrt": _root, "norm": _magnitude, "vector_norm": _magnitude, "std": _root, "var": _magnitude,
    "min": _lesser, "clamp": _limited, "clamp_max": _limited, "clamp_min": _limited, "hardtanh": _limited,
    "minimum": _lesser, "where": _chosen,
    "parameter": _learned, **dict.fromkeys(PRODUCTS, _mixed), **dict.fromkeys(NORMALISED, _trained),
}  # fmt: skip
