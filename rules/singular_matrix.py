from collections.abc import Iterator

from nanlint.api import LIKELY, POSSIBLE, Confidence, Report, Site, Value, ancestry, first_arg, rule, strip_views

DEFINITE = frozenset({"cholesky", "MultivariateNormal"})
MATRICES = ("input", "covariance_matrix", "precision_matrix")
PRODUCTS = frozenset({"matmul", "mm", "bmm"})
# what has a diagonal of its own, or is added to one
DIAGONAL = frozenset({"eye", "diag", "diag_embed", "diagonal_scatter"})
TRIANGULAR = frozenset({"tril", "triu", "cholesky", "cholesky_ex"})
SCALED = frozenset({"mul", "div", "clone", "mean", "sum"})
DEPTH = 6


@rule(
    "NAN804", at="inv solve cholesky logdet MultivariateNormal", kind="domain",
    mentions="inv( inverse solve cholesky logdet MultivariateNormal",
)  # fmt: skip
def singular_matrix(site: Site) -> Iterator[Report]:
    """
    Inverse, solution or factor of a matrix that can be singular.

    ## Why is this bad?

    `x.T @ x` of fewer rows than columns has no inverse, and neither has the covariance of fewer samples than features,
    nor either of them when one column repeats another. Rounding decides what comes of it: `torch.linalg.inv`, `solve`
    and `cholesky` raise, in the middle of training and for one batch in a thousand, or give numbers of 1e7 that mean
    nothing; `logdet` is `-inf`, or `nan` where rounding made the determinant negative. A small multiple of the identity
    keeps the eigenvalues away from 0.

    ## Bad

    ```python
    def whitening(x):
        return torch.linalg.cholesky(x.T @ x)  # flagged


    # run: whitening(torch.tensor([[1.0, 2.0, 4.0]]))
    # raises: RuntimeError
    ```

    ## Good

    ```python
    def whitening(x):
        return torch.linalg.cholesky(x.T @ x + 1e-4 * torch.eye(x.shape[1]))


    # run: whitening(torch.tensor([[1.0, 2.0, 4.0]]))
    ```

    ## Known limits

    A Gram matrix, a covariance and an annotated argument of a public function are doubted; any other matrix is taken
    at its author's word, and so is one to whose diagonal something was added. Whether the multiple of the identity is
    large enough for the scale of the matrix is not asked. Where the error is caught, the rule is silent.
    """
    name = next((name for name in MATRICES if name in site.operands), None)
    matrix = site.operand(name) if name is not None else None
    if matrix is None or ("handled", 0) in site.marks:
        return
    doubt = _doubt(site, matrix.value)
    if doubt is None:
        return
    confidence, why = doubt
    if site.op == "logdet":
        fails, cure = "is -inf or nan", "use torch.linalg.slogdet, or add eps * torch.eye(n)"
    elif site.op in DEFINITE:
        fails, cure = "raises", "add eps * torch.eye(n), or use torch.linalg.cholesky_ex"
    else:
        fails, cure = "raises or explodes", "add eps * torch.eye(n), or use torch.linalg.pinv or lstsq"
    shown = site.show(matrix)
    yield site.report(confidence, f"`{site.op}` {fails} where `{shown}` is singular, and {why}: {cure}", at=matrix)


def _doubt(site: Site, value: Value) -> tuple[Confidence, str] | None:
    """How sure it is that the matrix can be singular, and why; None where its author has seen to it."""
    if any(v.op in DIAGONAL for v in ancestry(value, DEPTH)):
        return None
    made = strip_views(value)
    for _ in range(DEPTH):
        inner = first_arg(made) if made.op in SCALED else None
        if inner is None:
            break
        made = strip_views(inner)
    if made.op in PRODUCTS and _is_gram(made):
        return LIKELY, "a product with its own transpose is, of fewer rows than columns"
    if made.op == "cov":
        return LIKELY, "a covariance is, of fewer samples than features"
    if made.op == "exp" and site.op in DEFINITE:
        return LIKELY, "rounding makes a kernel matrix so"
    if made.made_by is None and not made.alternatives and site.is_tensor(made):
        public = made.kind == "tensor" and site.session.arguments.get(made.ident) == "public"
        # whoever solves instead of inverting has thought of it, and is told by an error
        public = public and site.op != "solve"
        return (LIKELY, "callers may pass any") if public else (POSSIBLE, "nothing is known of it")
    return None


def _is_gram(value: Value) -> bool:
    """`x.T @ x`, or with weights between, of an `x` that is no triangular factor."""
    left, right = first_arg(value), value.arg("other")
    if left is None or right is None:
        return False
    left, right = strip_views(left), strip_views(right)
    if left.op in PRODUCTS and left.ident != right.ident:
        left = strip_views(first_arg(left) or left)
    return left.ident == right.ident and left.op not in TRIANGULAR
