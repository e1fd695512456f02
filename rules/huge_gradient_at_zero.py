from collections.abc import Iterator

from nanlint.api import POSSIBLE, Report, Site, Value, first_arg, picked, rule, same

NORMS = frozenset({"norm", "vector_norm", "linalg_norm", "std"})
CENTRED = frozenset({"sub"})
LARGEST = 1e-8
DEFAULT = 1e-12


@rule("NAN407", at="normalize div", kind="gradient")
def huge_gradient_at_zero(site: Site) -> Iterator[Report]:
    """
    Normalisation whose gradient at a zero vector is finite and beyond 1e8.

    ## Why is this bad?

    `F.normalize` of a zero vector is 0, and its gradient there is 1 / eps = 1e12; that of `x / (x.norm() + 1e-8)` is
    1e8. A row of padding or a dead feature outweighs the whole batch: without clipping the step throws the weights
    away, with clipping by norm nothing else is learned from, and in float16 the gradient is `inf`. An eps of the size
    of the data, such as 1e-4, bounds it; so does a mask on the input.

    ## Bad

    ```python
    def slope(x):
        F.normalize(x, dim=-1).sum().backward()  # flagged: huge-gradient-at-zero (possible)
        return x.grad.max()


    # run: slope(torch.zeros(1, 3, requires_grad=True))
    # effect: result > 1e8
    ```

    ## Good

    ```python
    def slope(x):
        F.normalize(x, dim=-1, eps=1e-4).sum().backward()
        return x.grad.max()


    # run: slope(torch.zeros(1, 3, requires_grad=True))
    ```

    ## Known limits

    Every finding is `possible`: whether a vector is ever exactly zero is a matter of the data, and the gradient is
    finite.
    """
    if site.no_grad or site.result.grad is False:
        return
    eps = _eps(site)
    if eps is None or not 0 < eps <= LARGEST or site.result.dtype == "float16":
        return
    yield site.report(
        POSSIBLE,
        f"the gradient of `{site.show(site.place.node)}` is {1 / eps:.0e} for a vector of zeros: give an eps of 1e-4, "
        "or mask such vectors before",
        at=site.place,
    )


def _eps(site: Site) -> float | None:
    """What keeps the divisor from 0: the argument of `normalize`, or what is added to the norm of what is divided."""
    if site.op == "normalize":
        given, order = site.value("eps"), site.value("p")
        return None if order is not None and order.number != 2 else DEFAULT if given is None else given.number
    above, below = site.value("input"), site.value("other")
    summed = picked(below) if below is not None else None
    if above is None or summed is None or summed.op != "add":
        return None
    for norm, eps in ((summed.arg("input"), summed.arg("other")), (summed.arg("other"), summed.arg("input"))):
        if norm is not None and eps is not None and eps.kind == "number" and _is_norm_of(picked(norm), above):
            return eps.number
    return None


def _is_norm_of(norm: Value, value: Value) -> bool:
    of = first_arg(norm) if norm.op in NORMS else None
    if of is None:
        return False
    inner = first_arg(picked(value)) if picked(value).op in CENTRED else None
    return same(of, value) or (inner is not None and same(of, inner))
