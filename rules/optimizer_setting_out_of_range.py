from collections.abc import Iterator

from nanlint.api import CERTAIN, LIKELY, Confidence, Operand, Report, Site, rule

# Measured on torch 2.13: with eps=0 and a gradient of 0 each of these gives nan, in the first steps.
DIVIDED = frozenset("Adam AdamW NAdam RAdam Adamax RMSprop Adagrad Adadelta Adafactor".split())
SHRINKING = frozenset({"SGD", "AdamW"})
SMALLEST = 1e-45


@rule("NAN609", at="optimizer", kind="training", mentions="eps momentum alpha weight_decay dampening")
def optimizer_setting_out_of_range(site: Site) -> Iterator[Report]:
    """
    A setting of an optimizer with which its own step is NaN or grows without end.

    ## Why is this bad?

    Torch accepts them. With `eps=0` Adam and its relatives divide 0 by 0 for each weight whose gradient is 0: a dead
    unit, a padding row, an unused expert, in the first step. With a momentum of 1 nothing is ever forgotten, above 1
    the velocity grows by that factor in each step. With `alpha=1` RMSprop's mean of squares stays 0. Weight decay
    multiplies the weights by `1 - lr * weight_decay`: beyond a product of 2 they grow, with alternating signs.

    ## Bad

    ```python
    def one_step(weight):
        optimizer = torch.optim.Adam([weight], lr=1e-3, eps=0)  # flagged
        loss = torch.relu(weight).sum()
        loss.backward()
        nn.utils.clip_grad_norm_([weight], max_norm=1.0)
        optimizer.step()
        return weight


    # run: one_step(torch.tensor([-1.0, 1.0], requires_grad=True))
    ```

    ## Good

    ```python
    def one_step(weight):
        optimizer = torch.optim.Adam([weight], lr=1e-3)
        loss = torch.relu(weight).sum()
        loss.backward()
        nn.utils.clip_grad_norm_([weight], max_norm=1.0)
        optimizer.step()
        return weight


    # run: one_step(torch.tensor([-1.0, 1.0], requires_grad=True))
    ```

    ## Known limits

    Settings that are not numbers in view, and those of single parameter groups, are not judged.
    """
    for name, operand in site.operands.items():
        found = _fault(site, name, operand)
        if found is not None:
            confidence, what = found
            yield site.report(confidence, f"{site.payload} with {name}={site.show(operand)} {what}", at=operand)


def _fault(site: Site, name: str, operand: Operand) -> tuple[Confidence, str] | None:
    number = _number(operand)
    if name == "eps" and site.payload in DIVIDED:
        first = operand.value.items[0].number if operand.value.items else number
        if first is not None and first < SMALLEST:
            return CERTAIN, "gives 0 / 0 = nan where a gradient is 0: leave eps at its default"
    elif number is None:
        return None
    elif name == "momentum" and number >= 1 and site.payload in ("SGD", "RMSprop"):
        grows = "never forgets a gradient" if number == 1 else "makes the velocity grow without end"
        return (LIKELY if number == 1 else CERTAIN), f"{grows}: choose it below 1, such as 0.9"
    elif name == "dampening" and number > 1 and site.payload == "SGD":
        return CERTAIN, "turns the momentum against the gradient: choose it in [0, 1)"
    elif name == "alpha" and number >= 1 and site.payload == "RMSprop":
        return CERTAIN, "never takes a square into its mean, and divides by 0 or less: choose it below 1, such as 0.99"
    elif name == "weight_decay" and site.payload in SHRINKING:
        rate = site.operand("lr")
        factor = number * (_number(rate) or 0.0) if rate is not None else 0.0
        if factor > 2:
            return CERTAIN, f"multiplies each weight by 1 - {factor:g} in each step: it grows without end; lower it"
    return None


def _number(operand: Operand) -> float | None:
    return operand.value.range.point if operand.value.range is not None else None
