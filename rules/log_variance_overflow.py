from collections.abc import Iterator

from nanlint.api import Report, Site, Value, exp_limit, first_arg, picked, rule

DRAWN = frozenset({"randn", "randn_like", "normal", "normal_"})
SUMS = frozenset({"add", "sub", "mul", "neg"})
DEPTH = 5


@rule("NAN315", at="mul sub add", kind="overflow", over="exp-overflow", mentions="exp")
def log_variance_overflow(site: Site) -> Iterator[Report]:
    """
    The exponential of a log-variance or log-deviation that a network gives without a bound.

    ## Why is this bad?

    The head of a variational autoencoder or of a Gaussian policy gives `log_var`, and nothing keeps it below 88.72,
    from where on `exp` is `inf` in float32 (11.09 in float16). The KL term grows as `exp(log_var)`, its gradient does
    too: a single outlier sends the next step, and with it the next `log_var`, farther away. Clamped to [-20, 10] it
    still spans 13 orders of magnitude; softplus grows only as fast as its input.

    ## Bad

    ```python
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean, self.log_var = nn.Linear(1, 1), nn.Linear(1, 1, bias=False)
            nn.init.constant_(self.log_var.weight, 200.0)

        def forward(self, x):
            mean, log_var = self.mean(x), self.log_var(x)
            return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)  # flagged


    # run: Encoder()(torch.ones(1, 1))
    ```

    ## Good

    ```python
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean, self.log_var = nn.Linear(1, 1), nn.Linear(1, 1, bias=False)
            nn.init.constant_(self.log_var.weight, 200.0)

        def forward(self, x):
            mean, log_var = self.mean(x), self.log_var(x).clamp(-20, 10)
            return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)


    # run: Encoder()(torch.ones(1, 1))
    ```

    ## Known limits

    It takes a draw or a KL term to show that the exponential is a variance; of what is given to a distribution
    distribution-parameter-at-border speaks. Any other is for exp-overflow.
    """
    exponential = _scale(site)
    x = first_arg(exponential) if exponential is not None else None
    if exponential is None or exponential.made_by is None or x is None or site.is_masked(exponential):
        return
    confidence = site.runs_past(x, exp_limit(x.dtype))
    if confidence is None or x.kind not in ("tensor", "unknown"):
        return
    yield site.report(
        confidence,
        f"`{site.show(exponential.made_by.place.node)}` is the exp of a log-variance without an upper bound"
        f"{site.because(x)}, and inf above {exp_limit(x.dtype):g}: clamp it, as to [-20, 10], or use softplus",
        at=exponential.made_by.place,
        covers=(exponential.made_by,),
        defect=("exp", x.ident),
    )


def _scale(site: Site) -> Value | None:
    """The exponential that is a deviation or a variance."""
    left, right = site.value("input"), site.value("other")
    if left is None or right is None:
        return None
    if site.op == "mul":
        left, right = picked(left), picked(right)
        pairs = ((left, right), (right, left))
        return next((one for one, other in pairs if one.op == "exp" and other.op in DRAWN), None)
    terms = [*_terms(left, DEPTH), *_terms(right, DEPTH)]
    idents = {term.ident for term in terms}
    # both in one sum, as the KL divergence to a unit normal has them
    exponents = ((term, first_arg(term)) for term in terms if term.op == "exp")
    return next((term for term, x in exponents if x is not None and picked(x).ident in idents), None)


def _terms(value: Value, depth: int) -> Iterator[Value]:
    """What is summed, without the numbers that it is multiplied by."""
    value = picked(value)
    if depth == 0 or value.op not in SUMS:
        yield value
        return
    parts = (value.arg("input"), value.arg("other"))
    if value.op == "mul" and "number" not in {part.kind for part in parts if part}:
        yield value
        return
    for part in parts:
        if part is not None and part.kind != "number":
            yield from _terms(part, depth - 1)
