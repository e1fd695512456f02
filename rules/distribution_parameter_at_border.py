from collections.abc import Iterator

from nanlint.api import (
    CERTAIN,
    INF,
    LIKELY,
    NONNEGATIVE,
    POSITIVE,
    POSSIBLE,
    Confidence,
    Interval,
    Operand,
    Place,
    Report,
    Site,
    Value,
    exp_limit,
    family_of,
    first_arg,
    rule,
    strip_views,
)

# how far below 0 exp is 0
LOWEST = {"float16": 17.33, "float64": 745.13, "bfloat16": 92.87}
LOWEST_FLOAT32 = 103.97
# zero by underflow alone
VANISHING = frozenset({"exp", "exp2", "softplus", "sigmoid", "softmax"})
OVERFLOWING = frozenset({"exp", "exp2"})
SHIFTED = frozenset({"add", "sub"})
SCALED = frozenset({"sqrt", "square", "pow", "abs", "mul", "div"})
# zero for all that is negative
CUT = frozenset({"relu", "relu6", "hardtanh", "threshold", "elu", "celu", "selu", "clamp", "clamp_min"})
SPREADS = frozenset({"std", "var", "norm", "vector_norm", "linalg_norm"})
MASKED = frozenset({"mul", "masked_fill", "where"})
SAMPLES = frozenset({"sample", "rsample"})
WEIGHTS = frozenset({"Categorical", "OneHotCategorical", "Multinomial", "multinomial"})
CURES = {
    "exp": "clamp its argument, such as to [-20, 2]",
    "exp2": "clamp its argument",
    "softplus": "add an eps to it",
    "sigmoid": "add an eps to it",
    "softmax": "add an eps to it",
}


@rule(
    "NAN502",
    at="""Normal LogNormal Laplace Cauchy Gumbel LogisticNormal HalfNormal HalfCauchy Exponential Gamma InverseGamma
    Beta Kumaraswamy Dirichlet Chi2 FisherSnedecor StudentT Pareto Weibull VonMises LowRankMultivariateNormal Poisson
    Bernoulli Binomial Geometric NegativeBinomial Categorical OneHotCategorical Multinomial RelaxedBernoulli
    RelaxedOneHotCategorical log_prob icdf normal multinomial""",
    kind="loss",
    over="exp-overflow",
    mentions="distributions normal multinomial",
)
def distribution_parameter_at_border(site: Site) -> Iterator[Report]:
    """
    Scale, rate or concentration of a distribution that can be 0, or a value at the end of its support.

    ## Why is this bad?

    A scale of 0 is an error (`ValueError: Expected parameter scale`) in the midst of training, and with
    `validate_args=False` its log_prob is `nan`. `exp` of the output of a network underflows to 0 below -104 and
    overflows to `inf` above 88.7, where log_prob is `-inf`; softplus rounds to 0, and relu is 0 for all that is
    negative. An action of exactly 1, which tanh gives from 9.02 on, has no finite log_prob under `TanhTransform`, and
    the quantiles at 0 and 1 are infinite.

    ## Bad

    ```python
    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_std = nn.Linear(1, 1, bias=False)
            nn.init.constant_(self.log_std.weight, 100.0)

        def forward(self, x, action):
            std = self.log_std(x).exp()  # flagged
            return torch.distributions.Normal(x, std).log_prob(action)


    # run: Policy()(torch.ones(1, 1), torch.zeros(1, 1))
    ```

    ## Good

    ```python
    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_std = nn.Linear(1, 1, bias=False)
            nn.init.constant_(self.log_std.weight, 100.0)

        def forward(self, x, action):
            std = self.log_std(x).clamp(-20, 2).exp()
            return torch.distributions.Normal(x, std).log_prob(action)


    # run: Policy()(torch.ones(1, 1), torch.zeros(1, 1))
    ```

    ## Fix safety

    Unsafe: the clamp changes parameters below the eps of the dtype.

    ## Known limits

    A parameter that is an argument, or comes from what is not in view, gives a `possible` finding. Probabilities of
    exactly 0 and 1 are left alone: torch moves them by an eps. With `validate_args=False` it is log_prob that gives the
    finding, as samples are finite. Distributions of other packages are not known.
    """
    if site.op == "log_prob":
        yield from _unchecked(site)
        yield from _density(site)
        return
    if site.op == "icdf":
        yield from _quantile(site)
        return
    if site.op in WEIGHTS:
        yield from _weights(site)
    if site.op == "normal":
        parameters = {"std": NONNEGATIVE}
    elif site.op == "multinomial":
        parameters = {"input": NONNEGATIVE}
    else:
        parameters = {need.parameter: need.domain for need in site.unmet}
    # samples of an unchecked Normal without spread are fine: its log_prob speaks for itself
    limit = POSSIBLE if _is_unchecked(site.value("validate_args")) else CERTAIN
    for name, domain in parameters.items():
        operand = site.operand(name)
        if operand is not None:
            what = f"`{'weight' if name == 'input' else name}` of `{site.op}`"
            yield from _parameter(site, what, operand.value, domain, operand, limit)


