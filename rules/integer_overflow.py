from collections.abc import Iterator

from nanlint.api import (
    DTYPES,
    INF,
    LIKELY,
    POSSIBLE,
    Confidence,
    Interval,
    Operand,
    Report,
    Site,
    Value,
    is_square,
    rule,
    strip_views,
)

SMALL = frozenset({"uint8", "int8", "int16"})
ALL = SMALL | {"uint16", "int32", "uint32", "int64"}
PRODUCTS = frozenset({"mul", "square", "pow"})


@rule(
    "NAN708", at="add sub rsub mul square pow", kind="dtype",
    mentions="uint8 int8 int16 int32 byte() short() ByteTensor CharTensor ShortTensor",
)  # fmt: skip
def integer_overflow(site: Site) -> Iterator[Report]:
    """
    Arithmetic in an integer format that is too small for the result, which wraps around.

    ## Why is this bad?

    torch computes `x * 2` of a `uint8` tensor in `uint8`, and 200 becomes 144. The difference of two images is 255
    where it should be -1, and a flat index into a large tensor is negative in `int32`. Nothing raises, and no value is
    infinite: what is trained on it is wrong.

    ## Bad

    ```python
    def brighter(image):
        pixels = image.to(torch.uint8)
        return pixels * 2  # flagged


    # run: brighter(torch.tensor([100, 200]))
    # effect: result[1] == 144
    ```

    ## Good

    ```python
    def brighter(image):
        pixels = image.to(torch.uint8)
        return (pixels.float() * 2).clamp(max=255)


    # run: brighter(torch.tensor([100, 200]))
    ```

    ## Fix safety

    Unsafe: the result is of another format, int64.

    ## Known limits

    It speaks where the format is known, and either the numbers are, or two tensors of `uint8` are subtracted, or one is
    multiplied, or a tensor of 8 or 16 bits is squared, or an argument in `int32` is. `int8` and `int16` of which
    nothing is known give a `possible` finding otherwise. Sums alone, which masks of `uint8` have too, are not looked
    at, and what only the number of elements makes large is not seen.
    """
    left, right = _factors(site)
    dtype = site.result.dtype
    if left is None or right is None or dtype not in ALL or not any(_is_tensor(site, o.value) for o in (left, right)):
        return
    limits = Interval(DTYPES[dtype].min, DTYPES[dtype].max)
    parts = [_range(o.value, limits) for o in (left, right)]
    if parts[0] is None or parts[1] is None:
        return
    first, second = (parts[1], parts[0]) if site.op == "rsub" else (parts[0], parts[1])
    whole = first + second if site.op == "add" else first * second if site.op in PRODUCTS else first - second
    if is_square(site.result):
        whole = first.magnitude() * first.magnitude()
    if whole.within(limits):
        return
    confidence = _confidence(site, left, right, dtype)
    if confidence is not None:
        message = f"`{site.show(site.node)}` is computed in {dtype}, which ends at {limits.hi:g}, and can be {whole}"
        wider = left if left.value.kind != "number" else right
        yield site.report(
            confidence,
            f"{message}: it wraps around; convert to a larger format first",
            fixes=site.fix("Convert it to int64 first", wider, "x.long()", x=wider) if dtype != "int64" else (),
        )


def _factors(site: Site) -> tuple[Operand | None, Operand | None]:
    """The operands; a square has one of them twice, and no other power is looked at."""
    if site.op not in ("square", "pow"):
        return site.operand("input"), site.operand("other")
    exponent = site.value("exponent")
    squares = site.op == "square" or (exponent is not None and exponent.number == 2)
    return (site.input, site.input) if squares else (None, None)


def _is_tensor(site: Site, value: Value) -> bool:
    """Nothing but a tensor is converted by `to` to a format of integers."""
    return site.is_tensor(value) or value.op == "to"


def _range(value: Value, limits: Interval) -> Interval | None:
    """What the operand lies in: its own bounds, or those of its format."""
    if _is_bounded(value):
        return value.range
    return limits if value.kind != "number" else None


def _is_bounded(value: Value) -> bool:
    return value.range is not None and not value.range.nan and value.range.magnitude().hi < INF


def _confidence(site: Site, left: Operand, right: Operand, dtype: str) -> Confidence | None:
    tensors = [o.value for o in (left, right) if o.value.kind != "number"]
    known = [_is_bounded(v) for v in tensors]
    if all(known):
        return min(v.reach for v in tensors)
    if is_square(site.result) and not any(known):
        return _square_confidence(site, left.value, dtype)
    if dtype not in SMALL or any(known):
        return None
    numbers = [o.value.number for o in (left, right) if o.value.kind == "number"]
    if site.op in ("sub", "rsub") and numbers == [1.0] and left.value.kind == "number":
        # `1 - mask`
        return None
    scales = site.op == "mul" and bool(numbers)
    subtracts = site.op == "sub" and not numbers
    return LIKELY if dtype == "uint8" and (scales or subtracts) else POSSIBLE


def _square_confidence(site: Site, base: Value, dtype: str) -> Confidence | None:
    """A square leaves a format for all but the smallest of its numbers; in int32 where data comes in as it is."""
    if dtype in SMALL:
        # the difference is the defect
        return None if dtype == "uint8" and base.op == "sub" else LIKELY
    whole = strip_views(base)
    data = whole.made_by is None or whole.op == "to"
    return LIKELY if dtype == "int32" and data and site.is_data(base) else None
