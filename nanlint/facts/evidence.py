"""What speaks for a quantity being zero or negative: the code that made it, not the lack of a bound.

A root, a logarithm or a division is itself a statement of its author that the operand is fit for it. It is doubted
where the code shows the contrary: a difference, the output of a network, a state that starts at nothing, or whatever a
caller of a public function may pass in. A scale, a variance or a focal length that comes from elsewhere is taken at
its word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from nanlint.facts.relations import VIEWS, first_arg, is_shifted, is_square, strip_views
from nanlint.facts.underflow import only_underflows
from nanlint.facts.value import Value
from nanlint.finding import Confidence
from nanlint.interval import INF, NONZERO, exactly
from nanlint.ops import round_to

if TYPE_CHECKING:
    from nanlint.facts.frame import Session
    from nanlint.interval import Interval

DEPTH = 8
SIGNS = frozenset({"abs", "square", "sqrt", "pow", "mul"})
# the elements of the first operand, or as many of them as it takes
PICKS = VIEWS | frozenset(
    """gather take index_select masked_select split chunk unbind diagonal diag flip tensor as_tensor clamp clamp_min
    clamp_max nan_to_num broadcast_tensors tril triu dropout""".split()
)
# of real data: a mask that selects nothing, a vector of padding, a singular matrix
ALWAYS = frozenset(
    "network det linalg_det norm vector_norm sum nansum count_nonzero zeros zeros_like new_zeros".split()
)
LENGTHS = frozenset({"norm", "vector_norm", "linalg_norm"})
NOISE = frozenset({"rand", "rand_like", "randn", "randn_like", "normal", "normal_", "uniform_"})
AFFINE = frozenset(
    """linear conv1d conv2d conv3d layer_norm rnn rnn_cell lstm lstm_cell multi_head_attention transformer""".split()
)
MADE = NOISE | frozenset("tensor zeros ones full eye parameter".split())
LINEAR = VIEWS | frozenset("matmul mm addmm add sub mul div neg linear".split())
# zero exactly where the operand is
ODD = PICKS | frozenset(
    "neg abs sqrt square pow prod cumprod leaky_relu prelu elu celu selu gelu silu mish fft stft".split()
)
# zero where nothing is added to the zeros of the first operand
SCATTERS = frozenset({"scatter_add", "index_add", "scatter_reduce"})
# negative where the operand is
RISING = PICKS | frozenset(
    """sum nansum mean nanmean max min amax amin median sort topk cumsum leaky_relu prelu elu celu selu gelu silu mish
    lerp""".split()
)
JOINS = frozenset({"where", "masked_fill", "cat", "stack", "maximum", "minimum"})
PRODUCTS = frozenset({"mul", "div", "matmul", "mm", "bmm", "mv", "dot", "einsum"})
# what is filled in by `where` or `masked_fill` is chosen to be harmless
MIXES = RISING | PRODUCTS | frozenset("add sub neg cat stack maximum minimum".split())
COUNTED = frozenset(
    {"eq", "ne", "lt", "le", "gt", "ge", "logical_not", "logical_and", "logical_or", "isfinite", "isnan"}
)


def leaves(session: Session, value: Value, domain: Interval) -> Confidence:
    """How sure it is that a known tensor of unknown range leaves the domain: likely or possible."""
    if domain == NONZERO:
        doubted = can_be_zero(session, value)
    elif domain.lo == 0 and domain.hi == INF:
        whole = strip_views(value).op in ("sum", "nansum") and 0 not in domain
        doubted = (not whole and can_be_negative(session, value)) or (
            0 not in domain and _is_zero_in_logs(session, value)
        )
    else:
        doubted = gets_to_border(session, value)
    return min(Confidence.LIKELY, value.reach) if doubted else Confidence.POSSIBLE


def _is_zero_in_logs(session: Session, value: Value) -> bool:
    """Whoever takes the log of a sum knows it to be positive, unless it counts, or sums what a caller passes in."""
    made = strip_views(value)
    first = first_arg(made)
    if made.op in ("prod", "cumprod"):
        return True  # of enough factors below 1 any product underflows
    if made.op in ("sum", "nansum") and first is not None:
        of = strip_views(first)
        return of.dtype == "bool" or of.op in COUNTED or (of.op == "mul" and can_be_zero(session, of))
    if made.op == "div" and first is not None and first.kind != "number":
        return _is_zero_in_logs(session, first)
    return can_be_zero(session, value)


def zero_is_reached(session: Session, value: Value) -> bool:
    """Of a value that is never negative by its making, such as a square: whether anything speaks for its being zero."""
    made = strip_views(value)
    first = first_arg(made)
    if made.op in LENGTHS and first is not None and _is_never_all_zero(strip_views(first)):
        return False
    if made.op == "sum" and first is not None and is_square(squared := strip_views(first)):
        return not _is_never_all_zero(strip_views(first_arg(squared) or squared))
    if made.op == "sqrt" and first is not None and strip_views(first).op == "sum":
        return zero_is_reached(session, first)
    if made.op not in SIGNS or not (made.op != "mul" or is_square(made)):
        return True
    return can_be_zero(session, made, ranged=False)


def _is_never_all_zero(value: Value) -> bool:
    """Noise, or the output of a network whose last layer has a bias: no row of it is all zero but by a coincidence."""
    if value.alternatives:
        parts = [strip_views(v) for v in value.alternatives]
        known = [_is_never_all_zero(part) for part in parts]
        return any(known) and all(sure or part.made_by is None for sure, part in zip(known, parts, strict=True))
    bias = value.arg("bias")
    return value.op in NOISE or value.op == "network" or (value.op in AFFINE and not (bias and bias.const is False))


def can_be_zero(session: Session, value: Value, depth: int = DEPTH, *, ranged: bool = True) -> bool:
    """Something in view speaks for a zero among the elements: a difference, a public argument, a state."""
    if value.range is not None and (ranged or value.op not in SIGNS):
        return 0 in value.range and value.reach > Confidence.POSSIBLE and zero_is_reached(session, value)
    if value.made_by is None or depth == 0:
        return _unknown_can(session, value, depth, can_be_zero, ("public", "state"))
    op = value.op
    if _is_setting(value):
        return False
    if op in ALWAYS or (op == "einsum" and value.arg("other") is None):
        return not only_underflows(session, value)
    if op == "sub":
        left = value.arg("input")
        if left is None or left.kind != "number":
            return True
        # `1 + eps - x` is a guard of its own
        guarded = left.number is not None and 0 < left.number - math.floor(left.number) <= 0.01
        return not guarded and _all_can(session, value, depth, can_be_zero)
    if op == "add":
        # what is added is a guard, or makes a zero a coincidence
        if any(_is_offset(part, value.dtype) for part in value.made_by.args.values()):
            return False
        return _all_can(session, value, depth, can_be_zero) or any(
            can_be_negative(session, part, depth - 1) for part in _tensors(value)
        )
    if op == "div":
        above = value.arg("input")
        return above is not None and above.kind != "number" and can_be_zero(session, above, depth - 1)
    if _is_part_of_argument(session, value):
        return False
    first = first_arg(value)
    if (op in ODD or op in SCATTERS) and first is not None:
        parts = _tensors(first) if op == "abs" and first.range is None and is_shifted(first) else (first,)
        return all(can_be_zero(session, part, depth - 1) for part in parts)
    if op in ("mul", "cat", "stack", "maximum", "minimum"):
        return any(can_be_zero(session, part, depth - 1) for part in _tensors(value))
    # what is filled in is chosen to be harmless, also where it is a whole row of numbers
    return op in JOINS and any(
        can_be_zero(session, part, depth - 1) for part in _tensors(value) if part.op not in ("tensor", "as_tensor")
    )


def _is_offset(part: Value, dtype: str | None) -> bool:
    """A positive number that is still one beside what it is added to; one that is not known is taken for one, and so
    is a multiple of one, such as `classes * eps`.
    """
    left, right = part.arg("input"), part.arg("other")
    if part.op == "mul" and part.kind == "unknown" and left is not None and right is not None:
        return any(factor.number is not None and _is_offset(factor, dtype) for factor in (left, right))
    if part.kind != "number" or part.number is None:
        return part.kind == "number"
    return part.number > 0 and round_to(exactly(part.number), dtype or "float32").lo > 0


def can_be_negative(session: Session, value: Value, depth: int = DEPTH) -> bool:
    """Something in view speaks for a negative element, or a zero: a difference of two tensors, a public argument."""
    if value.range is not None and not is_told_nothing(value):
        return value.range.lo < 0 and value.reach > Confidence.POSSIBLE
    if value.made_by is None or depth == 0:
        return _unknown_can(session, value, depth, can_be_negative, ("public",))
    op = value.op
    if _is_setting(value):
        return False
    if op == "network":
        return True
    if op == "sub":
        parts = list(_tensors(value))
        return len(parts) == 2 or any(can_be_negative(session, part, depth - 1) for part in parts)
    if _is_part_of_argument(session, value):
        return False
    first = first_arg(value)
    if first is not None and (op in RISING or op in ("neg", "prod", "cumprod") or _is_odd_power(value)):
        # of a negated quantity it is as much at its author's word which sign it has
        return can_be_negative(session, first, depth - 1)
    return (op in ("add", "addmm", "baddbmm") or op in JOINS | PRODUCTS) and any(
        can_be_negative(session, part, depth - 1) for part in _tensors(value)
    )


def _is_odd_power(value: Value) -> bool:
    exponent = value.arg("exponent") if value.op == "pow" else None
    return exponent is not None and exponent.number is not None and exponent.number % 2 == 1


def gets_to_border(session: Session, value: Value, depth: int = DEPTH) -> bool:
    """Something in view speaks for an element at an end of a domain such as [-1, 1], or beyond: a cosine, which
    rounding takes past 1, the output of a network, a public argument and what is computed from one.
    """
    if value.range is not None and not is_told_nothing(value):
        return value.reach > Confidence.POSSIBLE
    if value.made_by is None or depth == 0:
        return _unknown_can(session, value, depth, gets_to_border, ("public",))
    op = value.op
    if _is_setting(value) or _is_held_back(value):
        return False
    if op == "network" or _is_cosine(value):
        return True
    return op in MIXES and any(gets_to_border(session, part, depth - 1) for part in _tensors(value))


def _is_held_back(value: Value) -> bool:
    """`0.9999 * x` and `x - 1e-7`, which keep a quantity from its border."""
    numbers = [part.number for part in value.made_by.args.values() if part.kind == "number"] if value.made_by else []
    number = abs(numbers[0]) if len(numbers) == 1 and numbers[0] is not None else None
    if number is None:
        return False
    return (value.op == "mul" and 0.9 <= number < 1) or (value.op == "sub" and number <= 0.1)


def _is_cosine(value: Value) -> bool:
    """A product or component over lengths, or `(trace - 1) / 2` of a rotation."""
    made = strip_views(value)
    top, below = made.arg("input"), made.arg("other")
    if top is None or below is None:
        return False
    if made.op == "mul":
        return (top.number == 0.5 and _is_less_one(below)) or (below.number == 0.5 and _is_less_one(top))
    return made.op == "div" and (_is_less_one(top) if below.number == 2 else _is_length(below, 4))


def _is_less_one(value: Value) -> bool:
    less = value.arg("other")
    return value.op == "sub" and less is not None and less.number == 1


def _is_length(value: Value, depth: int) -> bool:
    """A norm, a product of norms, or one that is kept from zero."""
    made = strip_views(value)
    if made.op in LENGTHS:
        return True
    if depth == 0 or made.op not in ("mul", "sqrt", "add", "clamp", "clamp_min", "maximum", "outer", "matmul"):
        return False
    return any(_is_length(part, depth - 1) for part in _tensors(made))


def is_stand_in(value: Value, depth: int = DEPTH) -> bool:
    """Made of random numbers or of what is trained: the range that it has here is not the one that it will have."""
    if value.op in NOISE or (value.grad is True and value.op in MADE):
        return True
    return depth > 0 and value.op in LINEAR and any(is_stand_in(part, depth - 1) for part in _tensors(value))


def _is_setting(value: Value) -> bool:
    """A tensor made of Python numbers, such as a size or a range of data that was configured."""
    first = first_arg(value)
    return value.op in ("tensor", "as_tensor") and first is not None and first.kind != "tensor"


def is_told_nothing(value: Value) -> bool:
    """All floats, or all but zero, of a value that carries on what it was made from: nobody has said so of its sign."""
    range_ = value.range
    if range_ is None or range_.lo > -INF or range_.hi < INF or value.reach > Confidence.LIKELY:
        return False
    return value.made_by is None or value.op in RISING | JOINS | PRODUCTS or value.op == "add"


def _is_part_of_argument(session: Session, value: Value) -> bool:
    """One of several things that were packed into an argument, which has a meaning of its own."""
    whole = strip_views(value)
    return (
        value.op in ("index", "unbind", "chunk", "split")
        and whole.made_by is None
        and session.arguments.get(whole.ident) == "public"
    )


def _unknown_can(
    session: Session, value: Value, depth: int, can: Callable[[Session, Value, int], bool], origins: tuple[str, ...]
) -> bool:
    if value.alternatives and depth:
        return any(can(session, v, depth - 1) for v in value.alternatives)
    given = session.given_to(value) if depth else ()
    if given:
        return any(can(session, v, depth - 1) for v in _steps(given, value, "state" in origins))
    return session.arguments.get(value.ident) in origins or (value.grad is True and "state" in origins)


def _steps(given: tuple[Value, ...], state: Value, summed: bool) -> Iterator[Value]:
    """What the methods of a class give its attribute; of `state += x` only x, and that only when the sum matters."""
    for value in given:
        left, right = value.arg("input"), value.arg("other")
        grows = value.op == "add" and left is not None and strip_views(left).ident == state.ident
        if not grows or right is None:
            yield value
        elif summed:
            yield right


def _tensors(value: Value) -> Iterator[Value]:
    """The operands that hold the elements: no conditions, no sizes."""
    if value.made_by is not None:
        for name, operand in value.made_by.args.items():
            if name not in ("condition", "mask") and operand.kind in ("tensor", "unknown"):
                yield operand


def _all_can(session: Session, value: Value, depth: int, can: Callable[[Session, Value, int], bool]) -> bool:
    return all(can(session, part, depth - 1) for part in _tensors(value))


def is_trained(session: Session, value: Value, depth: int = 7) -> bool:
    """A gradient may be wanted of the value: some part of it is not known to need none."""
    if value.grad is not None or depth == 0 or value.made_by is None:
        return value.grad is not False
    parts = list(_tensors(value))
    if any(part.is_integral for part in parts):
        # beside indices, what is not known to be a tensor is a number
        parts = [part for part in parts if part.kind == "tensor" or part.ident in session.tensors]
    return any(is_trained(session, part, depth - 1) for part in parts)
