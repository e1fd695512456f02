from collections.abc import Iterator

from nanlint.api import LIKELY, POSSIBLE, Operand, Report, Site, Training, is_of_test, rule

# Measured on torch 2.13 with four small nets (MLP, convolutions, LSTM, transformer), 60 steps, lr from 1e-3 to 1e3;
# from here on at the latest the transformer keeps over 80% of its first loss (Adam's relatives, RMSprop), or two of the
# four nets end with a higher loss than they began with. SparseAdam is taken to be as Adam, ASGD as SGD.
HIGH = {
    **dict.fromkeys(("Adam", "AdamW", "NAdam", "Adamax", "SparseAdam", "RMSprop"), 0.1),
    "RAdam": 1.0, "Adagrad": 3.0, "SGD": 10.0, "ASGD": 10.0, "Adadelta": 1000.0,
}  # fmt: skip
# the rate that these begin with is another than the one that is given
WARMING = frozenset(
    {"LambdaLR", "MultiplicativeLR", "OneCycleLR", "CyclicLR", "LinearLR", "ConstantLR", "SequentialLR",
     "ChainedScheduler"}
)  # fmt: skip


@rule("NAN604", at="optimizer", kind="training")
def learning_rate_too_high(site: Site) -> Iterator[Report]:
    """
    A learning rate far above what its optimizer is used with.

    ## Why is this bad?

    Adam and its relatives move each weight by about the learning rate in each step, however small the gradient. With
    0.1, a hundred times the default, weights of ordinary size are thrown across the minimum: the loss jumps,
    activations grow until `exp` and squares overflow, or a relu net dies and stands still.

    ## Bad

    ```python
    def one_step(weight):
        optimizer = torch.optim.Adam([weight], lr=0.1)  # flagged
        loss = weight.square().sum()
        loss.backward()
        nn.utils.clip_grad_norm_([weight], max_norm=1.0)
        optimizer.step()
        return weight.detach()


    # run: one_step(torch.full((10,), 0.01, requires_grad=True))
    # effect: result.abs().max() > 0.05
    ```

    ## Good

    ```python
    def one_step(weight):
        optimizer = torch.optim.Adam([weight], lr=1e-3)
        loss = weight.square().sum()
        loss.backward()
        nn.utils.clip_grad_norm_([weight], max_norm=1.0)
        optimizer.step()
        return weight.detach()


    # run: one_step(torch.full((10,), 0.01, requires_grad=True))
    ```

    ## Known limits

    A rate that a scheduler with a warm-up or a factor of its own changes from the first step on is not judged. A
    few scalars fitted by themselves can stand such a rate; suppress the finding there. In a test, by the name of its
    function, file or folder, it is `possible`.
    """
    limit = HIGH.get(site.payload)
    if limit is None or _is_scheduled(site):
        return
    for rate in _rates(site):
        given = rate.value.range.point if rate.value.range is not None else None
        if given is not None and given >= limit:
            shown = site.show(rate) if rate is site.operand("lr") else f"{given:g}"
            what = f"lr={shown}" if shown[:1] in "0123456789." else f"lr={shown}, which is {given:g},"
            yield site.report(
                # a test may want to see what a step does, and takes few
                POSSIBLE if is_of_test(site.session, site.qualname) else LIKELY,
                f"{what} is far too high for {site.payload}: from {limit:g} on small nets stop learning or diverge; "
                "start at the default and raise it step by step",
                at=site.place,
            )
            return


def _rates(site: Site) -> Iterator[Operand]:
    whole = site.operand("lr")
    if whole is not None:
        yield whole
    params = site.operand("params")
    for group in (params.value.items or ()) if params is not None else ():
        if isinstance(group.ref, dict) and "lr" in group.ref and params is not None:
            yield Operand(group.ref["lr"], params.node)


def _is_scheduled(site: Site) -> bool:
    trainings = (s.payload for s in site.session.sites if isinstance(s.payload, Training))
    events = (e for training in trainings for e in training.events if e.word == "scheduled" and e.detail in WARMING)
    return any(e.first is not None and e.first.ident == site.result.ident for e in events)
