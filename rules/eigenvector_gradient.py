from collections.abc import Iterator

from nanlint.api import LIKELY, POSSIBLE, Confidence, Report, Site, Value, first_arg, rule, same, strip_views

PRODUCTS = frozenset({"matmul", "mm", "bmm"})
# eigenvalues that are all equal, or all but one
EQUAL = frozenset({"eye", "ones", "zeros", "ones_like", "zeros_like"})
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
    public = site.session.arguments.get(made.ident) == "public" and made.kind == "tensor"
    return LIKELY if public or _repeats(site.op, made, DEPTH) else POSSIBLE


def _repeats(op: str, value: Value, depth: int) -> bool:
    """Some eigenvalue is there several times, by what the matrix was made of."""
    made = strip_views(value)
    if made.op in EQUAL:
        return op != "qr" or made.op != "eye"
    if made.op == "cov" or (made.op in PRODUCTS and same(first_arg(made), made.arg("other"))):
        return True
    if depth == 0 or made.made_by is None or made.op not in ("parameter", "clone", "mul", "div", "add", "sub"):
        return False
    parts = [v for v in made.made_by.args.values() if v.kind in ("tensor", "unknown")]
    return bool(parts) and all(_repeats(op, part, depth - 1) for part in parts)
