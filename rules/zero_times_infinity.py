from collections.abc import Iterator
from typing import Any

from nanlint.api import (
    INF,
    LIKELY,
    POSSIBLE,
    Confidence,
    Operand,
    Report,
    Site,
    Value,
    fills,
    first_arg,
    rule,
    same,
    strip_views,
)

CARRIED = frozenset(
    """neg add sub clone detach contiguous view reshape transpose permute squeeze unsqueeze expand expand_as repeat
    index float double to type cat stack tril triu log_softmax logsumexp max amax min amin sum mean cumsum log log2
    log10 sqrt abs relu masked_fill
    where full full_like new_full tensor as_tensor fill_ index_fill scatter""".split()
)
MASKED = frozenset({"log_softmax", "logsumexp"})
DEPTH = 10


@rule("NAN303", at="mul", kind="overflow")
def zero_times_infinity(site: Site) -> Iterator[Report]:
    """
    An infinite value multiplied by one that can be zero.

    ## Why is this bad?

    `0 * inf` is `nan`. A mask cannot be applied by multiplying it with `-inf`: each element that is to be kept gets
    `0 * -inf`, which is `nan`. Nor does a factor of 0 remove what has overflowed before.

    ## Bad

    ```python
    def masked_scores(scores, keep):
        blocked = keep.eq(0).float() * float("-inf")  # flagged
        return torch.softmax(scores + blocked, dim=-1)


    # run: masked_scores(torch.ones(3, requires_grad=True), torch.tensor([1, 1, 0]))
    ```

    ## Good

    ```python
    def masked_scores(scores, keep):
        return torch.softmax(scores.masked_fill(keep.eq(0), torch.finfo(scores.dtype).min), dim=-1)


    # run: masked_scores(torch.ones(3, requires_grad=True), torch.tensor([1, 1, 0]))
    ```

    ## Known limits

    Where the infinity comes from a log of 0, a division or an exponential, the finding stands there.
    """
    left, right = site.operands.get("input"), site.operands.get("other")
    if left is None or right is None or {left.value.kind, right.value.kind} <= {"number"}:
        return
    if any(_is_entropy(x.value, p.value) for x, p in ((left, right), (right, left))):
        sides = (strip_views(left.value), strip_views(right.value))
        logits = next((first_arg(v) for v in sides if v.op == "log_softmax"), None)
        # whoever computes an entropy from logits that were passed in is given what a mask has made of them
        bare = strip_views(logits) if logits is not None else None
        given = bare is not None and bare.kind == "tensor" and bare.made_by is None and site.is_data(bare)
        yield site.report(
            LIKELY if given and not site.is_private else POSSIBLE,
            f"`{site.show(left)}` times `{site.show(right)}` is 0 * -inf = nan where a logit is -inf: mask with a "
            "large finite number",
            at=site.place,
        )
    for infinite, other in ((left, right), (right, left)):
        how = _is_infinite(infinite.value)
        if how is None:
            continue
        is_mask = infinite.value.kind == "number"
        zero = _is_zero(site, other.value, is_mask)
        if zero is None:
            continue
        attained = "is" if infinite.value.range and infinite.value.range.point is not None else "can be"
        zeros = "is" if other.value.number == 0 else "can be"
        yield site.report(
            min(how, zero),
            f"`{site.show(infinite)}` {attained} {_word(infinite.value)}{site.because(infinite.value)}, "
            f"`{site.show(other)}` {zeros} 0{site.because(other.value)}, and 0 * inf is nan: {_cure(is_mask)}",
            at=site.place,
            related=_chain(site, infinite),
        )
        return


def _is_entropy(logarithm: Value, probability: Value) -> bool:
    """`p * log p` by softmax of logits of which nothing is known."""
    log_p, p = strip_views(logarithm), strip_views(probability)
    if log_p.op != "log_softmax" or _is_infinite(logarithm) is not None:
        return False
    logits = first_arg(log_p)
    return (p.op == "exp" and same(first_arg(p), log_p)) or (p.op == "softmax" and same(first_arg(p), logits))


def _is_infinite(value: Value) -> Confidence | None:
    """How sure it is that an element is infinite; None where it is not, or where the finding stands elsewhere."""
    range_ = value.range
    if (
        value.kind not in ("tensor", "unknown", "number")
        or range_ is None
        or (INF not in range_ and -INF not in range_)
    ):
        return None
    if range_.point is not None:
        return value.reach
    # a row that is masked throughout is a defect of its own, beside the single elements that are -inf
    own = all(site.op in MASKED for site in value.hazards)
    return value.reach if own and _comes_from_fill(value, DEPTH) else None


def _comes_from_fill(value: Value, depth: int) -> bool:
    """The infinity was put there, or a loop has let it grow: what overflows or divides has a finding of its own."""
    if value.range is None or (INF not in value.range and -INF not in value.range):
        return False
    made = value.made_by
    if made is None or value.range.point is not None:
        return value.range.point is not None or value.items is not None
    if made.op == "growth":
        return True
    if made.op == "log_softmax" and any(True for logits in made.args.values() for _ in fills(logits)):
        return True
    if depth and made.op in CARRIED:
        return any(
            _comes_from_fill(v, depth - 1) for v in made.args.values() if v.kind in ("tensor", "unknown", "number")
        )
    return False


def _is_zero(site: Site, value: Value, is_mask: bool) -> Confidence | None:
    """How sure it is that an element is zero: a value that only passes through zero is not."""
    if value.kind not in ("tensor", "unknown", "number"):
        return None
    range_ = value.range
    if range_ is None:
        # nobody multiplies by a literal infinity but to mask
        return LIKELY if is_mask and value.kind != "number" else None
    if 0 not in range_:
        return None
    at_an_end = range_.lo == 0 or range_.hi == 0 or value.is_integral
    return value.reach if at_an_end else None


def _word(value: Value) -> str:
    range_ = value.range
    return "-inf" if range_ is not None and INF not in range_ else "inf"


def _cure(is_mask: bool) -> str:
    return "use masked_fill, or a large finite number" if is_mask else "keep it finite, or select with torch.where"


def _chain(site: Site, infinite: Operand) -> tuple[tuple[str, Any], ...]:
    """Where the infinity came from, step by step."""
    steps: list[tuple[str, Any]] = []
    value: Value | None = infinite.value
    while value is not None and value.made_by is not None and len(steps) < 4:
        place = value.made_by.place
        if not steps or steps[-1][1] != place:
            steps.append((f"{value.op} gives {value.range}", place))
        value = first_arg(value)
        if value is None or value.range is None or (INF not in value.range and -INF not in value.range):
            break
    return tuple(steps)