def _is_unchecked(validate_args: Value | None) -> bool:
    return validate_args is not None and validate_args.const is False


def _unchecked(site: Site) -> Iterator[Report]:
    """log_prob of a distribution that does not check its parameters."""
    made, family = family_of(site.input.value)
    if not _is_unchecked(made.arg("validate_args")):
        return
    for need in family.needs:
        value = made.arg(need.parameter)
        if value is not None and (value.range is None or not value.range.without_nan().within(need.domain)):
            place = value.made_by.place if value.made_by else site.place
            yield from _parameter(site, f"`{need.parameter}` of `{made.op}`", value, need.domain, place, CERTAIN)


def _parameter(
    site: Site, what: str, value: Value, domain: Interval, at: Operand | Place, limit: Confidence
) -> Iterator[Report]:
    """`what` is the parameter in words, `limit` the highest confidence."""
    if value.kind not in ("tensor", "unknown"):
        return
    vanishing = _vanishing(value) if 0 not in domain else None
    if vanishing is not None and vanishing.made_by is not None:
        x, op = first_arg(vanishing), vanishing.op
        high, low = exp_limit(vanishing.dtype), LOWEST.get(vanishing.dtype or "", LOWEST_FLOAT32)
        ends = [(low, -1)] + ([(high, 1)] if op in OVERFLOWING else [])
        doubts = [site.runs_past(x, end, (way,)) for end, way in ends] if x is not None else []
        confidence = max((d for d in doubts if d is not None), default=None)
        if confidence is None or x is None:
            return
        if op not in OVERFLOWING and _source(x).op == "parameter":
            # the usual way to keep a trained number positive
            confidence = POSSIBLE
        confidence = min(confidence, limit)
        overflows = f" and inf above {high:.3g}" if op in OVERFLOWING else ""
        place = vanishing.made_by.place
        shown, row = site.show(place.node), site.row(site.place)
        where = "" if site.row(place) == row else f" on line {row}"
        yield site.report(
            confidence,
            f"`{shown}` is 0 below {-low:.3g}{overflows}, and as {what}{where} {_fails(site)}: {CURES[op]}",
            at=place,
            covers=(vanishing.made_by,) if confidence > POSSIBLE else (),
            defect=(op, x.ident),
        )
        return
    confidence, range_ = _doubt(site, value, domain), value.range
    if confidence is None:
        return
    cure = "clamp it" if domain != POSITIVE else "add an eps, or clamp it from below"
    if confidence > POSSIBLE and (range_ is None or range_.lo < 0):
        cure = "pass it as logits" if "probs" in what else cure if 0 in domain else "use softplus of it plus an eps"
    why = site.because(value) or (f" (it lies in {range_})" if range_ is not None else "")
    shown = site.show(at.node, 40)
    yield site.report(
        min(confidence, limit),
        f"{what} must be in {domain}, which `{shown}` can leave{why}; that {_fails(site)}: {cure}",
        at=at,
        fixes=site.fix("Clamp it to a positive minimum", at, "x.clamp_min(eps(x))", x=at)
        if isinstance(at, Operand) and domain.lo == 0
        else (),
    )


def _doubt(site: Site, value: Value, domain: Interval) -> Confidence | None:
    """How sure it is that the parameter leaves its domain: an argument is given as it is meant to be."""
    range_, source = value.range, _source(value)
    if range_ is not None and range_.without_nan().within(domain):
        return None
    if range_ is not None and not range_.meets(domain):
        return value.reach
    if source.made_by is None:
        return POSSIBLE
    doubts = [site.runs_past(value, 1.0, (-1,)), site.runs_past(value, domain.hi, (1,)), POSSIBLE]
    if range_ is not None and -INF < range_.lo < 0:
        doubts.append(value.reach)
    if 0 not in domain and range_ is not None and range_.lo == 0 and source.op in CUT | SPREADS:
        doubts.append(site.doubt(value, domain))
    return max(d for d in doubts if d is not None)


