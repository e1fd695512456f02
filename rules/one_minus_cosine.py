from collections.abc import Iterator

from nanlint.api import POSSIBLE, Report, Site, first_arg, is_one, rule, strip_views

CURES = {"cos": "2 * torch.sin(x / 2) ** 2", "cosh": "2 * torch.sinh(x / 2) ** 2"}


@rule("NAN705", at="sub rsub", kind="precision", mentions="cos")
def one_minus_cosine(site: Site) -> Iterator[Report]:
    """
    One minus the cosine of a small angle, which cancels.

    ## Why is this bad?

    The cosine of a small angle is 1 minus half of its square. In float32 `1 - cos(x)` is 0 for each angle below
    2.4e-4, and half of the digits are wrong at 0.01. Divided by `x ** 2`, as in the formulas of rotations, it gives 0
    in place of 0.5. `2 * sin(x / 2) ** 2` is the same and exact.

    ## Bad

    ```python
    def coefficient(angle):
        return (1 - torch.cos(angle)) / (angle * angle).clamp_min(1e-20)  # flagged


    # run: coefficient(torch.tensor([1e-4, 1.0]))
    # effect: result[0] == 0
    ```

    ## Good

    ```python
    def coefficient(angle):
        return 2 * torch.sin(angle / 2) ** 2 / (angle * angle).clamp_min(1e-20)


    # run: coefficient(torch.tensor([1e-4, 1.0]))
    ```

    ## Known limits

    A cosine that is no `cos`, such as a cosine similarity, is left alone, as is float64. So is an angle that was
    filled by `where` before the cosine was taken, and a difference that `where` replaces. A cosine that has a name of
    its own gives a `possible` finding.
    """
    left, right = site.value("input"), site.value("other")
    if left is None or right is None or not (is_one(left) or is_one(right)):
        return
    cosine = next((v for v in (strip_views(left), strip_views(right)) if v.op in CURES), left)
    angle = first_arg(cosine)
    taken = cosine.made_by
    if cosine.op not in CURES or angle is None or taken is None or site.is_repaired:
        return
    confidence = site.nears_zero(angle)
    if confidence is not None:
        # a cosine with a name is one of a rotation, to which what cancels here is added again
        confidence = confidence if site.is_written(taken) else POSSIBLE
        message = f"`{site.show(site.node)}` cancels where the angle is small, and is 0 below 2.4e-4"
        yield site.report(confidence, f"{message}: use {CURES[cosine.op]}")
