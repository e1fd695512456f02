from collections.abc import Iterator

from nanlint.api import LIKELY, Report, Site, rule


@rule("NAN911", at="uninitialised", kind="data", mentions="empty( empty_like( new_empty( Tensor( FloatTensor(")
def uninitialised_tensor(site: Site) -> Iterator[Report]:
    """
    A tensor of whatever was in memory is read before anything is written into it.

    ## Why is this bad?

    `torch.empty` and `torch.Tensor(3, 4)` take memory as it is. It holds what another tensor left there: often zeros,
    which hides the mistake, at times 1e38 or `nan`, and something else in each run.

    ## Bad

    ```python
    def totals(rows):
        total = torch.empty(rows.shape[-1])
        for row in rows:
            total += row  # flagged
        return total


    torch.use_deterministic_algorithms(True)  # fills fresh memory with nan
    found = totals(torch.ones(2, 3))
    torch.use_deterministic_algorithms(False)
    # effect: found.isnan().any()
    ```

    ## Good

    ```python
    def totals(rows):
        total = torch.zeros(rows.shape[-1])
        for row in rows:
            total += row
        return total


    torch.use_deterministic_algorithms(True)
    found = totals(torch.ones(2, 3))
    torch.use_deterministic_algorithms(False)
    ```

    ## Known limits

    The tensor is bound to a name once, in the function that reads it, and nothing but its shape or format is used
    before. Handed to a function, stored in an attribute, or written into in part, it is left alone. Layers and
    networks, which such a tensor goes through for the shape of the result, are no reading.
    """
    x = site.input
    message = f"`{site.show(x)}` is read before anything is written into it, and holds whatever was in memory"
    yield site.report(LIKELY, f"{message}: make it with torch.zeros or torch.full", at=x)
