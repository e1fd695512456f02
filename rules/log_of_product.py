from collections.abc import Iterator

from nanlint.api import POSITIVE, Report, Site, rule, unguarded

PRODUCTS = frozenset({"prod", "cumprod"})


@rule("NAN312", at="log log2 log10", kind="overflow", over="log-of-nonpositive", mentions="prod cumprod")
def log_of_product(site: Site) -> Iterator[Report]:
    """
    Logarithm of a product, which underflows to zero.

    ## Why is this bad?

    A product of probabilities leaves the range of float32 after a few dozen factors: 46 times 0.1 is 0, and its log is
    `-inf`, with a `nan` gradient. An eps under the log ends that, and makes every long sequence equally likely. The sum
    of the logs is the same number, and has a range a hundred orders of magnitude wider.

    ## Bad

    ```python
    def log_likelihood(logits):
        return torch.log(torch.sigmoid(logits).prod(dim=-1))  # flagged


    # run: log_likelihood(torch.full((64,), -2.2, requires_grad=True))
    ```

    ## Good

    ```python
    def log_likelihood(logits):
        return F.logsigmoid(logits).sum(dim=-1)


    # run: log_likelihood(torch.full((64,), -2.2, requires_grad=True))
    ```

    ## Known limits

    A product that is written as a loop of multiplications is not seen as one.
    """
    x = site.input
    product = unguarded(x.value)
    confidence = site.doubt(x.value, POSITIVE) if product.op in PRODUCTS else None
    if confidence is None or site.is_repaired:
        return
    sums = "sum" if product.op == "prod" else "cumsum"
    yield site.report(
        confidence,
        f"`{site.op}` of a product is -inf once `{site.show(x)}` underflows, as 46 factors of 0.1 do: take the "
        f"{sums} of the logs",
        at=x,
    )
