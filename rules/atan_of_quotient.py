from collections.abc import Iterator

from nanlint.api import LIKELY, NONZERO, POSSIBLE, Report, Site, picked, rule, strip_views


@rule(
    "NAN207", at="atan", kind="division", mentions="atan arctan",
    over="division-by-zero-tensor normalised-by-own-scale eps-on-signed-divisor where-gradient-trap",
)  # fmt: skip
def atan_of_quotient(site: Site) -> Iterator[Report]:
    """
    Arc tangent of a quotient whose divisor can be zero.

    ## Why is this bad?

    `atan(y / x)` hides the division: where x is 0 the value is a harmless pi / 2, and the gradient is `nan`; where both
    are 0, as for a point at the origin, the value is `nan` too. It also gives the same angle to opposite directions.
    `atan2(y, x)` is finite everywhere and its gradient at the origin is 0.

    ## Bad

    ```python
    def angle(point: torch.Tensor):
        return torch.atan(point[..., 1] / point[..., 0])  # flagged


    # run: angle(torch.tensor([[0.0, 1.0]], requires_grad=True))
    ```

    ## Good

    ```python
    def angle(point: torch.Tensor):
        return torch.atan2(point[..., 1], point[..., 0])


    # run: angle(torch.tensor([[0.0, 1.0]], requires_grad=True))
    ```

    ## Known limits

    A divisor of which nothing is known, not even that it is a tensor, gives a `possible` finding.
    """
    quotient = picked(site.input.value)
    divisor = quotient.arg("other") if quotient.op == "div" else None
    confidence = site.doubt(divisor, NONZERO) if divisor is not None else None
    if divisor is None or confidence is None or quotient.made_by is None:
        return
    plain = strip_views(divisor).op in ("", "sub")
    if confidence is POSSIBLE and plain and site.is_tensor(divisor):
        # an angle is taken of directions, and the vertical is one of them
        confidence = LIKELY
    yield site.report(
        confidence,
        f"`atan` of `{site.show(site.input)}` has a nan gradient where the divisor is 0, and is nan where both are: "
        "use torch.atan2, which is finite and knows the quadrant",
        at=site.place,
        covers=(quotient.made_by,),
    )