def _source(value: Value) -> Value:
    """What a scale is the root, square, positive multiple or shift of."""
    for _ in range(8):
        value = strip_views(value)
        if value.op not in SCALED | SHIFTED or value.made_by is None:
            break
        parts = [v for v in value.made_by.args.values() if v.kind in ("tensor", "unknown") and not _is_factor(v)]
        if len({part.ident for part in parts}) != 1:
            break
        value = parts[0]
    return value


def _is_factor(value: Value) -> bool:
    return value.range is not None and value.range.lo > 0


def _vanishing(value: Value) -> Value | None:
    """The exponential or the like that is zero only by underflow, below roots and products with numbers."""
    source = _source(value)
    if source.op == "clamp_max" or (source.op == "clamp" and source.arg("min") is None):
        source = _source(first_arg(source) or source)
    zero = value.range is None or (value.range.lo == 0 and 0 in value.range)
    return source if source.op in VANISHING and zero else None


def _weights(site: Site) -> Iterator[Report]:
    """Rows of weights that are all zero."""
    operand = site.operands.get("input" if site.op == "multinomial" else "probs")
    if operand is None or operand.value.range is None or operand.value.range.lo != 0 or 0 not in operand.value.range:
        return
    made = strip_views(operand.value)
    if made.op not in CUT | MASKED or made.reach is POSSIBLE:
        return
    cut = made.op in CUT and _source(first_arg(made) or made).made_by is not None
    yield site.report(
        LIKELY if cut else POSSIBLE,
        f"`{site.show(operand)}` can be 0 in a whole row{site.because(operand.value)}, and `{site.op}` of such a row "
        "is an error: add an eps to it",
        at=operand,
    )


def _density(site: Site) -> Iterator[Report]:
    """log_prob of a value at the border of the support."""
    operand = site.operand("value")
    made, family = family_of(site.input.value)
    density = family.density
    if operand is None or density is None or operand.value.kind not in ("tensor", "unknown"):
        return
    value = operand.value
    if value.range is not None and value.range.without_nan().within(density):
        return
    if _is_cached(site, made, value):
        return
    squashed = made.op == "TanhTransform"
    if value.range is not None and (density.lo in value.range or density.hi in value.range):
        # what the parameters of the others are decides whether the density is finite there
        confidence = value.reach if squashed else min(value.reach, LIKELY)
    elif squashed and site.is_tensor(value):
        confidence = LIKELY
    else:
        confidence = POSSIBLE
    ends = "-1 and 1" if squashed else "the border of the support"
    lies = f"lies in {value.range}" if value.range is not None else "can be there"
    cure = "clamp it to the inside"
    if squashed and made.arg("cache_size") is None:
        cure += ", or use cache_size=1 for samples of its own"
    yield site.report(
        confidence,
        f"log_prob of `{made.op}` is not finite at {ends}, and `{site.show(operand)}` {lies}: {cure}",
        at=operand,
    )


def _is_cached(site: Site, made: Value, value: Value) -> bool:
    """The transform remembers what it was applied to, and this is its own sample."""
    size = made.arg("cache_size")
    sample = strip_views(value)
    drawn = (
        sample.op in SAMPLES and (origin := first_arg(sample)) is not None and origin.ident == site.input.value.ident
    )
    return drawn and size is not None and size.number != 0


def _quantile(site: Site) -> Iterator[Report]:
    """Icdf of a probability that can be 0 or 1."""
    operand = site.operand("value")
    made, family = family_of(site.input.value)
    if operand is None or family.quantiles is None:
        return
    confidence = site.doubt(operand.value, family.quantiles)
    if confidence is None:
        return
    if strip_views(operand.value).made_by is None:
        confidence = POSSIBLE
    ends = "0 and 1" if 0 not in family.quantiles else "1"
    lies = f"lies in {operand.value.range}{site.because(operand.value)}" if operand.value.range else "can be there"
    yield site.report(
        confidence,
        f"icdf of `{made.op}` is infinite at {ends}, and `{site.show(operand)}` {lies}: clamp it to [1e-6, 1 - 1e-6]",
        at=operand,
    )


def _fails(site: Site) -> str:
    if site.op in ("normal", "multinomial"):
        return "is an error"
    unchecked = site.op == "log_prob" or _is_unchecked(site.value("validate_args"))
    return "makes log_prob nan" if unchecked else "raises ValueError"
