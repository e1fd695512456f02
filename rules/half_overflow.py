import math
from collections.abc import Callable, Iterator

from nanlint.api import (
    LIKELY,
    OVERFLOWING,
    Report,
    Site,
    Value,
    exp_limit,
    first_arg,
    is_square,
    picked,
    rule,
    strip_views,
)

LARGEST = 65504.0
ROUNDED = 65520.0
ROOT = 255.94
"""The square of a larger number is infinite in float16."""
EXACT = 2048.0
"""Float16 holds each whole number up to here."""
SMALL = 16.0
"""The squares of numbers below it are summed by the hundred without harm."""
SMALLEST = 2.0**-24
PRODUCTS = frozenset({"matmul", "mm", "bmm", "einsum", "baddbmm"})
FACTORS = ("input", "other", "third", "batch1", "batch2", "mat1", "mat2")
# measured on torch 2.13: 0 / max(0, eps) with an eps that float16 does not hold
EPS = {"normalize": 1e-12, "cosine_similarity": 1e-8}
# likewise: the step of a gradient whose square underflows is divided by eps alone; fused kernels compute in float32
OPTIMIZERS = frozenset({"Adam", "AdamW", "NAdam", "Adamax", "RMSprop", "Adagrad"})


@rule(
    "NAN702", at="cast arange sum nansum mean nanmean div mul normalize cosine_similarity optimizer",
    kind="dtype", over="exp-overflow", mentions=".half float16 autocast HalfTensor",
)  # fmt: skip
def half_overflow(site: Site) -> Iterator[Report]:
    """
    A computation that leaves the range of float16: squares, unscaled scores, a cast, a tiny eps.

    ## Why is this bad?

    The largest number of float16 is 65504, so the square of 256 is `inf`. A root mean square or a squared distance in
    float16 is infinite for everyday activations, as are attention scores that are divided by `sqrt(d)` only after the
    product. Its smallest number is 6e-8, so the default `eps` of `F.normalize` and `F.cosine_similarity` is 0 in it,
    and a zero vector gives `nan`. So is the `eps` of Adam, and a weight of gradient 0 becomes `nan` in the first step.
    Beyond 2048 it skips whole numbers, so that positions collide.

    ## Bad

    ```python
    def attend(q, k):
        q, k = q.half(), k.half()
        scores = q @ k.transpose(-1, -2)  # flagged
        return (scores / math.sqrt(q.shape[-1])).softmax(dim=-1)


    # run: attend(torch.full((1, 2, 64), 40.0), torch.full((1, 2, 64), 40.0))
    ```

    ## Good

    ```python
    def attend(q, k):
        q, k = q.half(), k.half()
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)
        return scores.softmax(dim=-1)


    # run: attend(torch.full((1, 2, 64), 40.0), torch.full((1, 2, 64), 40.0))
    ```

    ## Known limits

    It speaks only where the tensor is known to be float16: cast or made so in view, or what a matrix product or a
    layer gives under float16 autocast, where `pow`, `sum`, `norm` and `exp` run in float32 and `x * x` does not.
    Products of different tensors, and sums of many small numbers, are not looked at.
    """
    report = CHECKS[site.op](site)
    if report is not None:
        yield report


def _cast(site: Site) -> Report | None:
    """`.half()` of numbers that are known to be beyond, or of an exponential or a square."""
    x = site.input.value
    range_ = x.range
    if range_ is None or range_.point is not None and x.op != "arange":
        # the constant is a defect of its own
        end = None
    else:
        end = range_.lo if -range_.lo > range_.hi else range_.hi
    if end is not None and ROUNDED <= abs(end) < math.inf:
        lies = f"`{site.show(site.node)}` is infinite beyond {LARGEST:g}, and the value lies in {range_}"
        return site.report(x.reach, f"{lies}{site.because(x)}: clamp it first, or stay in float32")
    if strip_views(x).op == "arange" and x.dtype != "float16":
        return _counts(site, strip_views(x))
    made = picked(x)
    base = first_arg(made)
    if base is None or x.dtype == "float16":
        return None
    if made.op in OVERFLOWING:
        confidence = site.runs_past(base, exp_limit("float16"), (1, -1) if made.op in ("sinh", "cosh") else (1,))
        what = f"`{made.op}`"
    elif is_square(made):
        confidence, what = site.runs_past(base, ROOT, (1, -1)), "a square"
    else:
        return None
    if confidence is None:
        return None
    message = f"`{site.show(site.node)}` takes {what} to float16, which ends at {LARGEST:g}: stay in float32"
    return site.report(min(confidence, LIKELY), message, covers=(made.made_by,) if made.made_by else ())


