from collections.abc import Iterator

from nanlint.api import LIKELY, NONZERO, POSSIBLE, Report, Site, Value, picked, reduction_of, rule, same, strip_views

LARGEST = 0.01
MEANS = frozenset({"mean", "median"})
DIFFERENCES = frozenset({"sub", "rsub"})
# by their making of either sign
SIGNED = frozenset("sub rsub neg linear network tanh sin cos tan atan erf softsign randn randn_like".split())
# below half of the smallest float16 an eps is 0, and guards nothing
LOST_IN_HALF = 3e-8


@rule("NAN206", at="div reciprocal", kind="division", over="division-by-zero-tensor")
def eps_on_signed_divisor(site: Site) -> Iterator[Report]:
    """
    An eps is added to a divisor that can be negative.

    ## Why is this bad?

    `x / (d + eps)` has its pole at `d = -eps` instead of 0: for a divisor of either sign that is no farther away. Close
    to it the quotient is huge and of the wrong sign, and its gradient is larger by the square of that. An eps guards
    what is never negative. Of a signed divisor keep the sign: `torch.where(d.abs() < eps, eps, d)`, or `d / (d * d +
    eps)` in place of `1 / d`.

    ## Bad

    ```python
    class Ratio(nn.Module):
        def __init__(self):
            super().__init__()
            self.top, self.bottom = nn.Linear(1, 1), nn.Linear(1, 1, bias=False)
            nn.init.constant_(self.bottom.weight, -1e-6)

        def forward(self, x):
            return self.top(x) / (self.bottom(x) + 1e-6)  # flagged


    # run: Ratio()(torch.ones(1, 1))
    ```

    ## Good

    ```python
    class Ratio(nn.Module):
        def __init__(self):
            super().__init__()
            self.top, self.bottom = nn.Linear(1, 1), nn.Linear(1, 1, bias=False)
            nn.init.constant_(self.bottom.weight, -1e-6)

        def forward(self, x):
            bottom = self.bottom(x)
            return self.top(x) * bottom / (bottom * bottom + 1e-6)


    # run: Ratio()(torch.ones(1, 1))
    ```

    ## Known limits

    A divisor of which nothing is known is for division-by-zero-tensor, and taken to be positive. A difference gives a
    `possible` finding, since its author may know its sign, unless it is from a mean of its own.
    """
    below = site.operands.get("other") if site.op == "div" else site.input
    signed = _below_eps(below.value) if below is not None else None
    if below is None or signed is None or site.is_repaired:
        return
    made = strip_views(signed)
    if made.op not in SIGNED or (signed.range is not None and signed.range.lo >= 0):
        return
    confidence = site.doubt(below.value, NONZERO)
    if confidence is None:
        return
    if made.op in DIFFERENCES:
        # its author may know which side is the larger, but not of what is centred
        confidence = LIKELY if _is_centred(made) else POSSIBLE
    yield site.report(
        confidence,
        f"the eps in `{site.show(below)}` moves the pole to -eps, and what it is added to can be negative"
        f"{site.because(signed)}: keep the sign, as by `torch.where(d.abs() < eps, eps, d)`",
        at=site.place,
    )


def _is_centred(difference: Value) -> bool:
    """`x - x.mean()`."""
    left, right = difference.arg("input"), difference.arg("other")
    mean = reduction_of(right, MEANS) if right is not None else None
    return left is not None and mean is not None and same(mean, left)


def _below_eps(value: Value) -> Value | None:
    """`d`, when the value is `d + eps`."""
    value = picked(value)
    left, right = value.arg("input"), value.arg("other")
    if value.op != "add" or left is None or right is None:
        return None
    for signed, eps in ((left, right), (right, left)):
        lost = value.dtype == "float16" and eps.number is not None and eps.number < LOST_IN_HALF
        if eps.number is not None and 0 < eps.number <= LARGEST and not lost and signed.kind in ("tensor", "unknown"):
            return signed
    return None
