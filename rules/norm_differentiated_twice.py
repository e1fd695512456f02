from collections.abc import Iterator

from nanlint.api import LIKELY, NONZERO, Report, Site, Value, ancestry, rule

NORMS = frozenset({"norm", "vector_norm", "linalg_norm", "dist"})
ORDERS = ("p", "ord")
DEPTH = 10


@rule("NAN406", at="graph-of-gradient", kind="gradient", mentions="create_graph")
def norm_differentiated_twice(site: Site) -> Iterator[Report]:
    """
    Second derivative of a norm, which is NaN for a zero vector.

    ## Why is this bad?

    Torch gives the norm of a zero vector the gradient 0, and its second derivative there is `0 / 0 = nan`. Forces from
    an energy of distances, gradient penalties of a critic that takes norms and meta-learning differentiate twice: each
    pair of points that coincide, each row of padding, then makes all gradients `nan`, though energy and forces are
    finite. The root of the sum of squares and an eps has all derivatives.

    ## Bad

    ```python
    def forces(positions: torch.Tensor):
        energy = positions.norm(dim=-1).sum()
        return torch.autograd.grad(energy, positions, create_graph=True)[0]  # flagged


    # run: forces(torch.zeros(2, 3, requires_grad=True))
    ```

    ## Good

    ```python
    def forces(positions: torch.Tensor):
        energy = torch.sqrt((positions**2).sum(dim=-1) + 1e-12).sum()
        return torch.autograd.grad(energy, positions, create_graph=True)[0]


    # run: forces(torch.zeros(2, 3, requires_grad=True))
    ```

    ## Known limits

    Norms within a model that is not in view are not seen. Norms of order 3 and above have a second derivative at 0.
    """
    outputs = site.operands.get("outputs")
    if outputs is None:
        return
    for value in ancestry(outputs.value, DEPTH):
        if value.op not in NORMS or value.made_by is None or not _is_euclidean(value):
            continue
        confidence = site.doubt(value, NONZERO)
        if confidence is not None:
            yield site.report(
                min(confidence, LIKELY),
                f"the second derivative of `{value.op}` on line {site.row(value.made_by.place)} is nan for a zero "
                "vector, and create_graph asks for it: take the root of the sum of squares and an eps",
                at=site.place,
            )
            return


def _is_euclidean(value: Value) -> bool:
    order = next((given for name in ORDERS if (given := value.arg(name)) is not None), None)
    return order is None or order.kind == "none" or order.number == 2 or order.const == "fro"