def _arange(site: Site) -> Report | None:
    return _counts(site, site.result) if site.result.dtype == "float16" else None


def _counts(site: Site, count: Value) -> Report | None:
    step = count.arg("step")
    start, end = count.arg("start"), count.arg("end")
    whole = all(v is None or (v.number is not None and v.number == int(v.number)) for v in (start, end, step))
    if count.range is None or not whole or not EXACT < count.range.hi - 1 < math.inf:
        return None
    message = f"`{site.show(site.node)}` holds whole numbers up to {count.range.hi:g}, and float16 skips some"
    return site.report(LIKELY, f"{message} beyond {EXACT:g}: keep positions in float32")


def _squares(site: Site) -> Report | None:
    """A sum or mean of squares that were computed in float16."""
    square = strip_views(site.input.value)
    base = first_arg(square)
    if base is None or not is_square(square) or base.dtype != "float16" or site.operand("dtype") is not None:
        return None
    if strip_views(base).op in ("div", "mul") and any(v.kind == "number" for v in _factors(strip_views(base))):
        # scaled down before it is squared
        return None
    confidence = site.runs_past(base, SMALL, (1, -1))
    if confidence is None:
        return None
    message = f"`{site.show(site.node)}` squares in float16, where the square of 256 is inf: compute it in float32"
    return site.report(min(confidence, LIKELY), message)


def _scaled(site: Site) -> Report | None:
    """`(q @ k.T) / math.sqrt(d)`, and the same times a scale."""
    left, right = site.operand("input"), site.operand("other")
    if left is None or right is None:
        return None
    pairs = ((left, right), (right, left)) if site.op == "mul" else ((left, right),)
    for product, scale in pairs:
        scores = strip_views(product.value)
        made = scores.made_by
        if made is None or made.op not in PRODUCTS or scores.dtype != "float16" or not _shrinks(site.op, scale.value):
            continue
        if "alpha" in made.args or any(_is_tame(v) for name, v in made.args.items() if name in FACTORS):
            return None
        message = f"`{site.show(made.place.node)}` sums products in float16, which ends at {LARGEST:g}"
        return site.report(LIKELY, f"{message}, and is scaled only afterwards: scale a factor first", at=made.place)
    return None


def _shrinks(op: str, scale: Value) -> bool:
    """The number makes scores smaller; one that is not known is taken for the scale that it nearly always is."""
    if scale.kind not in ("number", "unknown"):
        return False
    if scale.number is None:
        return True
    return abs(scale.number) > 1 if op == "div" else abs(scale.number) < 1


def _is_tame(factor: Value) -> bool:
    """The factor was scaled already, is of length one or a weight, or is bounded."""
    factor = picked(factor)
    if factor.op in ("normalize", "softmax", "parameter"):
        return True
    if factor.op in ("mul", "div") and any(v.kind == "number" for v in _factors(factor)):
        return True
    size = factor.range.magnitude() if factor.range is not None else None
    return size is not None and size.hi <= SMALL


def _factors(value: Value) -> list[Value]:
    return [v for v in (value.arg("input"), value.arg("other")) if v is not None]


def _eps(site: Site) -> Report | None:
    """A zero vector over an eps that is zero."""
    x = site.input.value
    eps = site.value("eps")
    number = EPS[site.op] if eps is None else eps.number
    if x.dtype != "float16" or number is None or abs(number) > SMALLEST / 2 or not site.is_tensor(x):
        return None
    if x.range is not None and 0 not in x.range:
        return None
    message = f"`{site.op}` of a zero vector is nan in float16, where its eps {number:g} is 0: pass eps=1e-4"
    return site.report(LIKELY, message)


def _optimizer(site: Site) -> Report | None:
    """Adam and its like on float16 weights."""
    weights, eps, fused = site.value("params"), site.value("eps"), site.value("fused")
    number = 1e-8 if eps is None else eps.number
    if weights is None or weights.dtype != "float16" or site.payload not in OPTIMIZERS:
        return None
    if number is None or abs(number) > SMALLEST / 2 or not (fused is None or (fused.is_literal and not fused.const)):
        return None
    message = f"`{site.payload}` on float16 weights divides by its eps {number:g}, which is 0 in float16: a gradient of"
    return site.report(weights.reach, f"{message} 0 makes a weight nan; keep the weights in float32 and use autocast")


CHECKS: dict[str, Callable[[Site], Report | None]] = {
    "cast": _cast, "arange": _arange, "sum": _squares, "nansum": _squares, "mean": _squares, "nanmean": _squares,
    "div": _scaled, "mul": _scaled, "normalize": _eps, "cosine_similarity": _eps,
    "optimizer": _optimizer,
}  # fmt: skip
