from collections.abc import Iterator

from nanlint.api import LIKELY, Report, Site, rule


@rule("NAN504", at="ctc_loss", kind="loss", mentions="ctc_loss CTCLoss")
def ctc_loss_of_short_input(site: Site) -> Iterator[Report]:
    """
    CTC loss that is infinite for an input shorter than its target.

    ## Why is this bad?

    CTC aligns each label of the target with a step of the input, and needs a blank between two labels that are the
    same. A clip that is too short for its transcript, after the subsampling of the encoder, has no alignment: its loss
    is `inf` and its gradient `nan`, and with it that of the batch. One such clip among thousands is enough.
    `zero_infinity=True` leaves it out.

    ## Bad

    ```python
    def loss(log_probs, targets, input_lengths, target_lengths):
        return F.ctc_loss(log_probs, targets, input_lengths, target_lengths)  # flagged


    # run: loss(torch.zeros(2, 1, 3, requires_grad=True).log_softmax(-1), torch.tensor([[1, 2, 1]]), (2,), (3,))
    ```

    ## Good

    ```python
    def loss(log_probs, targets, input_lengths, target_lengths):
        return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, zero_infinity=True)


    # run: loss(torch.zeros(2, 1, 3, requires_grad=True).log_softmax(-1), torch.tensor([[1, 2, 1]]), (2,), (3,))
    ```

    ## Fix safety

    Unsafe: what was infinite counts as 0.

    ## Known limits

    Whether the data was filtered by length before is not seen. Where the loss is repaired or tested for being finite
    afterwards the rule is silent, although the gradient of what was masked is `nan` all the same.
    """
    zero_infinity = site.value("zero_infinity")
    if zero_infinity is not None and (not zero_infinity.is_literal or zero_infinity.const):
        return
    if site.is_repaired or site.no_grad:
        return
    yield site.report(
        LIKELY,
        "`ctc_loss` is inf with a nan gradient where an input is too short for its target: give zero_infinity=True",
        at=site.place,
        fixes=site.give("zero_infinity", "True"),
    )
