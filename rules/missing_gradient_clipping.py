from collections.abc import Iterator

from nanlint.api import LIKELY, Event, Report, Site, rule


@rule("NAN601", at="training-step", kind="training")
def missing_gradient_clipping(site: Site) -> Iterator[Report]:
    """
    A training loop steps on gradients that nothing limits.

    ## Why is this bad?

    One batch with a huge gradient moves the weights so far that the next loss overflows; from then on every value is
    `inf` or `nan`. Clipping the norm between `backward()` and `step()` bounds the damage of any single batch.

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


    # effect: train(nn.Linear(2, 1), [(torch.full((4, 2), 1e3), torch.zeros(4, 1))]) > 1.0
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

    ## Known limits

    Clipping inside of a helper of another package, which no name gives away, is not seen.
    """
    events: tuple[Event, ...] = site.payload[0]
    if any(e.word in ("clip", "hook", "wrapped") for e in events):
        return
    steps = [e for e in events if e.word in ("step", "scaler-step")]
    zeroed = {e.receiver.ident for e in events if e.word == "zero_grad"}
    backwards = [e for e in events if e.word == "backward"]
    steps = [s for s in steps if s.word == "scaler-step" or s.receiver.kind == "optimizer" or s.receiver.ident in zeroed]
    if not steps or not backwards or any(s.calls for s in steps[:1]):
        return
    yield site.report(
        LIKELY,
        "no gradient clipping between backward() and this step: one bad batch can blow up the weights; "
        "call torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0) before it",
        at=steps[0].place,
    )
