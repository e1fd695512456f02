from collections.abc import Iterator
from typing import NamedTuple

from nanlint.api import (
    ABOVE_MINUS_ONE,
    CERTAIN,
    LIKELY,
    POSITIVE,
    POSSIBLE,
    Application,
    Confidence,
    Report,
    Site,
    Value,
    complement_of,
    first_arg,
    picked,
    rule,
    sigmoid_of,
    unguarded,
)

LOGS = frozenset({"log", "log2", "log10", "log1p"})
WRAPPED = frozenset(
    {"mul", "neg", "div", "sum", "mean", "nansum", "nanmean", "add", "sub", "masked_fill", "where", "nan_to_num"}
)
OVER = "log-of-nonpositive log-of-softmax log-of-sigmoid where-gradient-trap exp-overflow manual-sigmoid"


@rule("NAN501", at="add sub where", kind="loss", over=OVER, mentions="log")
def manual_bce_without_clamp(site: Site) -> Iterator[Report]:
    """
    A hand-written binary cross entropy whose probabilities can be 0 or 1.

    ## Why is this bad?

    `-(y * log(p) + (1 - y) * log(1 - p))` is infinite, or `0 * inf = nan`, as soon as one p is exactly 0 or 1. A
    sigmoid in float32 is 1 from a logit of 16.64 on. A clamp helps if it acts on both sides and its bound survives:
    `1 - 1e-8` is 1 in float32, and so is `1 - 1e-7` in half precision.

    ## Bad

    ```python
    def bce(logits, y):
        p = torch.sigmoid(logits)
        return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()  # flagged


    # run: bce(torch.tensor([20.0], requires_grad=True), torch.tensor([1.0]))
    ```

    ## Good

    ```python
    def bce(logits, y):
        return F.binary_cross_entropy_with_logits(logits, y)


    # run: bce(torch.tensor([20.0], requires_grad=True), torch.tensor([1.0]))
    ```

    ## Known limits

    Both halves must meet in one sum or `where`; halves that are only returned side by side are told of one by one.
    """
    one, two = site.value("input"), site.value("other")
    if one is None or two is None:
        return
    left, right = _halves(one), _halves(two)
    for a in left:
        for b in right:
            if a.p.ident == b.p.ident and a.negated != b.negated and not _whole(left, a.p) and not _whole(right, a.p):
                yield from _judge(site, a, b)
                return


class _Half(NamedTuple):
    """`log(p)` or `log(1 - p)`: the argument of the log, and the probability below its guards."""

    application: Application
    argument: Value
    p: Value
    negated: bool


def _halves(value: Value, depth: int = 8) -> list[_Half]:
    value = picked(value)
    made = value.made_by
    if made is None or depth == 0:
        return []
    if made.op in LOGS:
        argument = first_arg(value)
        return [] if argument is None else [_half(made, argument)]
    if made.op not in WRAPPED:
        return []
    parts = [v for name, v in made.args.items() if v.made_by is not None and name != "condition"]
    return [half for part in parts for half in _halves(part, depth - 1)][:8]


def _half(made: Application, argument: Value) -> _Half:
    inner = unguarded(argument)
    other = complement_of(inner)
    if made.op == "log1p":
        other = first_arg(picked(argument)) if picked(argument).op == "neg" else None
    return _Half(made, argument, inner if other is None else unguarded(other), other is not None)


def _whole(halves: list[_Half], p: Value) -> bool:
    """Both halves are on one side already, where they have been judged."""
    return len({h.negated for h in halves if h.p.ident == p.ident}) == 2


def _judge(site: Site, *halves: _Half) -> Iterator[Report]:
    doubts = {half.negated: doubt for half in halves if (doubt := _doubt(half)) is not None}
    if not doubts:
        return
    p = halves[0].p
    ends = " and ".join(end for negated, end in ((False, "0"), (True, "1")) if negated in doubts)
    clamp = "clamp p to [1e-6, 1 - 1e-6]" if len(doubts) == 2 else "clamp p on both sides, with a bound its dtype holds"
    yield site.report(
        max(doubts.values()),
        f"hand-written binary cross entropy is inf or nan where p is exactly {ends}"
        f"{_vanished(halves) or site.because(p)}: use F.binary_cross_entropy_with_logits, or {clamp}",
        covers=tuple(a for half in halves for a in (half.application, *sigmoid_of(half.p))),
    )


def _doubt(half: _Half) -> Confidence | None:
    """How sure it is that this log gets a 0."""
    range_ = half.argument.range
    if range_ is None:
        return LIKELY if half.argument.reach >= LIKELY else POSSIBLE
    if range_.without_nan().within(ABOVE_MINUS_ONE if half.application.op == "log1p" else POSITIVE):
        return None
    return CERTAIN if sigmoid_of(half.p) else half.argument.reach


def _vanished(halves: tuple[_Half, ...]) -> str:
    """What became of a bound that rounds away."""
    for half in halves:
        guarded = picked(half.argument)
        inner = complement_of(guarded)
        limit = picked(inner).arg("max") if inner is not None else None
        bound = limit.number if limit is not None else None
        if bound is not None and bound < 1 and inner is not None and inner.range is not None and inner.range.hi == 1:
            return f" ({bound!r} rounds to 1 in {inner.dtype or 'float32'})"
    return ""
