from collections.abc import Iterator

from nanlint.api import (
    ABOVE_MINUS_ONE,
    COMPARISONS,
    INF,
    NONZERO,
    POSITIVE,
    POSSIBLE,
    Report,
    Site,
    Value,
    complement_of,
    first_arg,
    lost_eps,
    rule,
    strip_views,
    unguarded,
)


@rule("NAN101", at="log log2 log10 log1p", kind="domain", over="exp-overflow")
def log_of_nonpositive(site: Site) -> Iterator[Report]:
    """
    Logarithm of a value that can be zero or negative.

    ## Why is this bad?

    `log(0)` is `-inf` and the log of a negative number is `nan`. One such element turns a mean loss into `inf` or
    `nan`, and its gradient `1 / x` spoils every weight behind it. Floats reach zero where mathematics does not:
    relu cuts to it, a sum of a mask is it, a product of small numbers underflows to it.

    ## Bad

    ```python
    def surprise(x):
        p = torch.relu(x)
        return -torch.log(p).sum()  # flagged


    # run: surprise(torch.tensor([0.0, 1.0], requires_grad=True))
    ```

    ## Good

    ```python
    def surprise(x):
        p = torch.relu(x).clamp_min(torch.finfo(x.dtype).tiny)
        return -torch.log(p).sum()


    # run: surprise(torch.tensor([0.0, 1.0], requires_grad=True))
    ```

    ## Fix safety

    Unsafe: the clamp changes numbers below the smallest normal one of the dtype, negative ones among them.

    ## Known limits

    A value of which nothing is known, not even that it is a tensor, gives a `possible` finding at most, and so does
    `log1p` of what is not bounded, negated or a difference.
    """
    x = site.input
    if site.op == "log1p":
        yield from _log1p(site)
        return
    confidence = site.doubt(x.value, POSITIVE)
    if confidence is None or site.is_repaired:
        return
    range_ = x.value.range
    if range_ is not None and range_.hole and range_ == NONZERO:
        # tested for zero, and nothing speaks of its being negative
        confidence = POSSIBLE
    if _is_mask(x.value):
        # -inf where it is false is what the log of a truth value is for
        confidence = POSSIBLE
    taken = complement_of(unguarded(x.value))
    gives = "-inf at 0" if range_ is not None and range_.lo >= 0 else "-inf at 0 and nan below"
    lies = f"lies in {range_}{site.because(x.value)}" if range_ is not None else "has no known lower bound"
    cure = lost_eps(x.value) or "clamp it to a positive minimum, or work in log space"
    if x.value.is_complex:
        gives, lies = "-inf at 0, where its gradient is nan", "can be 0"
        cure = "add an eps, or take the logarithm of its absolute value"
    yield site.report(
        confidence,
        f"`{site.op}` is {gives}, and `{site.show(x)}` {lies}: {cure}",
        at=x,
        # an exponential that is taken from 1 leaves the domain long before it overflows
        covers=(taken.made_by,) if taken is not None and taken.op == "exp" and taken.made_by is not None else (),
        fixes=site.fix("Clamp it to the smallest positive number", x, "x.clamp_min(tiny(x))", x=x),
    )


def _is_mask(value: Value) -> bool:
    """A comparison, or a triangle of ones: 1 where something is allowed and 0 elsewhere."""
    made = strip_views(value)
    if made.op in COMPARISONS:
        return True
    of: Value | None = made
    while of is not None and of.op in ("tril", "triu"):
        inner = first_arg(of)
        of = strip_views(inner) if inner is not None else None
    return of is not None and of is not made and of.range is not None and of.range.point == 1


def _log1p(site: Site) -> Iterator[Report]:
    """Who writes `log1p(x)` says that x is near 0; `log1p(-p)` is the logarithm of a complement."""
    x = site.input
    confidence = site.doubt(x.value, ABOVE_MINUS_ONE)
    if confidence is None or site.is_repaired or x.value.is_complex:
        return
    made, range_ = strip_views(x.value), x.value.range
    unbounded = range_ is None or range_.lo == -INF
    if unbounded and (made.op not in ("neg", "sub") or not site.is_data(x.value)):
        confidence = POSSIBLE
    lies = f"lies in {range_}{site.because(x.value)}" if range_ is not None else "has no known lower bound"
    of = first_arg(made) if made.op == "neg" else None
    keep = "what is negated to a little below 1" if of is not None else "it to a little above -1"
    yield site.report(
        confidence, f"`log1p` is -inf at -1 and nan below, and `{site.show(x)}` {lies}: clamp {keep}", at=x
    )
