from collections.abc import Iterator

from nanlint.api import LIKELY, Report, Site, Training, Value, first_arg, rule, strip_views

PASSED = frozenset({"mean", "sum", "mul", "div", "add", "neg"})
NEGATIONS = frozenset({"logical_not", "bitwise_not"})
DEPTH = 4


@rule("NAN608", at="nan_to_num training-step", kind="training", mentions="nan_to_num isnan isfinite isinf")
def nan_replaced(site: Site) -> Iterator[Report]:
    """
    A NaN in the loss or in a gradient is replaced by a number, which hides it and mends nothing.

    ## Why is this bad?

    `nan_to_num(loss)` makes the number that is logged finite. Its gradient is that of the NaN all the same: 0 times an
    infinite slope is `nan`, and after the step the weights are. `nan_to_num` on gradients keeps the weights finite and
    trains on whatever is left; Inf becomes 3.4e38, which clipping then turns into the only direction.

    ## Bad

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in batches:
            optimizer.zero_grad()
            loss = torch.nan_to_num(F.mse_loss(model(x), y))  # flagged
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
        return float(loss), model.weight


    # run: train(nn.Linear(1, 1), [(torch.tensor([[0.0]]), torch.tensor([[float("nan")]]))])
    # effect: result[0] == 0 and result[1].isnan().all()
    ```

    ## Good

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in batches:
            if not torch.isfinite(y).all():
                raise FloatingPointError("the targets are not finite")
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
        return float(loss), model.weight


    # run: train(nn.Linear(1, 1), [(torch.tensor([[0.0]]), torch.tensor([[0.5]]))])
    ```

    ## Known limits

    Where the operation that makes the NaN is in view, it is named instead. What a model replaces between its layers is
    not judged, nor is a gradient that is indexed with its own NaN.
    """
    if site.op == "nan_to_num":
        if strip_views(site.input.value).op == "grad":
            yield site.report(
                LIKELY,
                f"`{site.show(site.input)}` is made finite, and what made it nan or inf stays: find it with "
                "torch.autograd.set_detect_anomaly(True), or leave the step out and say so",
                at=site.place,
            )
        return
    training: Training = site.payload
    for loop in training.loops:
        for loss in loop.words("backward", "scale"):
            value = loss.first if loss.word == "scale" else loss.receiver
            replaced = _replaced(value) if value is not None else None
            if replaced is not None and replaced.made_by is not None:
                yield site.report(
                    LIKELY,
                    "the loss is made finite here, its gradient is not: what is nan in it still makes the weights nan; "
                    "find the operation with torch.autograd.set_detect_anomaly(True)",
                    at=replaced.made_by.place,
                )


def _replaced(value: Value) -> Value | None:
    """The value whose NaN was replaced on the way to this loss, where nothing tells of its cause."""
    for _ in range(DEPTH):
        value = strip_views(value)
        inner = first_arg(value)
        if value.op == "nan_to_num":
            return value if inner is not None and not inner.hazards else None
        if value.op in ("where", "masked_fill"):
            test = value.arg("condition" if value.op == "where" else "mask")
            return value if test is not None and _is_test(test) else None
        if value.op not in PASSED or inner is None:
            return None
        value = inner
    return None


def _is_test(value: Value) -> bool:
    for _ in range(DEPTH):
        if value.op in ("isnan", "isinf", "isfinite"):
            tested = first_arg(value)
            return tested is not None and not tested.hazards
        inner = first_arg(value)
        if value.op not in NEGATIONS or inner is None:
            return False
        value = inner
    return False
