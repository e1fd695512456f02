from collections.abc import Iterator

from nanlint.api import DTYPES, LIKELY, Report, Site, Value, rule, strip_views, vanishes

HALVES = frozenset({"float16", "bfloat16"})
SUMS = frozenset({"add", "sub"})
EPS = 1e-4
"""What is smaller beside the other operand, and below 1, is there against a zero, which the other one is not."""


@rule(
    "NAN709", at="add sub div reciprocal log log2 log10 log1p sqrt rsqrt pow logit", kind="precision",
    mentions=".half float16 bfloat16 HalfTensor autocast 16777216 2**24 1e7 1e8 1e9",
)  # fmt: skip
def vanishing_update(site: Site) -> Iterator[Report]:
    """
    A number is added that is too small to change the sum.

    ## Why is this bad?

    bfloat16 has 8 significant bits: `1 + 1e-3` is 1, and a moving average with a decay of 0.999 stands still, since
    each step is below half of the last digit. float16 has 11, and float32 has 24, so that a counter in float32 stays
    at 16777216 = 2 ** 24. The loss goes on as if nothing were wrong.

    ## Bad

    ```python
    def average(kept, new):
        kept = kept.bfloat16()
        return kept * 0.999 + new.bfloat16() * 0.001  # flagged


    # run: average(torch.ones(1), torch.full((1,), 2.0))
    # effect: result == 1
    ```

    ## Good

    ```python
    def average(kept, new):
        return kept.float() * 0.999 + new.float() * 0.001


    # run: average(torch.ones(1), torch.full((1,), 2.0))
    ```

    ## Known limits

    It speaks where the format is known, and either the numbers are, or it is a moving average with a known decay, or
    more than 1e-4 is added to an argument of half precision. An eps that is lost beside a number of 1 or more is left
    alone, since nothing needs it there, and so is what is added before a root, a logarithm or a division.
    """
    left, right = site.value("input"), site.value("other")
    dtype = site.result.dtype
    if site.op not in SUMS or left is None or right is None:
        return
    if dtype is None or dtype not in DTYPES or DTYPES[dtype].kind != "float":
        return
    shown = site.show(site.node)
    if dtype in HALVES and site.op == "add" and (step := _step(left, right)) is not None:
        if step < DTYPES[dtype].eps / 2:
            yield site.report(
                LIKELY, f"`{shown}` moves by {step:.3g} of the difference, which {dtype} drops: average in float32"
            )
        return
    for number, other in ((right, left), (left, right)):
        added = number.number
        if added is not None and dtype in HALVES and _is_step(site, added, other, dtype):
            message = f"`{shown}` leaves numbers near 1 as they are in {dtype}, which drops {added:g} beside them"
            yield site.report(LIKELY, f"{message}: add in float32")
        if added is None or other.kind != "tensor" or other.range is None or (site.op == "sub" and number is left):
            continue
        beside = other.range.magnitude().lo
        if vanishes(added, other.range, dtype) and (abs(added) >= EPS * beside or abs(added) >= 1):
            message = (
                f"`{shown}` leaves numbers of {beside:g} as they are in {dtype}, which drops {added:g} beside them"
            )
            yield site.report(other.reach, f"{message}: add in float32 or float64")


def _is_step(site: Site, added: float, other: Value, dtype: str) -> bool:
    """Data that comes in as it is gets more than an eps, and nothing that is done with the sum needs an eps."""
    if not EPS < abs(added) < DTYPES[dtype].eps / 2 or other.range is not None or not site.is_tensor(other):
        return False
    whole = strip_views(other)
    data = (whole.made_by is None or whole.op == "to") and site.is_data(other)
    return data and not any(user.op not in SUMS for user in site.users())


def _step(left: Value, right: Value) -> float | None:
    """`w` of a moving average `(1 - w) * kept + w * new`, the smaller of its weights."""
    weights = [_weight(left), _weight(right)]
    if weights[0] is None or weights[1] is None or abs(weights[0] + weights[1] - 1) > 1e-9:
        return None
    return min(weights[0], weights[1])


def _weight(value: Value) -> float | None:
    made = strip_views(value)
    factors = [made.arg("input"), made.arg("other")]
    numbers = [v.number for v in factors if v is not None and v.number is not None] if made.op == "mul" else []
    return numbers[0] if len(numbers) == 1 and 0 < numbers[0] < 1 else None
