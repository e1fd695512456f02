"""torch.distributions: what the parameters need (torch checks it and raises ValueError), and what is drawn.

The range of the line of a distribution is that of its samples, the one of a transform is what it maps to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from nanlint.finding import Confidence
from nanlint.interval import (
    FINITE,
    FINITE_NONNEGATIVE,
    FINITE_POSITIVE,
    NONNEGATIVE,
    POSITIVE,
    SYMMETRIC_UNIT,
    UNIT,
    Interval,
)
from nanlint.ops.define import CERTAIN, LIKELY, POSSIBLE
from nanlint.ops.op import Call, Need, Op, Shape
from nanlint.ops.shapes import always, argument, nothing
from nanlint.slotted import Data

ERROR = "an error outside of"
OPEN_UNIT = Interval(0.0, 1.0, lo_open=True, hi_open=True)
OPEN_SYMMETRIC_UNIT = Interval(-1.0, 1.0, lo_open=True, hi_open=True)
BELOW_ONE = Interval(0.0, 1.0, hi_open=True)


class Family(Data):
    """What the methods of a distribution give beside samples.

    `discrete`: log_prob is the log of a probability, and the entropy is not negative. `probs`: the function by which
    probabilities are made of logits. `mean`, `stddev`: the parameter that it is. `density`: where log_prob is finite,
    if that is less than the support that torch checks. `quantiles`: where icdf is finite. `needs`: of the parameters,
    which torch checks unless it is told not to.
    """

    discrete: bool = False
    probs: str = ""
    mean: str = ""
    stddev: str = ""
    density: Interval | None = None
    quantiles: Interval | None = None
    needs: tuple[Need, ...] = ()


DISTRIBUTIONS: dict[str, Family] = {}
"""By name, transforms included."""


def uniform(call: Call) -> Interval | None:
    """`low + rand * (high - low)`, which rounds to `high` unless `low` is 0."""
    low, high = argument(call, "low"), argument(call, "high")
    if low is None or high is None:
        return None
    return Interval(low.lo, high.hi, low.lo_open, high.hi_open or low.point == 0)


def counted(call: Call) -> Interval | None:
    total = argument(call, "total_count")
    return FINITE_NONNEGATIVE if total is None else Interval(0.0, max(total.hi, 0.0))


def distribution(
    name: str,
    parameters: str,
    draws: Interval | Shape | None,
    positives: str = "",
    needs: Mapping[str, Interval] | None = None,
    attains: Confidence = POSSIBLE,
    **methods: object,
) -> Op:
    """One distribution: `draws` is the range of its samples, `positives` are the parameters that must be above zero."""
    domains = {**dict.fromkeys(positives.split(), POSITIVE), **(needs or {})}
    wanted = tuple(Need(parameter, domain, f"{ERROR} {domain}") for parameter, domain in domains.items())
    DISTRIBUTIONS[name] = Family(needs=wanted, **methods)  # type: ignore[arg-type]
    shape = nothing if draws is None else always(draws) if isinstance(draws, Interval) else draws
    return Op(
        name, "D", tuple(parameters.split()), shape, needs=wanted,
        attains=attains, returns="distribution", complex="raises", dtype="float",
    )  # fmt: skip


def discrete(
    name: str,
    parameters: str,
    draws: Interval | Shape,
    probs: Interval,
    of_logits: str,
    mean: str = "",
) -> Op:
    """A distribution over counts or choices, by probabilities or by their logits."""
    return distribution(
        name, parameters, draws, "", {"probs": probs}, LIKELY, discrete=True, probs=of_logits, mean=mean
    )


def transform(
    name: str,
    image: Interval | None,
    density: Interval | None = None,
    parameters: str = "",
    attains: Confidence = POSSIBLE,
) -> Op:
    """A transform: `density` is where log_prob of what it has transformed is finite."""
    DISTRIBUTIONS[name] = Family(density=density)
    shape = nothing if image is None else always(image)
    return Op(
        name, "D", (*parameters.split(), "cache_size"), shape,
        attains=attains, returns="distribution", complex="raises",
    )  # fmt: skip


def method(
    name: str,
    parameters: str = "",
    shape: Shape = nothing,
    *,
    attains: Confidence = POSSIBLE,
    differentiable: bool = True,
) -> Op:
    """A method of all distributions."""
    return Op(
        name, "d", ("input", *parameters.split()), shape,
        attains=attains, complex="raises", differentiable=differentiable,
        random=name in ("sample", "rsample", "sample_n"),
    )  # fmt: skip


def drawn(call: Call) -> Interval | None:
    return call.range("input")


OPS: tuple[Op, ...] = (
    distribution("Normal", "loc scale", FINITE, "scale", attains=LIKELY, mean="loc", stddev="scale",
                 quantiles=OPEN_UNIT),
    distribution("Laplace", "loc scale", FINITE, "scale", attains=LIKELY, mean="loc", quantiles=OPEN_UNIT),
    distribution("Cauchy", "loc scale", FINITE, "scale", attains=LIKELY),
    distribution("Gumbel", "loc scale", FINITE, "scale", attains=LIKELY),
    distribution("StudentT", "df loc scale", FINITE, "df scale", attains=LIKELY),
    distribution("LogNormal", "loc scale", NONNEGATIVE, "scale", density=POSITIVE, quantiles=BELOW_ONE),
    distribution("LogisticNormal", "loc scale", UNIT, "scale"),
    distribution("HalfNormal", "scale", FINITE_NONNEGATIVE, "scale", quantiles=BELOW_ONE),
    distribution("HalfCauchy", "scale", FINITE_NONNEGATIVE, "scale"),
    distribution("Exponential", "rate", FINITE_NONNEGATIVE, "rate", quantiles=BELOW_ONE),
    distribution("Gamma", "concentration rate", FINITE_POSITIVE, "concentration rate", density=POSITIVE),
    distribution("InverseGamma", "concentration rate", NONNEGATIVE, "concentration rate", density=POSITIVE),
    distribution("Chi2", "df", FINITE_POSITIVE, "df", density=POSITIVE),
    distribution("FisherSnedecor", "df1 df2", FINITE_NONNEGATIVE, "df1 df2", density=POSITIVE),
    distribution("Beta", "concentration1 concentration0", OPEN_UNIT, "concentration1 concentration0",
                 density=OPEN_UNIT),
    distribution("Kumaraswamy", "concentration1 concentration0", UNIT, "concentration1 concentration0"),
    distribution("Dirichlet", "concentration", Interval(0.0, 1.0, lo_open=True), "concentration",
                 density=Interval(0.0, 1.0, lo_open=True)),
    distribution("Pareto", "scale alpha", NONNEGATIVE, "scale alpha"),
    distribution("Weibull", "scale concentration", NONNEGATIVE, "scale concentration"),
    distribution("VonMises", "loc concentration", Interval(-math.pi, math.pi), "concentration", mean="loc"),
    distribution("MultivariateNormal", "loc covariance_matrix precision_matrix scale_tril", FINITE, attains=LIKELY,
                 mean="loc"),
    distribution("LowRankMultivariateNormal", "loc cov_factor cov_diag", FINITE, "cov_diag", attains=LIKELY,
                 mean="loc"),
    distribution("Uniform", "low high", uniform, attains=LIKELY),
    distribution("Poisson", "rate", FINITE_NONNEGATIVE, needs={"rate": NONNEGATIVE}, attains=LIKELY, discrete=True,
                 mean="rate"),
    discrete("Bernoulli", "probs logits", UNIT, UNIT, "sigmoid", mean="probs"),
    distribution("ContinuousBernoulli", "probs logits", UNIT, probs="sigmoid"),  # which clamps before it checks
    discrete("Binomial", "total_count probs logits", counted, UNIT, "sigmoid"),
    discrete("Geometric", "probs logits", FINITE_NONNEGATIVE, Interval(0.0, 1.0, lo_open=True), "sigmoid"),
    discrete("NegativeBinomial", "total_count probs logits", FINITE_NONNEGATIVE, BELOW_ONE, "sigmoid"),
    discrete("Categorical", "probs logits", FINITE_NONNEGATIVE, NONNEGATIVE, "softmax"),
    discrete("OneHotCategorical", "probs logits", UNIT, NONNEGATIVE, "softmax", mean="probs"),
    discrete("OneHotCategoricalStraightThrough", "probs logits", UNIT, NONNEGATIVE, "softmax", mean="probs"),
    discrete("Multinomial", "total_count probs logits", counted, NONNEGATIVE, "softmax"),
    distribution("RelaxedBernoulli", "temperature probs logits", OPEN_UNIT, "", {"probs": UNIT}, probs="sigmoid"),
    distribution("RelaxedOneHotCategorical", "temperature probs logits", UNIT, "", {"probs": NONNEGATIVE},
                 probs="softmax"),
    distribution("Independent", "base_distribution reinterpreted_batch_ndims", None),
    distribution("TransformedDistribution", "base_distribution transforms", None),
    distribution("MixtureSameFamily", "mixture_distribution component_distribution", None),
    transform("TanhTransform", SYMMETRIC_UNIT, OPEN_SYMMETRIC_UNIT, attains=CERTAIN),
    transform("SigmoidTransform", OPEN_UNIT),
    transform("SoftmaxTransform", UNIT),
    transform("SoftplusTransform", NONNEGATIVE, POSITIVE),
    transform("ExpTransform", NONNEGATIVE, POSITIVE),
    transform("AffineTransform", None, parameters="loc scale event_dim"),
    Op("kl_divergence", "D", ("p", "q"), nothing, complex="raises"),
    method("log_prob", "value"),
    method("entropy"),
    method("cdf", "value", always(UNIT), attains=LIKELY),
    method("icdf", "value"),
    method("sample", "sample_shape", drawn, differentiable=False),
    method("rsample", "sample_shape", drawn),
    method("sample_n", "n", drawn, differentiable=False),
    method("perplexity", "", always(NONNEGATIVE)),
    method("enumerate_support", "expand", drawn, differentiable=False),
)  # fmt: skip
