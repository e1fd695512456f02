"""The range of one operation's result: from the table of operations where that is sure of it, else no proof.

The table takes finite data for granted; here an end at infinity ends the proof. So do operations that the table does
not know, or knows without a bound, and every one whose kernel is not known to be exact, or to be off by no more than a
few units in the last place.
"""

from __future__ import annotations

from nanlint.interval import Interval, exactly
from nanlint.ops import DTYPES, TABLE, Op, by_spelling
from nanlint.ops.shapes import boolean, same, with_zero
from nanlint.verify.proof.application import Application
from nanlint.verify.proof.rounding import Unproved, outward
from nanlint.verify.proof.sized import SIZED, ULPS

# ATen's names for what the table calls otherwise.
NAMES = {
    "_unsafe_view": "view", "slice": "narrow", "alias": "clone", "lift_fresh": "clone", "lift_fresh_copy": "clone",
    "_reshape_alias": "reshape",
}  # fmt: skip

# Chooses among its operands and constants, or rounds to whole numbers.
EXACT = frozenset(
    """neg abs relu hardtanh clamp clamp_min clamp_max maximum minimum fmax fmin max min where masked_fill floor ceil
    trunc sign sgn zeros zeros_like new_zeros ones ones_like new_ones full full_like new_full scalar_tensor fill eye
    select_scatter slice_scatter rand rand_like bernoulli nan_to_num bitwise_and bitwise_or bitwise_xor""".split()
)
# Off by a few units in the last place of the result, as its kernels for CPUs say (SLEEF: 1.0, of erfc 1.5).
RELATIVE = frozenset(
    """add sub rsub mul div reciprocal sqrt rsqrt square pow exp exp2 expm1 log log2 log10 log1p sigmoid tanh erf erfc
    sinh cosh atan asinh softplus xlogy""".split()
)
# Off by a few units in the last place of 1, or of the result where that is larger.
ABSOLUTE = frozenset("asin acos atan2 sin cos logit atanh acosh silu gelu".split())
# Integers are exact in these.
OF_INTEGERS = EXACT | {"add", "sub", "rsub", "mul"}
# Arguments that say nothing of values.
SILENT = frozenset(
    """dtype layout device pin_memory memory_format size dim index keepdim start end step generator n m non_blocking
    approximate like mask""".split()
)
# Where another number adds roundings of its own: 1 - eps, say, is 1 in float32 for an eps of 1e-8.
USUAL = {
    ("softplus", "threshold"): 20, ("softplus", "beta"): 1, ("add", "alpha"): 1, ("sub", "alpha"): 1,
    ("logit", "eps"): None,
}  # fmt: skip


def transfer(call: Application) -> list[Interval]:
    """An interval for each tensor of the result. Raises Unproved."""
    try:
        return _transfer(call)
    except (ArithmeticError, ValueError) as error:
        raise Unproved(f"the range of {call.name} is not known: {error}") from None


def _transfer(call: Application) -> list[Interval]:
    if call.name in SIZED:
        return [SIZED[call.name](call)]
    name = NAMES.get(call.name, call.name)
    line = TABLE.get(name) or by_spelling(f"torch.{name}") or by_spelling(f"torch.Tensor.{name}")
    if line is None:
        raise Unproved(f"{call.name} is not known")
    _in_domain(call, line)
    interval = _by_table(call, line, name)
    rest = interval if line.rest is None else Interval(0.0, max(_largest(call), 1.0))
    return [interval, *(rest for _ in call.results[1:])]


def _in_domain(call: Application, line: Op) -> None:
    for need in line.needs:
        x = call.range(need.parameter)
        if x is None or not x.within(need.domain):
            raise Unproved(f"`{need.parameter}` of {call.name} can be {x}, which gives {need.outside}")


def _by_table(call: Application, line: Op, name: str) -> Interval:
    if line.shape is boolean:
        return Interval(0.0, 1.0)
    moves = line.shape is same or line.shape is with_zero
    if not moves:
        _is_sure(call, line, name)
    if name == "mul" and call.arguments.get("input") is call.arguments.get("other"):
        # The same tensor twice is not negative.
        line = TABLE["square"]
    interval = line.shape(call)
    if interval is None:
        raise Unproved(f"the range of {call.name} is not known")
    if name == "sigmoid":
        # Kernels differ in where it is 0 for large negative numbers.
        interval = interval.join(exactly(DTYPES["float32"].smallest_normal)) if interval.hi == 0 else interval
    ulps = ULPS if not moves and name not in EXACT and DTYPES[call.result.dtype].kind == "float" else 0.0
    slack = ULPS * DTYPES[call.result.dtype].eps if name in ABSOLUTE else 0.0
    return outward(interval, call.result.dtype, ulps=ulps, slack=slack)


def _is_sure(call: Application, line: Op, name: str) -> None:
    """Raises Unproved where the kernel may do what the table does not say."""
    if name not in EXACT | RELATIVE | ABSOLUTE:
        raise Unproved(f"the range of {call.name} is not sure")
    if DTYPES[call.result.dtype].kind != "float" and name not in OF_INTEGERS:
        raise Unproved(f"{call.name} of integers")
    known = {*line.parameters, *SILENT}
    odd = [each for each in call.arguments if each not in known and call.given(each)]
    if odd:
        raise Unproved(f"{call.name} with `{odd[0]}`")
    for (of, parameter), usual in USUAL.items():
        if name == of and call.given(parameter) and call.const(parameter) != usual:
            raise Unproved(f"{call.name} with a `{parameter}` of its own")
    if name == "div":
        # Kernels may multiply by the reciprocal of the divisor.
        divisor = call.range("other")
        assert divisor is not None
        outward(divisor.inverse(), call.result.dtype)


def _largest(call: Application) -> float:
    """The largest index into the input."""
    return float(call.operand("input").count)
