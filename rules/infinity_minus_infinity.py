from collections.abc import Iterator

from nanlint.api import CERTAIN, LIKELY, Fill, Report, Site, fills, first_arg, rule, same, strip_views


@rule("NAN304", at="sub", kind="overflow", mentions="inf Inf")
def infinity_minus_infinity(site: Site) -> Iterator[Report]:
    """
    A difference of two values that are both masked with `-inf`.

    ## Why is this bad?

    `-inf - -inf` is `nan`. Two sets of logits with the same illegal actions, two log-probabilities of masked tokens:
    each is fine by itself, their difference is `nan` at exactly the elements that were to be ignored, and so is the sum
    over the rest. With a large finite number in place of `-inf` the difference is 0 there.

    ## Bad

    ```python
    def change(new, old, illegal):
        new = new.masked_fill(illegal, float("-inf"))
        old = old.masked_fill(illegal, float("-inf"))
        return (new - old).abs().max()  # flagged


    # run: change(torch.zeros(3, requires_grad=True), torch.ones(3), torch.tensor([True, False, False]))
    ```

    ## Good

    ```python
    def change(new, old, illegal):
        return (new - old).masked_fill(illegal, 0.0).abs().max()


    # run: change(torch.zeros(3, requires_grad=True), torch.ones(3), torch.tensor([True, False, False]))
    ```

    ## Known limits

    Only infinities that a mask has put there are followed. Of a row that is masked throughout, from which its maximum
    is subtracted, softmax-of-all-masked speaks.
    """
    left, right = site.value("input"), site.value("other")
    if left is None or right is None or same(left, right) or same(first_arg(strip_views(right)), left):
        # a difference to its own maximum is infinite on both sides only where the whole row is
        return
    if site.is_repaired:
        return
    ours, theirs = list(fills(left)), list(fills(right))
    if not ours or not theirs:
        return
    shared = next((fill for fill in ours if any(_is_same(fill, other) for other in theirs)), None)
    place = ours[0].mask.made_by.place if ours[0].mask is not None and ours[0].mask.made_by is not None else None
    where = f" (mask of line {site.row(place)})" if place is not None else ""
    yield site.report(
        CERTAIN if shared is not None else LIKELY,
        f"`{site.show(site.place.node)}` is -inf - -inf = nan where both sides are masked{where}: mask with "
        "torch.finfo(dtype).min, or mask the difference",
        at=site.place,
    )


def _is_same(one: Fill, other: Fill) -> bool:
    if one.mask is None or other.mask is None:
        # all of one side is -inf
        return True
    return one.truth == other.truth and one.mask.ident == other.mask.ident
