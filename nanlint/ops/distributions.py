"""Constructors of torch.distributions: what their arguments need; torch checks it and raises ValueError."""

from __future__ import annotations

from nanlint.interval import NONNEGATIVE, POSITIVE, UNIT, Interval
from nanlint.ops.op import Need, Op
from nanlint.ops.shapes import nothing

ERROR = "an error outside of"
PROBABILITY = {"probs": UNIT}
BELOW_ONE = Interval(0.0, 1.0, hi_open=True)


def distribution(name: str, parameters: str, **domains: Interval) -> Op:
    """`domains` are the needs, by parameter."""
    needs = tuple(Need(parameter, domain, f"{ERROR} {domain}") for parameter, domain in domains.items())
    spelling = frozenset({f"torch.distributions.{name}"})
    return Op(name, spelling, tuple(parameters.split()), nothing, needs=needs, returns="distribution", complex="raises")


def positive(name: str, parameters: str, positives: str) -> Op:
    """A distribution some of whose parameters must be above zero."""
    return distribution(name, parameters, **dict.fromkeys(positives.split(), POSITIVE))


OPS: tuple[Op, ...] = (
    *(positive(name, "loc scale", "scale") for name in (
        "Normal", "LogNormal", "Laplace", "Cauchy", "Gumbel", "LogisticNormal")),
    positive("HalfNormal", "scale", "scale"),
    positive("HalfCauchy", "scale", "scale"),
    positive("Exponential", "rate", "rate"),
    positive("Gamma", "concentration rate", "concentration rate"),
    positive("InverseGamma", "concentration rate", "concentration rate"),
    positive("Beta", "concentration1 concentration0", "concentration1 concentration0"),
    positive("Kumaraswamy", "concentration1 concentration0", "concentration1 concentration0"),
    positive("Dirichlet", "concentration", "concentration"),
    positive("Chi2", "df", "df"),
    positive("FisherSnedecor", "df1 df2", "df1 df2"),
    positive("StudentT", "df loc scale", "df scale"),
    positive("Pareto", "scale alpha", "scale alpha"),
    positive("Weibull", "scale concentration", "scale concentration"),
    positive("VonMises", "loc concentration", "concentration"),
    positive("LowRankMultivariateNormal", "loc cov_factor cov_diag", "cov_diag"),
    distribution("MultivariateNormal", "loc covariance_matrix precision_matrix scale_tril"),
    distribution("Uniform", "low high"),
    distribution("Poisson", "rate", rate=NONNEGATIVE),
    distribution("Bernoulli", "probs logits", **PROBABILITY),
    distribution("ContinuousBernoulli", "probs logits"),  # which clamps before it checks
    distribution("Binomial", "total_count probs logits", **PROBABILITY),
    distribution("Geometric", "probs logits", probs=Interval(0.0, 1.0, lo_open=True)),
    distribution("NegativeBinomial", "total_count probs logits", probs=BELOW_ONE),
    distribution("Categorical", "probs logits", probs=NONNEGATIVE),
    distribution("OneHotCategorical", "probs logits", probs=NONNEGATIVE),
    distribution("Multinomial", "total_count probs logits", probs=NONNEGATIVE),
    distribution("RelaxedBernoulli", "temperature probs logits", **PROBABILITY),
    distribution("RelaxedOneHotCategorical", "temperature probs logits", probs=NONNEGATIVE),
)  # fmt: skip
