import math
from collections.abc import Iterator

from nanlint.api import CERTAIN, INF, LIKELY, POSSIBLE, Confidence, Report, Site, Value, rule

LARGEST = {"float16": 65504.0, "float64": 1.7976931348623157e308}
FLOAT32 = 3.4028234663852886e38
FEW = 3
"""So many passes raise an unknown quantity to a power that ordinary data survives."""


@rule("NAN302", at="loop-growth", kind="overflow")
def unbounded_growth(site: Site) -> Iterator[Report]:
    """
    A value that each pass of a loop multiplies by itself.

    ## Why is this bad?

    Squaring doubles the exponent of a float: from 1.5 it takes 8 squarings to reach `inf` in float32 and 11 in float64.
    From 0.5 it falls to 0 as fast. The `inf` is silent; the next `inf - inf`, `inf / inf` or `0 * inf` makes it `nan`.

    ## Bad

    ```python
    def power_tower(x: torch.Tensor):
        for _ in range(50):
            x = x * x  # flagged
        return x


    # run: power_tower(torch.tensor([1.5]))
    ```

    ## Good

    ```python
    def power_tower(x):
        for _ in range(50):
            x = torch.tanh(x * x)
        return x


    # run: power_tower(torch.tensor([1.5]))
    ```

    ## Known limits

    Growth by a constant factor, which takes hundreds of passes, and growth across a call are not seen.
    """
    before = site.input.value
    name, passes = site.payload
    confidence = _confidence(site, before, passes)
    if confidence is None:
        return
    start = f", from {before.range}" if before.range is not None and before.range.point is not None else ""
    each = f"each of the {passes} passes" if passes else "each pass"
    count = _passes_to_overflow(before, before.range.magnitude().lo) if start and before.range is not None else None
    after = f" after {count}" if count is not None else " soon, or 0 if it starts below 1"
    yield site.report(
        confidence,
        f"`{name}` is multiplied by itself in {each} of a loop{start}: it is inf{after}; "
        "normalise it in the loop, or carry its logarithm",
    )


def _confidence(site: Site, before: Value, passes: int | None) -> Confidence | None:
    if before.kind not in ("tensor", "unknown"):
        return None
    if before.range is None or site.result.op in ("matmul", "mm", "bmm", "add", "sub"):
        if passes is not None and passes <= FEW:
            return None
        return LIKELY if site.is_tensor(before) else POSSIBLE
    size = before.range.magnitude()
    needed = _passes_to_overflow(before, size.hi)
    if needed is None or (passes is not None and passes < needed):
        return None
    surely = _passes_to_overflow(before, size.lo)
    if surely is not None and before.reach == CERTAIN and (passes is None or passes >= surely):
        return CERTAIN
    return LIKELY


def _passes_to_overflow(value: Value, size: float) -> int | None:
    """How many squarings of a number of that size give inf; None if none do."""
    if size <= 1:
        return None
    limit = math.log(LARGEST.get(value.dtype or "", FLOAT32))
    return 1 if size == INF else max(1, math.floor(math.log2(limit / math.log(size))) + 1)
