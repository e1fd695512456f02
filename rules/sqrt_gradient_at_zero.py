from collections.abc import Iterator

from nanlint.api import (
    CERTAIN,
    LIKELY,
    NONNEGATIVE,
    NONZERO,
    POSITIVE,
    POSSIBLE,
    Report,
    Site,
    Value,
    is_shielded_at_zero,
    lost_eps,
    rule,
    strip_views,
)

TERMS = frozenset({"add", "mul", "pow", "square", "sum", "mean", "stack"})
VANISHING = frozenset({"exp", "exp2", "softplus", "sigmoid", "logsumexp"})


@rule("NAN401", at="sqrt pow hypot", kind="gradient")
def sqrt_gradient_at_zero(site: Site) -> Iterator[Report]:
    """
    Square root of a value that can be exactly zero, where a gradient flows back.

    ## Why is this bad?

    The slope of `sqrt` at 0 is infinite. Behind it the chain rule multiplies by the derivative of what was rooted,
    which is 0 for a sum of squares, so the gradient is `nan` exactly when a distance, an error or a variance is 0: when
    the fit is perfect, when two points coincide, when a row is padding. The value, 0, shows nothing. The same goes for
    powers between 0 and 1, and for `hypot` at (0, 0). An eps outside of the root does not help; one inside does.

    ## Bad

    ```python
    def rmse(prediction, target):
        return torch.sqrt(F.mse_loss(prediction, target))  # flagged


    # run: rmse(torch.ones(3, requires_grad=True), torch.ones(3))
    ```

    ## Good

    ```python
    def rmse(prediction, target):
        return torch.sqrt(F.mse_loss(prediction, target) + 1e-12)


    # run: rmse(torch.ones(3, requires_grad=True), torch.ones(3))
    ```

    ## Fix safety

    A norm in the place of a root of squares is safe. Otherwise unsafe: the clamp changes numbers next to 0.

    ## Known limits

    Silent where no gradient flows: under `no_grad`, on detached or integer tensors, where the result is used by
    `item()` only. `norm`, `vector_norm`, `cdist` and `std` have gradient 0 at zero and are safe; `relu` lets no
    gradient through at 0, so the root of it is safe as well. Where the value may also be negative, `sqrt-of-negative`
    speaks.
    """
    if site.op == "hypot":
        yield from _hypot(site)
        return
    x = site.input
    what = "sqrt"
    if site.op == "pow":
        exponent = site.value("exponent")
        power = exponent.number if exponent is not None else None
        if power is None or not 0 < power < 1:
            return
        what = f"power {power:.4g}"
    if site.no_grad or site.result.grad is False or not site.flows or site.doubt(x.value, NONNEGATIVE) is not None:
        return
    confidence = site.doubt(x.value, POSITIVE)
    if confidence is None or is_shielded_at_zero(x.value):
        return
    if strip_views(x.value).op in VANISHING or not site.is_trained(x.value) or _is_replaced(x.value):
        confidence = POSSIBLE
    yield site.report(
        confidence if site.result.grad or confidence < CERTAIN else LIKELY,
        f"the {what} of `{site.show(x)}` has an infinite slope at 0, which it can be exactly{site.because(x.value)}: "
        f"its gradient is then inf or nan; {lost_eps(x.value) or 'add an eps inside of the root'}",
        at=site.place,
        fixes=site.fix("Clamp it to the smallest positive number", x, "x.clamp_min(tiny(x))", x=x),
    )


def _is_replaced(value: Value, depth: int = 6) -> bool:
    """A term of it had its bad elements replaced by something that is not zero."""
    made = strip_views(value)
    parts = list(made.made_by.args.values()) if made.made_by is not None else []
    if made.op in ("where", "masked_fill"):
        return any(v.range is not None and 0 not in v.range for v in parts[1:])
    return depth > 0 and made.op in TERMS and any(_is_replaced(part, depth - 1) for part in parts)


def _hypot(site: Site) -> Iterator[Report]:
    """Both sides have to be zero, and one of them is to let the gradient through."""
    sides = list(site.operands.values())
    if len(sides) != 2 or site.no_grad or site.result.grad is False or not site.flows:
        return
    if site.result.range is not None and 0 not in site.result.range:
        return
    doubts = [CERTAIN if side.value.number == 0 else site.doubt(side.value, NONZERO) for side in sides]
    known = [doubt for doubt in doubts if doubt is not None]
    if len(known) < 2 or all(is_shielded_at_zero(side.value) for side in sides):
        return
    confidence = min(known)
    if not any(site.is_trained(side.value) for side in sides if side.value.kind != "number"):
        confidence = POSSIBLE
    first, second = (site.show(side, 30) for side in sides)
    yield site.report(
        confidence if site.result.grad or confidence < CERTAIN else LIKELY,
        f"`hypot` has a nan gradient where both `{first}` and `{second}` are 0: use the root of the sum of their "
        "squares and an eps",
        at=site.place,
        fixes=site.fix(
            "Keep one side from zero", site.place, "torch.hypot(x, y.abs().clamp_min(tiny(y)))", x=sides[0], y=sides[1]
        ),
    )
