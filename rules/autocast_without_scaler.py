from collections.abc import Iterator

from nanlint.api import LIKELY, Event, Loop, Report, Site, Training, rule


@rule("NAN607", at="training-step", kind="training", mentions="autocast")
def autocast_without_scaler(site: Site) -> Iterator[Report]:
    """
    Backward through float16 autocast without a GradScaler.

    ## Why is this bad?

    float16 has nothing between 0 and 6e-8. What is computed in half has its gradient in half too, and gradients of deep
    layers are often smaller than that: they become 0, and those layers stop learning without a word. A
    `torch.amp.GradScaler` multiplies the loss so that they survive. bfloat16 has the range of float32 and needs none.

    ## Bad

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in batches:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = ((model(x) - y) * 1e-8).mean()
            loss.backward()  # flagged
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
        return model.weight.grad


    # run: train(nn.Linear(2, 1), [(torch.ones(4, 2), torch.zeros(4, 1))])
    # effect: (result == 0).all()
    ```

    ## Good

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in batches:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = ((model(x) - y) * 1e-8).mean()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
        return model.weight.grad


    # run: train(nn.Linear(2, 1), [(torch.ones(4, 2), torch.zeros(4, 1))])
    ```

    ## Known limits

    Only where the autocast region, the backward and the step are seen together. A region whose device or dtype is not
    known here is taken to be bfloat16, and a wrapper that is given the loss, `accelerator.backward(loss)`, to scale it.
    """
    training: Training = site.payload
    if any(other.words("scale", "unscale", "update") for other in training.others):
        return
    for loop in training.loops:
        if any(step.is_scaler_step for step in loop.steps):
            continue
        for backward in loop.words("backward"):
            region = _region(loop, backward)
            if region is not None and backward.first is None:
                yield site.report(
                    LIKELY,
                    f"the loss is computed under float16 autocast (line {site.row(region.place)}), where gradients "
                    "below 6e-8 are 0: scale it with torch.amp.GradScaler, or use bfloat16",
                    at=backward.place,
                )


def _region(loop: Loop, backward: Event) -> Event | None:
    before, _ = loop.around(backward)
    return next((e for e in reversed(before) if e.word == "half"), None)
