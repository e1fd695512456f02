from collections.abc import Iterator

from nanlint.api import POSITIVE, Report, Site, rule, unguarded

DRAWN = frozenset({"rand", "rand_like", "uniform_"})


@rule("NAN107", at="log log2 log10", kind="domain", over="log-of-nonpositive", mentions="rand uniform_ Uniform")
def log_of_uniform_sample(site: Site) -> Iterator[Report]:
    """
    Logarithm of a uniform random number, which can be exactly zero.

    ## Why is this bad?

    `torch.rand` draws from [0, 1) and returns 0: 3 times in 60 million draws in float32, once in 4,000 in float16.
    `-log(u)` is then `inf`, and Gumbel noise `-log(-log(u))` is `-inf`. It shows after days of training and cannot be
    reproduced. `exponential_()` draws what `-log(u)` is meant to be, and never gave 0.

    ## Bad

    ```python
    def gumbel(shape, dtype):
        u = torch.rand(shape, dtype=dtype)
        return -torch.log(-torch.log(u))  # flagged


    # run: gumbel(200_000, torch.float16)
    ```

    ## Good

    ```python
    def gumbel(shape, dtype):
        return -torch.empty(shape).exponential_().log().to(dtype)


    # run: gumbel(200_000, torch.float16)
    ```

    ## Known limits

    `1 - u` lies in (0, 1] and is safe for one log; the outer log of Gumbel noise is then the one that can get a 0.
    """
    x = site.input
    drawn = unguarded(x.value)
    if drawn.op not in DRAWN:
        return
    confidence = site.doubt(x.value, POSITIVE)
    if confidence is None or site.is_repaired:
        return
    yield site.report(
        confidence,
        f"a uniform sample can be exactly 0{site.because(x.value)}, and its `{site.op}` is then -inf: draw "
        "`torch.empty(...).exponential_()` for `-log(u)`, or clamp it to torch.finfo(dtype).tiny",
        at=x,
    )
