from collections.abc import Iterator

from nanlint.api import CERTAIN, LIKELY, Report, Site, Training, rule


@rule("NAN606", at="training-step", kind="training", mentions="Scaler scaler")
def scaler_never_updated(site: Site) -> Iterator[Report]:
    """
    A GradScaler steps and is never updated.

    ## Why is this bad?

    `update()` lowers the scale after an Inf, raises it again after 2000 good steps, and makes the scaler ready for the
    next step. Without it the second `step()` raises, or, with one scaler per step, a scale that overflows does so for
    ever: every step is left out, and nothing is learned.

    ## Bad

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu")
        for x, y in batches:
            optimizer.zero_grad()
            scaler.scale(F.mse_loss(model(x), y)).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            scaler.step(optimizer)  # flagged
        return model.weight.detach()


    # run: train(nn.Linear(2, 1), [(torch.ones(4, 2), torch.zeros(4, 1))] * 2)
    # raises: RuntimeError
    ```

    ## Good

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu")
        for x, y in batches:
            optimizer.zero_grad()
            scaler.scale(F.mse_loss(model(x), y)).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            scaler.step(optimizer)
            scaler.update()
        return model.weight.detach()


    # run: train(nn.Linear(2, 1), [(torch.ones(4, 2), torch.zeros(4, 1))] * 2)
    ```

    ## Known limits

    An update anywhere in the file is taken for the one that is missing here. A scaler that is passed in may be updated
    by the caller and is left alone.
    """
    training: Training = site.payload
    if any(other.words("update") for other in training.others):
        return
    for loop in training.loops:
        for step in loop.steps:
            scaler = step.receiver
            if not step.is_scaler_step or scaler.kind != "scaler":
                continue
            enabled = scaler.arg("enabled")
            if enabled is not None and enabled.is_literal and not enabled.const:
                continue
            yield site.report(
                CERTAIN if loop.node is not None and enabled is None else LIKELY,
                "the scaler steps and is never updated: the next step raises, and its scale never leaves what "
                "overflows; call scaler.update() after it",
                at=step.place,
            )
