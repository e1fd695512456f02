from collections.abc import Iterator

from nanlint.api import LIKELY, POSSIBLE, Event, Loop, Proposal, Report, Site, Training, rule

CURE = "call `torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)` before it"


@rule("NAN601", at="training-step", kind="training")
def missing_gradient_clipping(site: Site) -> Iterator[Report]:
    """
    A training loop steps on gradients that nothing limits.

    ## Why is this bad?

    One batch with a huge gradient moves the weights so far that the next loss overflows; from then on every value is
    `inf` or `nan`. Clipping the norm between `backward()` and `step()` bounds the damage of any single batch. Recurrent
    nets, transformers, policy gradients and losses with an `exp` in them are where such batches come from.

    A gradient that is `inf` or `nan` already is beyond clipping: of one `nan` it makes every gradient `nan`. With
    `clip_grad_norm_(..., error_if_nonfinite=True)` that raises in the step in which it happens, before any weight is
    lost. A GradScaler skips such steps by itself, and wants the default.

    ## Bad

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in batches:
            optimizer.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            optimizer.step()  # flagged
        return torch.cat([p.grad.flatten() for p in model.parameters()]).norm()


    # run: train(nn.Linear(2, 1), [(torch.full((4, 2), 1e3), torch.zeros(4, 1))])
    # effect: result > 1.0
    ```

    ## Good

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in batches:
            optimizer.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
        return torch.cat([p.grad.flatten() for p in model.parameters()]).norm()


    # run: train(nn.Linear(2, 1), [(torch.full((4, 2), 1e3), torch.zeros(4, 1))])
    ```

    ## Fix safety

    Unsafe: it changes what is learned. The bound is 1.0, and the parameters are those of the model that the optimizer
    was made for, or the ones that it holds.

    ## Known limits

    A helper of another package that clips without saying so by its name or by an argument is not seen. The
    `training_step` of a Lightning module is `likely` when a `Trainer` without `gradient_clip_val` is in view, and
    `possible` when none is. So is a step in a test, by the name of its function or file.
    """
    training: Training = site.payload
    if training.is_hooked():
        return
    pressing = training.pressing()
    urgent = f" ({pressing})" if pressing else ""
    if training.is_lightning_step:
        clips = training.trainer_clips()
        if not clips and not training.class_clips():
            yield site.report(
                LIKELY if clips is False else POSSIBLE,
                f"no gradient clipping for this training_step{urgent}: one bad batch can ruin the weights; "
                "pass gradient_clip_val=1.0 to the Trainer",
                at=training.place,
            )
        return
    for loop in training.loops:
        for step in loop.steps:
            if loop.is_clipped(step) or not loop.has_backward(step) or training.is_clipped_elsewhere(step):
                continue
            if loop.is_engine(step) or step.receiver.ref == "Rprop":
                continue
            yield site.report(
                POSSIBLE if training.is_test else LIKELY,
                f"no gradient clipping between backward() and this step{urgent}: one bad batch can ruin the weights"
                f"; {CURE}",
                at=loop.shown(step),
                fixes=_clipped(site, loop, step) if loop.shown(step) is step.place else (),
            )
            break


def _clipped(site: Site, loop: Loop, step: Event) -> tuple[Proposal, ...]:
    """Clipping in front of the step, of gradients that a scaler has divided by its scale."""
    lines = ["torch.nn.utils.clip_grad_norm_(PARAMETERS, max_norm=1.0)"]
    if step.is_scaler_step and not loop.words("unscale"):
        lines.insert(0, "SCALER.unscale_(OPTIMIZER)")
    optimizer = step.first if step.is_scaler_step and step.first is not None else step.receiver
    return site.before_step("Clip the gradients before the step", step.place, optimizer, "\n".join(lines))
