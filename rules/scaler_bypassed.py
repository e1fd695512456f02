from collections.abc import Iterator

from nanlint.api import CERTAIN, LIKELY, Confidence, Event, Loop, Report, Site, Training, rule


@rule("NAN605", at="training-step", kind="training", over="missing-gradient-clipping", mentions="Scaler scaler")
def scaler_bypassed(site: Site) -> Iterator[Report]:
    """
    The loss is scaled, and the optimizer steps without the scaler.

    ## Why is this bad?

    `scaler.scale(loss).backward()` makes gradients that are 65536 times too large, on purpose: `scaler.step(optimizer)`
    divides them again and leaves the step out where one is Inf. `optimizer.step()` does neither. SGD moves the weights
    65536 times too far; Adam, which is blind to the scale, takes in the first Inf as NaN. An `update()` behind it
    raises, since no `step()` of the scaler has looked for Inf.

    ## Bad

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu")
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            scaler.scale(loss).backward()
            optimizer.step()  # flagged
        return model.weight.detach()


    # run: train(nn.Linear(2, 1), [(torch.ones(4, 2), torch.zeros(4, 1))])
    # effect: result.abs().max() > 100
    ```

    ## Good

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu")
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            scaler.step(optimizer)
            scaler.update()
        return model.weight.detach()


    # run: train(nn.Linear(2, 1), [(torch.ones(4, 2), torch.zeros(4, 1))])
    ```

    ## Known limits

    A step whose receiver is not known to be an optimizer is left alone, since a scheduler steps too.
    """
    training: Training = site.payload
    for loop in training.loops:
        for step in loop.steps:
            confidence = _bypasses(training, loop, step)
            if confidence is None:
                continue
            unscaled = any(e.word == "unscale" for e in loop.around(step)[0])
            what = (
                "after unscale_() this steps on Inf and NaN as well, where scaler.step would leave the step out"
                if unscaled
                else "this steps on gradients that the GradScaler has multiplied, by 65536 at first, Inf among them"
            )
            yield site.report(confidence, f"{what}: call scaler.step(optimizer), then scaler.update()", at=step.place)


def _bypasses(training: Training, loop: Loop, step: Event) -> Confidence | None:
    """How sure it is that an optimizer steps by itself on gradients of a scaled loss."""
    if step.is_scaler_step or step.receiver.kind not in ("optimizer", "unknown") or step.detail is not None:
        return None
    zeroed = any(e.receiver.ident == step.receiver.ident for e in training.words("zero_grad"))
    if step.receiver.kind == "unknown" and not zeroed:
        return None
    before, _ = loop.around(step)
    scale = next((e for e in reversed(before) if e.word in ("scale", "step", "zero_grad")), None)
    if scale is None or scale.word != "scale" or not any(e.word == "backward" for e in before[before.index(scale) :]):
        return None
    given = scale.receiver.arg("enabled")
    if scale.receiver.kind != "scaler":
        known = any(e.receiver.ident == scale.receiver.ident for e in training.words("unscale", "update", "step"))
        return LIKELY if known else None
    if given is not None and given.is_literal and not given.const:
        return None
    return CERTAIN if given is None or given.is_literal else LIKELY
