from collections.abc import Iterator

from nanlint.api import CERTAIN, LIKELY, Confidence, Event, Loop, Proposal, Report, Site, Training, rule

ORDER = "the order is backward(), unscale_() under a GradScaler, clip, step()"


@rule("NAN602", at="training-step", kind="training", over="missing-gradient-clipping")
def clip_out_of_order(site: Site) -> Iterator[Report]:
    """
    Gradients are clipped where it has no effect: before backward, after step, or while they are scaled.

    ## Why is this bad?

    Before `backward()` there is nothing to clip, since `zero_grad()` has set every `.grad` to None; after `step()` the
    weights have moved already. Under a GradScaler gradients are many thousand times too large until `unscale_()`, so
    clipping before it shrinks every step to almost nothing, or lets the Inf of an overflow turn into NaN.

    ## Bad

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in batches:
            optimizer.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)  # flagged
            loss.backward()
            optimizer.step()
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
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
        return torch.cat([p.grad.flatten() for p in model.parameters()]).norm()


    # run: train(nn.Linear(2, 1), [(torch.full((4, 2), 1e3), torch.zeros(4, 1))])
    ```

    ## Fix safety

    Unsafe: it changes what is learned.

    ## Known limits

    A clip belongs to the nearest step: which parameters it is given is not compared with those of the optimizer.
    """
    training: Training = site.payload
    for loop in training.loops:
        for clip in loop.words("clip"):
            fault = _fault(training, loop, clip)
            if fault is None:
                continue
            place = clip.place
            if _is_right_elsewhere(training, clip):
                # a helper by itself does not show the order, and where its callers differ the wrong call is meant
                if not clip.calls:
                    continue
                place = clip.calls[0]
            confidence, what = fault
            fixes = _reordered(site, loop, clip) if place is clip.place else ()
            yield site.report(confidence, f"{what}: {ORDER}", at=place, fixes=fixes)
        for hook in training.words("hook"):
            step = next((s for s in loop.steps if s.is_scaler_step and _enabled(s) is not None), None)
            if step is not None:
                row = site.row(step.place)
                what = f"this clips gradients during backward(), while they are still scaled for the step on line {row}"
                yield site.report(LIKELY, f"{what}: {ORDER}", at=hook.place)


def _fault(training: Training, loop: Loop, clip: Event) -> tuple[Confidence, str] | None:
    if clip.detail is not True:
        return None
    row = training.session.row
    before, after = loop.around(clip)
    last = next((e for e in reversed(before) if e.word in ("backward", "zero_grad", "step")), None)
    coming = next((e for e in after if e.word in ("backward", "step")), None)
    if coming is not None and coming.word == "backward" and (last is None or last.word != "backward"):
        step = next((e for e in after if e.word == "step"), None)
        if step is None or _is_clipped_between(loop, coming, step):
            return None
        what = f"gradients are clipped before backward() on line {row(coming.place)} makes them, which does nothing"
        return CERTAIN, what
    if coming is None and last is not None and last.word == "step":
        backward = next((e for e in reversed(before) if e.word == "backward"), None)
        if backward is None or _is_clipped_between(loop, backward, last):
            return None
        return CERTAIN, f"gradients are clipped after step() on line {row(last.place)} has used them"
    return _scaled(training, loop, clip, before, after)


def _reordered(site: Site, loop: Loop, clip: Event) -> tuple[Proposal, ...]:
    """The clip behind backward(), or what divides the gradients by their scale in front of it."""
    before, after = loop.around(clip)
    last = next((e for e in reversed(before) if e.word in ("backward", "step")), None)
    coming = next((e for e in after if e.word in ("backward", "step")), None)
    step = coming if coming is not None and coming.is_scaler_step else None
    if step is not None and step.first is not None and not loop.words("unscale"):
        return site.unscaled(clip.place, step.first, step.place)
    if coming is not None and coming.word == "backward":
        return site.move("Clip behind backward()", clip.place, coming.place)
    backward = next((e for e in reversed(before) if e.word == "backward"), None)
    if last is not None and last.word == "step" and backward is not None:
        return site.move("Clip behind backward()", clip.place, backward.place)
    return ()


def _is_clipped_between(loop: Loop, backward: Event, step: Event) -> bool:
    """Another clip is in the right place, so that this one does no harm."""
    first, last = loop.events.index(backward), loop.events.index(step)
    wraps = any(step.place.node is call.node for e in loop.words("clip") for call in e.calls)
    return wraps or any(e.word in ("clip", "wrapped") for e in loop.events[first:last])


def _scaled(
    training: Training, loop: Loop, clip: Event, before: list[Event], after: list[Event]
) -> tuple[Confidence, str] | None:
    step = next((e for e in after if e.word in ("backward", "step")), None)
    if step is None or not step.is_scaler_step:
        return None
    confidence = _enabled(step)
    window: list[Event] = []
    for event in reversed(before):
        if event.word in ("step", "zero_grad"):
            break
        window.append(event)
    if confidence is None or any(e.word == "unscale" for e in window):
        return None
    if any(e.word == "backward" for e in window) and not training.words("scale"):
        return None
    late = next((e for e in after[: after.index(step)] if e.word == "unscale"), None)
    row = training.session.row((late or step).place)
    where = f"{'unscale_' if late else 'step'}() on line {row}"
    return confidence, f"gradients are clipped while they are still scaled, before {where} divides them by the scale"


def _enabled(step: Event) -> Confidence | None:
    """How sure it is that the scaler scales; None when it is switched off."""
    scaler = step.receiver
    enabled = scaler.arg("enabled")
    if enabled is None:
        return CERTAIN if scaler.kind == "scaler" else LIKELY
    if enabled.is_literal:
        return CERTAIN if enabled.const else None
    return LIKELY


def _is_right_elsewhere(training: Training, clip: Event) -> bool:
    """As part of a caller in view, where more of the order is seen, the same clip is in the right place."""
    for other in training.others:
        for loop in other.loops:
            for event in loop.words("clip"):
                if event.place.node is clip.place.node and event is not clip and _fault(other, loop, event) is None:
                    return True
    return False
