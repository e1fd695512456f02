from collections.abc import Iterator

from nanlint.api import POSITIVE, Report, Site, first_arg, picked, rule, unguarded


@rule("NAN806", at="log log2 log10", kind="domain", over="log-of-nonpositive", mentions="det( det)")
def log_of_determinant(site: Site) -> Iterator[Report]:
    """
    Logarithm of a determinant, which underflows, overflows or is negative.

    ## Why is this bad?

    A determinant is a product of as many factors as the matrix has rows: that of a covariance of 50 features whose
    variances are 0.1 is 0 in float32, that of one whose variances are 10 is `inf`, and that of a rotation with a
    reflection is -1. The log is then `-inf`, `inf` or `nan`, and so is the gradient. `torch.linalg.slogdet` never forms
    the product.

    ## Bad

    ```python
    def log_volume(covariance: torch.Tensor):
        return torch.log(torch.linalg.det(covariance))  # flagged


    # run: log_volume((0.1 * torch.eye(50)).requires_grad_())
    ```

    ## Good

    ```python
    def log_volume(covariance: torch.Tensor):
        return torch.linalg.slogdet(covariance).logabsdet


    # run: log_volume((0.1 * torch.eye(50)).requires_grad_())
    ```

    ## Known limits

    `torch.logdet` does not underflow, and is `nan` where the determinant is negative: of that singular-matrix speaks.
    """
    x = site.input
    inner = unguarded(x.value)
    if inner.op == "abs":
        inner = picked(first_arg(inner) or inner)
    confidence = site.doubt(x.value, POSITIVE) if inner.op == "det" else None
    if confidence is None or site.is_repaired:
        return
    yield site.report(
        confidence,
        f"`{site.show(x)}` is a product of as many factors as there are rows, which is soon 0 or inf and may be "
        "negative: use torch.linalg.slogdet(...).logabsdet",
        at=x,
    )
