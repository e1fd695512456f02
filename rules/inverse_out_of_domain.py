from collections.abc import Iterator

from nanlint.api import CERTAIN, INF, LIKELY, POSSIBLE, Interval, Report, Site, Value, is_flat_at, rule, strip_views

# where the value is finite and the slope is not
BORDERS = {"acos": (-1.0, 1.0), "asin": (-1.0, 1.0), "acosh": (1.0,)}
CURES = {
    "acos": "clamp it to [-1 + {0}, 1 - {0}], or use atan2",
    "asin": "clamp it to [-1 + {0}, 1 - {0}], or use atan2",
    "acosh": "use `clamp_min(1 + {0})`",
    "atanh": "clamp it to [-1 + {0}, 1 - {0}]",
    "erfinv": "clamp it to [-1 + {0}, 1 - {0}]",
    "logit": "pass `eps={0}`",
    "ndtri": "clamp it to [{0}, 1 - {0}]",
}
# what differs from 1 when it is taken from it
INSIDE = "x.clamp(eps(x) - 1, 1 - eps(x))"
LIMITED = {
    "acos": INSIDE, "asin": INSIDE, "atanh": INSIDE, "erfinv": INSIDE, "acosh": "x.clamp_min(1 + eps(x))",
    "logit": "x.clamp(eps(x), 1 - eps(x))",
}  # fmt: skip
"""What keeps a number inside, and at a slope that the dtype holds."""
GAPS = {"float16": "1e-3", "bfloat16": "1e-2"}
INVERSES = {"logit": "sigmoid", "atanh": "tanh", "erfinv": "erf", "ndtri": "ndtr"}


@rule("NAN104", at="acos asin acosh atanh logit erfinv ndtri", kind="domain")
def inverse_out_of_domain(site: Site) -> Iterator[Report]:
    """
    Inverse function at, or beyond, the end of its domain.

    ## Why is this bad?

    `acos(1.0000002)` is `nan`, and that is what rounding makes of the cosine of two parallel vectors. `atanh(1)`,
    `logit(1)` and `erfinv(1)` are `inf`, and tanh and sigmoid are exactly 1 from 9.02 and 16.64 on. At exactly -1 and
    1 the value of acos and asin is fine, but their slope is infinite, so `clamp(-1, 1)` saves the value and not the
    gradient: clamp to a little less, and to no less than the dtype can tell from 1 (`1 - 1e-8` is 1 in float32).

    ## Bad

    ```python
    def angle(a, b):
        return torch.acos(F.cosine_similarity(a, b, dim=-1))  # flagged


    def geodesic(a, b):
        return torch.acos(F.cosine_similarity(a, b, dim=-1).clamp(-1, 1))  # flagged


    # run: geodesic(torch.tensor([1.0, 0.0], requires_grad=True), torch.tensor([2.0, 0.0]))
    ```

    ## Good

    ```python
    def angle(a, b):
        return torch.acos(F.cosine_similarity(a, b, dim=-1).clamp(-1 + 1e-6, 1 - 1e-6))


    # run: angle(torch.tensor([1.0, 0.0], requires_grad=True), torch.tensor([2.0, 0.0]))
    ```

    ## Fix safety

    Unsafe: the clamp changes numbers within the eps of the dtype of the border, and those beyond it.

    ## Known limits

    A value of which nothing is known, or that was scaled by a number just below 1, gives a `possible` finding at most.
    The slope at the border is only reported where a gradient may be wanted: not under `no_grad`, on a detached tensor,
    or for a result that only `item()` uses.
    """
    x = site.input
    if x.value.is_complex:
        return
    ends = BORDERS.get(site.op)
    cure = CURES[site.op].format(GAPS.get(x.value.dtype or "", "1e-6"))
    if site.unmet:
        confidence = site.doubt(x.value, site.unmet[0].domain)
        if confidence is None or site.is_repaired:
            return
        made = strip_views(x.value).op
        if made == INVERSES.get(site.op):
            cure = f"keep what went into the {made}"
        gives = site.unmet[0].outside
    elif ends is not None and not site.no_grad and site.result.grad is not False and site.flows:
        above = Interval(ends[0], INF, lo_open=True)
        confidence = site.doubt(x.value, Interval(ends[0], ends[1], True, True) if len(ends) > 1 else above)
        if confidence is None or is_flat_at(x.value, ends):
            return
        if confidence is CERTAIN and not site.result.grad:
            confidence = LIKELY
        if not site.is_trained(x.value):
            confidence = POSSIBLE
        gives = f"of infinite slope at {' and '.join(f'{end:g}' for end in ends)}"
    else:
        return
    message = f"`{site.op}` is {gives}, and `{site.show(x)}` {_lies(site, x.value)}: {cure}"
    clamped = site.fix("Clamp it inside of the domain", x, LIMITED[site.op], x=x) if site.op in LIMITED else ()
    yield site.report(confidence, message, at=x, fixes=clamped)


def _lies(site: Site, value: Value) -> str:
    made = strip_views(value)
    if made.op == "cosine_similarity":
        return "is a cosine, which rounding takes past 1"
    if value.range is None or (value.range.lo == -INF and value.range.hi == INF):
        return "is not known to keep inside"
    return f"lies in {value.range}{_rounded(made)}{site.because(value)}"


def _rounded(value: Value) -> str:
    """That a limit next to the border is no other number than the border."""
    given = [value.arg(name) for name in ("min", "max")]
    limits = [abs(v.number) for v in given if v is not None and v.number is not None]
    if value.op not in ("clamp", "clamp_min", "clamp_max") or 1 in limits:
        return ""
    return f", as its limit is 1 in {value.dtype or 'float32'}"
