from collections.abc import Iterator

from nanlint.api import NONNEGATIVE, NONZERO, POSSIBLE, Report, Site, Value, moments_of, rule, strip_views


@rule("NAN103", at="sqrt rsqrt pow", kind="domain", over="division-by-zero-tensor variance-by-difference")
def sqrt_of_negative(site: Site) -> Iterator[Report]:
    """
    Square root, or a fractional power, of a value that can be negative.

    ## Why is this bad?

    The root of a negative number is `nan`, and so is a fractional power: `(-8) ** (1 / 3)` is not -2. A value that is
    never negative on paper is so in floats: the variance as the mean of squares minus the square of the mean comes
    out below zero for nearly constant data.

    ## Bad

    ```python
    def spread(x):
        return torch.sqrt((x**2).mean() - x.mean() ** 2)  # flagged


    # run: spread(torch.full((1000,), 1000.7, requires_grad=True))
    ```

    ## Good

    ```python
    def spread(x):
        return torch.sqrt(x.var(unbiased=False) + 1e-6)


    # run: spread(torch.full((1000,), 1000.7, requires_grad=True))
    ```

    ## Fix safety

    Unsafe: the clamp changes numbers below the smallest normal one of the dtype, negative ones among them.

    ## Known limits

    A value of which nothing is known, not even that it is a tensor, gives a `possible` finding at most. A power whose
    exponent is not a known number is left alone.
    """
    x = site.input
    if site.op == "pow":
        exponent = site.value("exponent")
        power = exponent.number if exponent is not None else None
        if exponent is None or (power == int(power) if power is not None else not site.unmet):
            return
        what = f"the power {power:.4g}" if power is not None else "a power that is trained"
        divides = power is not None and power < 0
    else:
        what = f"`{site.op}`"
        divides = site.op == "rsqrt"
    confidence = site.doubt(x.value, NONNEGATIVE)
    if confidence is None or site.is_repaired or x.value.is_complex:
        return
    if divides and (site.doubt(x.value, NONZERO) or confidence) > confidence:
        # division-by-zero-tensor speaks, which is surer of its zero
        return
    spread = _below_eps(x.value)
    moments, made = moments_of(spread), spread.made_by
    if moments is not None and made is not None and moments.is_variance:
        yield site.report(
            confidence,
            f"`{site.show(x)}`, mean of squares minus squared mean, rounds below 0 for nearly constant data, and "
            f"{what} of it is nan: use `var`, or clamp it to a positive minimum",
            at=x,
            covers=(made,) if confidence > POSSIBLE else (),
        )
        return
    lies = (
        f"lies in {x.value.range}{site.because(x.value)}" if x.value.range is not None else "has no known lower bound"
    )
    yield site.report(
        confidence,
        f"{what} is nan below 0, and `{site.show(x)}` {lies}: clamp it to a positive minimum first",
        at=x,
        fixes=site.fix("Clamp it to the smallest positive number", x, "x.clamp_min(tiny(x))", x=x),
    )


def _below_eps(value: Value) -> Value:
    value = strip_views(value)
    inner = value.arg("input") if value.op == "add" else None
    return strip_views(inner) if inner is not None else value
