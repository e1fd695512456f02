from collections.abc import Iterator

from nanlint.api import LIKELY, POSSIBLE, Event, Loop, Proposal, Report, Site, Training, rule

SHOWN = 40


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
    `possible` when none is. So is a step in a test, by the name of its function, file or folder.
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
                f"; {_cure(site, loop, step)}",
                at=loop.shown(step),
                fixes=_clipped(site, loop, step) if loop.shown(step) is step.place else (),
            )
            break


def _cure(site: Site, loop: Loop, step: Event) -> str:
    """The call that clips, in the words of the code at hand."""
    parameters = _parameters(site, step)
    clip = f"`torch.nn.utils.clip_grad_norm_({parameters}, 1.0)`"
    wrapper = _wrapper(loop)
    if wrapper is not None:
        given = site.show(wrapper.place.node)
        if given.startswith("self.manual_backward("):
            return "call `self.clip_gradients(optimizer, gradient_clip_val=1.0)` before it"
        name = given.split(".backward(")[0]
        return f"call `{name}.clip_grad_norm_({parameters}, 1.0)`, or how else that clips, before it"
    stepping = site.show(step.place.node)
    if step.is_scaler_step and loop.words("scale") and not loop.words("unscale") and ".step(" in stepping:
        return f"call `{stepping.replace('.step(', '.unscale_(')}` and {clip} before it"
    return f"call {clip} before it"


def _wrapper(loop: Loop) -> Event | None:
    """`accelerator.backward(loss)`, which may have scaled the loss and clips by a method of its own."""
    return next((event for event in loop.words("backward") if event.first is not None), None)


def _parameters(site: Site, step: Event) -> str:
    """What the optimizer was made for, where that can be written at the step as well."""
    optimizer = step.first if step.is_scaler_step and step.first is not None else step.receiver
    made = next((s for s in site.session.sites if s.op == "optimizer" and s.result.ident == optimizer.ident), None)
    params = made.operand("params") if made is not None else None
    if made is None or params is None:
        return "model.parameters()"
    shown = site.show(params, SHOWN)
    at_hand = made.place.unit is step.place.unit or shown.startswith("self.")
    whole = shown.endswith(".parameters()") or (shown.startswith("[") and shown.endswith("]") and "{" not in shown)
    return shown if at_hand and whole and "..." not in shown else "model.parameters()"


def _clipped(site: Site, loop: Loop, step: Event) -> tuple[Proposal, ...]:
    """Clipping in front of the step, of gradients that a scaler has divided by its scale."""
    if _wrapper(loop) is not None or step.detail == "manual":
        return ()
    lines = ["torch.nn.utils.clip_grad_norm_(PARAMETERS, max_norm=1.0)"]
    if step.is_scaler_step and not loop.words("unscale"):
        lines.insert(0, "SCALER.unscale_(OPTIMIZER)")
    optimizer = step.first if step.is_scaler_step and step.first is not None else step.receiver
    return site.before_step("Clip the gradients before the step", step.place, optimizer, "\n".join(lines))
