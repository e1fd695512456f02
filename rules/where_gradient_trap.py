from collections.abc import Iterator

from nanlint.api import (
    INF,
    LIKELY,
    POSSIBLE,
    Confidence,
    Report,
    Site,
    Value,
    ancestry,
    first_arg,
    rule,
    same,
    strip_views,
)

OPS = (
    "log log2 log10 log1p sqrt rsqrt reciprocal div pow acos asin acosh atanh exp exp2 expm1 logit erfinv ndtri "
    "lgamma digamma polygamma mvlgamma"
)
OVER = (
    "log-of-nonpositive division-by-zero-tensor normalised-by-own-scale "
    "sqrt-gradient-at-zero sqrt-of-negative exp-overflow inverse-out-of-domain gamma-at-pole"
)
COMPARISONS = frozenset({"eq", "ne"})
SIZES = frozenset({"lt", "le", "gt", "ge"})
EITHER = frozenset({"logical_or", "bitwise_or"})
DEPTH = 4
# as many steps as there are between a quantity and a test of it
ASKED = 4


@rule("NAN402", at=OPS, kind="gradient", over=OVER)
def where_gradient_trap(site: Site) -> Iterator[Report]:
    """
    Bad elements are masked after the operation, which keeps their gradient.

    ## Why is this bad?

    `where`, `masked_fill`, `clamp`, `nan_to_num` and a boolean index pick the good value in the forward pass. In the
    backward pass the elements left out get a gradient of 0, and 0 times the infinite derivative behind it is `nan`.
    Mask what goes into the operation: the unused branch is then harmless too.

    ## Bad

    ```python
    def safe_log(x):
        return torch.where(x > 0, torch.log(x), torch.zeros_like(x))  # flagged


    # run: safe_log(torch.tensor([0.0, 1.0], requires_grad=True))
    ```

    ## Good

    ```python
    def safe_log(x):
        positive = x > 0
        return torch.where(positive, torch.log(torch.where(positive, x, 1.0)), 0.0)


    # run: safe_log(torch.tensor([0.0, 1.0], requires_grad=True))
    ```

    ## Fix safety

    `where` on the input is safe: value and gradient of the elements that are kept are the same.

    ## Known limits

    Silent where no gradient can flow: under `no_grad`, on detached or integer tensors, where only `item()` uses the
    result. Whether a parameter of a function needs a gradient is not known; the common `d[d == inf] = 0` of graph
    normalisation is taken for data that needs none and gives a `possible` finding.
    """
    if not site.is_repaired or not site.repaired or site.no_grad or site.result.grad is False or not site.flows:
        return
    operand = site.operands.get("other" if site.op == "div" else "input")
    if operand is None:
        return
    confidence = _doubt(site, operand.value)
    if confidence is None:
        return
    if not site.is_trained(site.result) or _is_chosen(operand.value) or site.only_underflows(operand.value):
        # of what comes from elsewhere a gradient is hardly wanted; an operand that is masked itself is the cure
        confidence = POSSIBLE
    if site.result.grad is None and site.masks and all(_is_for_data(site, mask) for mask in site.masks):
        confidence = POSSIBLE
    mask = site.repaired[0]
    yield site.report(
        min(confidence, LIKELY),
        f"the mask on line {site.row(mask)} hides the value of `{site.op}` of `{site.show(operand)}` at its bad "
        f"elements, not their gradient, which becomes nan: mask the input of the `{site.op}` instead",
        at=site.place,
    )


def _doubt(site: Site, value: Value) -> Confidence | None:
    # a mask that looks at the operand says that it gets there
    asked = any(same(part, value) for mask in site.masks for part in ancestry(mask, ASKED)) and site.is_tensor(value)
    if site.unmet:
        doubt = site.doubt(value, site.unmet[0].domain)
        if doubt is POSSIBLE and asked:
            return LIKELY
        # a mask made from other things chooses between two ways of computing, and hides nothing on purpose
        return min(doubt, POSSIBLE) if doubt is not None and not _may_ask(site, value) else doubt
    made = site.result.range
    if made is None or INF not in made:
        return None
    limited = any(mask.op not in COMPARISONS for mask in site.masks)
    return LIKELY if asked and limited else POSSIBLE


def _may_ask(site: Site, value: Value) -> bool:
    """Some mask looks at the operand, at what became of it or at what it was made from, or comes from out of view."""
    sources = {strip_views(part).ident for part in (site.result, value, *ancestry(value, 2)) if part.kind != "number"}
    return not site.masks or any(
        strip_views(part).ident in sources or (part.made_by is None and mask is part)
        for mask in site.masks
        for part in ancestry(mask, DEPTH + ASKED)
    )


def _is_chosen(value: Value) -> bool:
    """Its bad elements were replaced before: `where(mask, x, 1)`."""
    chain: Value | None = value
    for _ in range(DEPTH):
        chain = strip_views(chain) if chain is not None else None
        if chain is None or chain.op in ("where", "masked_fill"):
            return chain is not None
        chain = first_arg(chain)
    return False


def _is_for_data(site: Site, mask: Value) -> bool:
    """Infinities are written over, or what is kept is picked by its own size, such as the scores of detections."""
    limit = mask.arg("other")
    by_size = mask.op in SIZES and same(mask.arg("input"), site.result) and limit is not None and limit.number != 0
    return by_size or _tests_for_infinity(mask)


def _tests_for_infinity(mask: Value) -> bool:
    """`isinf(d)`, `d == inf` or `nan_to_num(d, posinf=0)`, perhaps among other tests."""
    if mask.op in EITHER:
        return any(_tests_for_infinity(part) for part in (mask.arg("input"), mask.arg("other")) if part is not None)
    if mask.op in ("isinf", "nan_to_num"):
        return True
    bound = mask.arg("other")
    return mask.op in COMPARISONS and bound is not None and bound.number is not None and abs(bound.number) == INF
