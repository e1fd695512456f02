from collections.abc import Iterator

from nanlint.api import LIKELY, POSSIBLE, Confidence, Report, Site, Value, ancestry, first_arg, rule, same, strip_views

PRODUCTS = frozenset({"matmul", "mm", "bmm"})
# all of whose eigenvalues are equal
SCALAR = frozenset({"eye", "ones", "zeros", "ones_like", "zeros_like"})
DEPTH = 4


@rule("NAN805", at="eigh eig svd qr", kind="gradient", mentions="eigh eig( svd qr(")
def eigenvector_gradient(site: Site) -> Iterator[Report]:
    """
    Gradient through eigenvectors or singular vectors, which is nan where two values are equal.

    ## Why is this bad?

    The derivative of an eigenvector divides by the differences between its eigenvalue and the others. Where two are
    equal it is `nan` in torch, also where the vectors are put together again and any basis would have done: for the
    identity matrix, for what was initialised to it, for a symmetric shape, and for `x.T @ x` of few rows, which has 0
    several times. So it is for the singular vectors of `svd`, and for `qr` of a matrix that has not full rank. The
    eigenvalues and singular values themselves have finite gradients.

    ## Bad

    ```python
    def root(a: torch.Tensor):
        values, vectors = torch.linalg.eigh(a)  # flagged
        return vectors @ torch.diag(values.clamp(min=1e-6).sqrt()) @ vectors.T


    # run: root(torch.eye(3, requires_grad=True))
    ```

    ## Good

    ```python
    def root_trace(a: torch.Tensor):
        return torch.linalg.eigvalsh(a).clamp(min=1e-6).sqrt().sum()


    # run: root_trace(torch.eye(3, requires_grad=True))
    ```

    ## Known limits

    A Gram matrix, a covariance, an annotated argument of a public function and a matrix that was made with equal
    eigenvalues are doubted, any other is not. A multiple of the identity that is added moves all eigenvalues alike and
    is no cure.
    """
    matrix = site.input
    if site.no_grad or not site.flows or not site.is_trained(matrix.value):
        return
    if any(other.node is site.node and other.no_grad for other in site.session.sites):
        # a caller in view takes no gradient of it
        return
    confidence = _doubt(site, matrix.value)
    what, where, cure = "vectors", "two eigenvalues are equal", "take eigvalsh if the values will do"
    if site.op == "svd":
        what, where, cure = "singular vectors", "two singular values are equal", "take svdvals if the values will do"
    elif site.op == "qr":
        what, where, cure = "factors", "the columns are not independent", "add noise to them"
    elif site.op == "eigh":
        what = "eigenvectors"
    yield site.report(
        confidence,
        f"the gradient through the {what} of `{site.show(matrix)}` is nan where {where}: {cure}, or detach the {what}",
        at=site.place,
    )


def _doubt(site: Site, value: Value) -> Confidence:
    made = strip_views(value)
    if any(v.op in SCALAR for v in ancestry(made, DEPTH)) or made.op == "cov":
        return LIKELY
    left, right = first_arg(made), made.arg("other")
    if made.op in ("div", "mul") and left is not None and right is not None and right.kind == "number":
        return _doubt(site, left)
    if made.op in PRODUCTS and same(left, right):
        return LIKELY
    public = site.session.arguments.get(made.ident) == "public" and made.kind == "tensor"
    return LIKELY if public else POSSIBLE
