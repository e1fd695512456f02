"""Ops that make tensors out of numbers."""

from __future__ import annotations

from nanlint.finding import Confidence
from nanlint.interval import FINITE, FINITE_NONNEGATIVE, FINITE_POSITIVE, INF, ONE, UNIT, ZERO, Interval, at_least
from nanlint.ops.define import CERTAIN, POSSIBLE, op
from nanlint.ops.dtypes import DTYPES
from nanlint.ops.op import Call, Op, Shape
from nanlint.ops.shapes import always, argument, join, same
from nanlint.slotted import replace

HALF_OPEN_UNIT = Interval(0.0, 1.0, hi_open=True)
LIKE = "like"


def stepped(call: Call) -> Interval | None:
    """`arange(end)`, `arange(start, end)`, `arange(start, end, step)`."""
    if not call.given("end"):
        end = argument(call, "start")
        start: Interval | None = ZERO
    else:
        start, end = argument(call, "start"), argument(call, "end")
    if start is None or end is None:
        # without a step it rises
        return at_least(start.lo).meet(FINITE) if start is not None and not call.given("step") else None
    if not call.given("step"):
        return Interval(start.lo, max(start.lo, end.hi))
    return Interval(min(start.lo, end.lo), max(start.hi, end.hi))


def uniform(call: Call) -> Interval | None:
    low = argument(call, "from") if call.given("from") else ZERO
    high = argument(call, "to") if call.given("to") else ONE
    if low is None or high is None:
        return None
    return replace(low.join(high), hi_open=low.hi <= 0 < high.lo or _is_missed(low, high))


def _is_missed(low: Interval, high: Interval) -> bool:
    """The upper limit is not drawn, as with `rand`; between two of one size the sum may round to it."""
    start, end = low.point, high.point
    if start is None or end is None or not start < end:
        return False
    nearest = DTYPES["float32"].nearest
    first, limit = nearest(start), nearest(end)
    return nearest(nearest((1 - 2**-24) * nearest(limit - first)) + first) < limit


def whole(call: Call) -> Interval | None:
    """`randint(high, size)` and `randint(low, high, size)`."""
    low, high = argument(call, "low"), argument(call, "high")
    if low is None:
        return None
    return low.join(ZERO) if high is None else low.join(high)


def normal(call: Call) -> Interval | None:
    return FINITE


def created(
    name: str, shape: Shape, parameters: str = "size", places: str = "T", also: str = "", attains: Confidence = CERTAIN
) -> Op:
    return op(name, places, shape, parameters, also=also, dtype="argument", differentiable=False, attains=attains)


def drawn(name: str, shape: Shape, parameters: str = "size", places: str = "T", also: str = "") -> Op:
    return op(name, places, shape, parameters, also=also, dtype="argument", differentiable=False, random=True)


OPS: tuple[Op, ...] = (
    created("zeros", always(ZERO), places="TN"),
    created("zeros_like", always(ZERO), LIKE, "TN"),
    created("new_zeros", always(ZERO), "like size", "M"),
    created("ones", always(ONE), places="TN"),
    created("ones_like", always(ONE), LIKE, "TN"),
    created("new_ones", always(ONE), "like size", "M"),
    created("full", join("fill_value"), "size fill_value", "TN"),
    created("full_like", join("fill_value"), "like fill_value", "TN"),
    created("new_full", join("fill_value"), "like size fill_value", "M"),
    created("eye", always(UNIT), "n m", "TN"),
    created("arange", stepped, "start end step", "TN"),
    created("linspace", join("start", "end"), "start end steps", "TN"),
    created("logspace", always(Interval(0.0, INF)), "start end steps base", "TN"),
    created("empty", always(Interval(nan=True)), places="TN", attains=POSSIBLE),
    created("empty_like", always(Interval(nan=True)), LIKE, "TN", attains=POSSIBLE),
    created("new_empty", always(Interval(nan=True)), "like size", "M", attains=POSSIBLE),
    op("tensor", "T", same, "input dtype", dtype="argument", differentiable=False, also="N.array"),
    op("as_tensor", "T", same, "input dtype", dtype="argument", aliases="asarray", also="N.asarray"),
    op("from_numpy", "T", same, "input", differentiable=False),
    op("new_tensor", "M", join("data"), "like data", differentiable=False, dtype="argument"),
    op("scalar_tensor", "T", join("s"), "s", dtype="argument", differentiable=False),
    op("Parameter", "", same, "input", also="n.Parameter n.parameter.Parameter"),
    op("complex", "T", join("real", "imag"), "real imag", dtype="complex"),
    op("polar", "T", lambda call: FINITE, "abs angle", dtype="complex"),
    op("one_hot", "F", always(UNIT), "input num_classes", dtype="integer", differentiable=False, attains=CERTAIN),
    drawn("rand", always(HALF_OPEN_UNIT)),
    drawn("rand_like", always(HALF_OPEN_UNIT), LIKE),
    drawn("randn", always(FINITE)),
    drawn("randn_like", always(FINITE), LIKE),
    drawn("randint", whole, "low high size"),
    drawn("randint_like", whole, "like low high"),
    drawn("randperm", always(FINITE_NONNEGATIVE), "n"),
    drawn("normal", normal, "mean std size"),
    drawn("normal_", always(FINITE), "input mean std", "M"),
    drawn("uniform_", uniform, "input from to", "M"),
    drawn("exponential_", always(FINITE_POSITIVE), "input lambd", "M"),
    drawn("log_normal_", always(Interval(0.0, INF)), "input mean std", "M"),
    drawn("bernoulli", always(UNIT), "input p", "TM"),
    drawn("bernoulli_", always(UNIT), "input p", "M"),
    drawn("multinomial", always(FINITE_NONNEGATIVE), "input num_samples", "TM"),
    drawn("poisson", always(FINITE_NONNEGATIVE), "input", "T"),
    created("empty_strided", always(Interval(nan=True)), "size stride", attains=POSSIBLE),
    created("tril_indices", always(FINITE_NONNEGATIVE), "row col", also="T.triu_indices"),
    created("hann_window", always(UNIT), "window_length", also="T.hamming_window T.blackman_window T.bartlett_window"),
    created("range", stepped, "start end step"),
    drawn("cauchy_", always(FINITE), "input median sigma", "M"),
    drawn("geometric_", always(FINITE_POSITIVE), "input p", "M"),
    drawn("random_", always(FINITE_NONNEGATIVE), "input from to", "M"),
)
