from collections.abc import Iterator

from nanlint.api import LIKELY, Report, Site, Value, exp_limit, first_arg, picked, rule

FACTORS = frozenset({"mul", "neg"})
LIMITS = frozenset({"clamp", "clamp_min", "clamp_max"})
DEPTH = 4


@rule("NAN314", at="minimum maximum min max", kind="overflow", over="exp-overflow", mentions="exp")
def policy_ratio_overflow(site: Site) -> Iterator[Report]:
    """
    The ratio of two policies, `exp(new - old)`, is clipped only after it may have overflowed.

    ## Why is this bad?

    PPO clips the ratio, not its exponent. An action that the old policy thought impossible has a log-probability of
    -100 there; its ratio is `exp(100) = inf`. Times an advantage of 0 that is `nan`, times a negative one it is the
    `-inf` that the minimum keeps, and the clipped side, which is fine, does not help. A log-ratio that is clamped to
    +-20 gives the same loss for every ratio that matters.

    ## Bad

    ```python
    def surrogate(new, old, advantage):
        ratio = torch.exp(new - old)  # flagged
        return -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()


    # run: surrogate(torch.zeros(2, requires_grad=True), torch.tensor([0.0, -100.0]), torch.tensor([1.0, -1.0]))
    ```

    ## Good

    ```python
    def surrogate(new, old, advantage):
        ratio = torch.exp((new - old).clamp(-20, 20))
        return -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()


    # run: surrogate(torch.zeros(2, requires_grad=True), torch.tensor([0.0, -100.0]), torch.tensor([1.0, -1.0]))
    ```

    ## Known limits

    The clipped objective shows what the exponential is. A ratio that only weights a loss is for exp-overflow.
    """
    one, two = site.value("input"), site.value("other")
    if one is None or two is None:
        return
    for side, other in ((one, two), (two, one)):
        for ratio in _factors(side):
            x = first_arg(ratio) if ratio.op == "exp" else None
            if x is None or ratio.made_by is None or not any(_is_clipped(part, ratio) for part in _factors(other)):
                continue
            confidence = site.runs_past(x, exp_limit(x.dtype))
            if confidence is None or picked(x).op != "sub":
                return
            yield site.report(
                # what was improbable to the old policy is what such a ratio is clipped for
                max(confidence, LIKELY),
                f"the ratio `{site.show(ratio.made_by.place.node)}` is inf where the log-ratio is above "
                f"{exp_limit(x.dtype):g}, and clipping it afterwards leaves inf * 0 = nan: clamp the log-ratio to +-20",
                at=ratio.made_by.place,
                covers=(ratio.made_by,),
                defect=("ratio", x.ident),
            )
            return


def _factors(value: Value, depth: int = DEPTH) -> Iterator[Value]:
    value = picked(value)
    if value.op not in FACTORS or depth == 0:
        yield value
        return
    for part in (value.arg("input"), value.arg("other")):
        if part is not None:
            yield from _factors(part, depth - 1)


def _is_clipped(value: Value, ratio: Value) -> bool:
    inner = first_arg(value) if value.op in LIMITS else None
    return inner is not None and picked(inner).ident == ratio.ident
