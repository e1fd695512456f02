from collections.abc import Iterator

from nanlint.api import LIKELY, NONNEGATIVE, POSSIBLE, Report, Site, Value, is_filled, rule, strip_views

SUMS = frozenset({"add", "sum", "nansum"})


@rule("NAN105", at="lgamma digamma polygamma mvlgamma", kind="domain")
def gamma_at_pole(site: Site) -> Iterator[Report]:
    """
    Logarithm of the gamma function, or a derivative of it, at zero.

    ## Why is this bad?

    `lgamma(0)` is `inf` with a gradient of `-inf`, `digamma(0)` is `-inf`, and the same goes for every negative
    integer. They stand in the densities and entropies of the gamma, beta, Dirichlet and Student distributions, whose
    concentrations come from an exp or softplus that underflows, from a relu, or from counts that can be 0.

    ## Bad

    ```python
    def dirichlet_normaliser(features):
        concentration = F.relu(features)
        return torch.lgamma(concentration).sum(-1) - torch.lgamma(concentration.sum(-1) + 1)  # flagged


    # run: dirichlet_normaliser(torch.tensor([-1.0, 2.0], requires_grad=True))
    ```

    ## Good

    ```python
    def dirichlet_normaliser(features):
        concentration = F.softplus(features) + 1e-4
        return torch.lgamma(concentration).sum(-1) - torch.lgamma(concentration.sum(-1) + 1)


    # run: dirichlet_normaliser(torch.tensor([-1.0, 2.0], requires_grad=True))
    ```

    ## Fix safety

    Unsafe: the clamp changes numbers within the eps of the dtype of the pole, and those beyond it.

    ## Known limits

    A float of either sign, such as the output of a network, hits a pole by chance only and gives a `possible` finding.
    So does a sum of several arguments, which is 0 only where each of them is.
    """
    x = site.operands.get("input")
    if x is None or not site.unmet or site.is_repaired:
        return
    domain = site.unmet[0].domain
    confidence = site.doubt(x.value, domain)
    if confidence is None:
        return
    if _passes_by(x.value) or is_filled(x.value) or (x.value.range is None and strip_views(x.value).op in SUMS):
        confidence = POSSIBLE
    elif site.only_underflows(x.value):
        confidence = min(confidence, LIKELY)
    lies = (
        f"lies in {x.value.range}{site.because(x.value)}" if x.value.range is not None else "has no known lower bound"
    )
    above = f"{domain.lo:g} + " if domain.lo else ""
    least = f"{domain.lo:g} + 1e-6" if domain.lo else "1e-6"
    yield site.report(
        confidence,
        f"`{site.op}` is {site.unmet[0].outside}, and `{site.show(x)}` {lies}: clamp it to at least {least}",
        at=x,
        fixes=site.fix("Clamp it to a positive minimum", x, f"x.clamp_min({above}eps(x))", x=x),
    )


def _passes_by(value: Value) -> bool:
    """Of either sign, and not of whole numbers: nothing makes it stop at a pole."""
    if value.is_integral:
        return False
    return strip_views(value).op == "network" or (value.range is not None and not value.range.within(NONNEGATIVE))
