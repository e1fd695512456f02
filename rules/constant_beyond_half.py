import math
from collections.abc import Iterator

from nanlint.api import CERTAIN, LIKELY, POSSIBLE, Confidence, Report, Site, Value, rule, strip_views

LARGEST = 65504.0
ROUNDED = 65520.0
"""From here on a number rounds to infinity in float16."""
# measured on torch 2.13: these refuse a number that float16 does not hold, by the parameter that it is passed as
RAISE = {
    "masked_fill": ("value",), "full": ("fill_value",), "full_like": ("fill_value",), "new_full": ("fill_value",),
    "fill_": ("value",), "fill": ("value",), "index_fill": ("value",), "pad": ("value",), "threshold": ("value",),
    "clamp": ("min", "max"), "clamp_min": ("min",), "clamp_max": ("max",), "hardtanh": ("min_val", "max_val"),
}  # fmt: skip
# these store infinity in its place
STORE = {
    "where": ("input", "other"), "store": ("value",), "tensor": ("input",), "as_tensor": ("input",),
    "scalar_tensor": ("s",), "new_tensor": ("data",), "cast": ("input",),
}  # fmt: skip
MAKERS = ("tensor", "as_tensor", "new_tensor")
ARITHMETIC = ("add", "sub", "rsub", "mul", "div")
CURE = "use torch.finfo(dtype).min or max, or compute in float32"


@rule(
    "NAN701", at=" ".join((*RAISE, *STORE, *ARITHMETIC)), kind="dtype", mentions=".half float16 autocast HalfTensor",
)  # fmt: skip
def constant_beyond_half(site: Site) -> Iterator[Report]:
    """
    A constant that float16 cannot hold meets a float16 tensor.

    ## Why is this bad?

    The largest number of float16 is 65504. `masked_fill`, `full`, `fill_`, `clamp` and their like raise for a number
    beyond it, `x + -1e9` and `torch.where(mask, x, -1e9)` silently give `-inf`, and so does the sum of two masks that
    each hold `finfo.min`. A softmax over a row of `-inf` is `nan`.

    ## Bad

    ```python
    def attend(q, k, padding):
        scores = q.half() @ k.half().transpose(-1, -2)
        scores = scores + padding.half() * -1e9  # flagged
        return scores.softmax(dim=-1)


    # run: attend(torch.ones(1, 2, 4), torch.ones(1, 2, 4), torch.ones(1, 1, 2))
    ```

    ## Good

    ```python
    def attend(q, k, padding):
        scores = q.half() @ k.half().transpose(-1, -2)
        scores = scores.masked_fill(padding.bool(), torch.finfo(scores.dtype).min)
        return scores.softmax(dim=-1)


    # run: attend(torch.ones(1, 2, 4), torch.ones(1, 2, 4), torch.ones(1, 1, 2))
    ```

    ## Known limits

    It speaks only where the tensor is known to be float16: cast or made so in view, or what a matrix product or a
    layer gives under float16 autocast. bfloat16 reaches as far as float32.
    """
    if site.result.dtype != "float16":
        return
    if site.op in RAISE:
        for name in RAISE[site.op]:
            given = site.operand(name)
            beyond = _constant(given.value) if given is not None else None
            if given is not None and beyond is not None:
                message = f"`{site.op}` raises RuntimeError for `{site.show(given)}`"
                yield site.report(CERTAIN, f"{message}: float16 ends at {LARGEST:g}; {CURE}", at=site.place)
                return
    elif site.op in STORE:
        for name in STORE[site.op]:
            given = site.operand(name)
            beyond = _stored(given.value, elements=site.op in MAKERS) if given is not None else None
            if given is not None and beyond is not None:
                shown = f"`{site.show(given)}`" if site.op == "where" else f"{beyond:g} in `{site.show(site.node)}`"
                message = f"{shown} becomes {_infinity(beyond)} in float16, which ends at {LARGEST:g}: {CURE}"
                yield site.report(CERTAIN, message, at=given if site.op == "where" else site.place)
                return
    else:
        yield from _arithmetic(site)


def _arithmetic(site: Site) -> Iterator[Report]:
    left, right = site.operand("input"), site.operand("other")
    if left is None or right is None:
        return
    for constant, other in ((left, right), (right, left)):
        number = _constant(constant.value)
        if number is None or other.value.kind == "number":
            continue
        confidence = _overflow(site.op, number, other.value, constant is left)
        if confidence is not None:
            end = _infinity(-number if _is_negated(site, constant) else number)
            gives = "infinite" if site.op in ("mul", "div") else end
            what = f"`{site.show(site.node)}` is {gives} in float16"
            yield site.report(
                confidence, f"{what}, which ends at {LARGEST:g}: `{site.show(constant)}` is beyond it; {CURE}"
            )
        return
    if site.op == "add" and (confidence := _masks_add_up(left.value, right.value)) is not None:
        what = f"`{site.show(site.node)}` adds two masks of float16 numbers that reach {_end(left.value):g}"
        yield site.report(
            confidence, f"{what}, and is {_infinity(_end(left.value))} where both mask: combine boolean masks first"
        )


def _constant(value: Value) -> float | None:
    """A finite number beyond float16: a Python one, or a tensor of this number alone."""
    value = strip_views(value) if value.kind == "tensor" else value
    number = value.range.point if value.range is not None and value.kind in ("number", "tensor") else None
    return number if number is not None and LARGEST < abs(number) < math.inf else None


def _stored(value: Value, *, elements: bool) -> float | None:
    """The same where it does not round to the largest number; of a list of `elements`, the outermost one."""
    range_ = value.range
    if elements and range_ is not None and value.reach is CERTAIN:
        end = range_.lo if -range_.lo > range_.hi else range_.hi
        return end if ROUNDED <= abs(end) < math.inf else None
    number = _constant(value)
    return number if number is not None and abs(number) >= ROUNDED else None


def _overflow(op: str, number: float, other: Value, first: bool) -> Confidence | None:
    """How sure it is that the result is infinite."""
    size = other.range.magnitude() if other.range is not None else None
    if op in ("add", "sub", "rsub"):
        return CERTAIN if abs(number) >= LARGEST + ROUNDED else LIKELY
    if op == "div" and not first:
        return None
    if size is None:
        return LIKELY
    if size.hi == 0:
        return None
    if op == "div":
        return other.reach if abs(number) / size.hi >= ROUNDED else POSSIBLE
    return other.reach if abs(number) * size.hi >= ROUNDED else None


def _is_negated(site: Site, constant: object) -> bool:
    return (site.op == "sub" and constant is site.operand("other")) or (
        site.op == "rsub" and constant is site.operand("input")
    )


def _masks_add_up(left: Value, right: Value) -> Confidence | None:
    """Both lie on one side of zero, and their outermost numbers add up to infinity."""
    ends = _end(left), _end(right)
    same_side = ends[0] * ends[1] > 0
    if not same_side or any(math.isinf(end) for end in ends) or abs(sum(ends)) < ROUNDED:
        return None
    return min(left.reach, right.reach)


def _end(value: Value) -> float:
    """The outermost number of a mask, whose other end is zero; 0 for anything else."""
    range_ = value.range
    if range_ is None or range_.lo < 0 < range_.hi or value.dtype != "float16":
        return 0.0
    return range_.lo if range_.hi <= 0 else range_.hi


def _infinity(number: float) -> str:
    return "-inf" if number < 0 else "inf"
