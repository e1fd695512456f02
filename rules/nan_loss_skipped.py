from collections.abc import Iterator

from nanlint.api import LIKELY, Event, Report, Site, Training, ancestry, rule


@rule("NAN603", at="training-step", kind="training")
def nan_loss_skipped(site: Site) -> Iterator[Report]:
    """
    A batch whose loss is NaN is skipped, which hides where the NaN comes from.

    ## Why is this bad?

    A NaN loss has a cause in the data or in an operation, and it comes back. Skipping the batch trains on what is left,
    perhaps nothing, and says so nowhere. It does not even protect the weights: a finite loss can have a NaN gradient
    (that of `sqrt` at 0), and passes the test.

    ## Bad

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        learned = 0
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            if torch.isnan(loss):  # flagged
                continue
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
            learned += 1
        return learned


    # run: train(nn.Linear(1, 2), [(torch.ones(3, 1), torch.full((3,), -100))] * 5)
    # effect: result == 0
    ```

    ## Good

    ```python
    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        learned = 0
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            if torch.isnan(loss):
                raise FloatingPointError(f"the loss is NaN after {learned} batches; targets {y.unique()}")
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
            learned += 1
        return learned


    # run: train(nn.Linear(1, 2), [(torch.ones(3, 1), torch.zeros(3, dtype=torch.long))] * 5)
    ```

    ## Known limits

    Only a test of the loss itself counts, not one of the outputs or of the gradient norm.
    """
    training: Training = site.payload
    losses = [loss for loop in training.loops for loss in loop.words("backward", "scale")]
    for skip in training.words("skip"):
        if training.is_lightning_step or any(_is_of(skip, loss) for loss in losses):
            yield site.report(
                LIKELY,
                "batches with a NaN loss are skipped here, which hides the cause; NaN gradients of finite losses pass: "
                "raise, and find it with torch.autograd.set_detect_anomaly(True)",
                at=skip.place,
            )


def _is_of(skip: Event, backward: Event) -> bool:
    """What was tested is the loss that goes backward, or it goes into it."""
    tested = {value.ident for value in ancestry(skip.receiver, 3)}
    losses = [value for value in (backward.receiver, backward.first) if value is not None]
    return any(part.ident in tested for loss in losses for part in ancestry(loss, 3))
