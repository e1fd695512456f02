from collections.abc import Iterator

from nanlint.api import CERTAIN, Report, Site, rule

# what the divisor is that eps keeps from 0, and when it is 0; measured on torch 2.13 with eps=0
SPREAD = "the variance is 0, as of a constant row"
DIVISORS = {
    "layer_norm": SPREAD, "batch_norm": SPREAD, "group_norm": SPREAD,
    "rms_norm": "all elements are 0", "normalize": "the vector is 0", "cosine_similarity": "a vector is 0",
    "gaussian_nll_loss": "the variance is 0",
}  # fmt: skip
# half of the smallest number that float32 holds
SMALLEST = 7e-46


@rule("NAN205", at=f"module-made {' '.join(DIVISORS)}", kind="division", mentions="eps=0")
def normalisation_without_eps(site: Site) -> Iterator[Report]:
    """
    A layer or function that normalises, with an eps of 0.

    ## Why is this bad?

    What it divides by is then exactly 0 for data without spread: a padded row, a dead channel, a group of one
    element, a zero vector. `0 / 0` is `nan`, and from one row it spreads through attention or the next batch norm to
    all of them. `BatchNorm` refuses it in training and gives the `nan` in evaluation; `InstanceNorm` sees to it by
    itself.

    ## Bad

    ```python
    def encode(x):
        return F.layer_norm(x, (4,), eps=0)  # flagged


    # run: encode(torch.zeros(2, 4, requires_grad=True))
    ```

    ## Good

    ```python
    def encode(x):
        return F.layer_norm(x, (4,), eps=1e-5)


    # run: encode(torch.zeros(2, 4, requires_grad=True))
    ```

    ## Known limits

    Only an eps that is written as `eps=0` is looked at. One that is 0 in float16 alone is for half-overflow.
    """
    op = site.payload if site.op == "module-made" else site.op
    eps = site.operands.get("eps")
    number = eps.value.number if eps is not None else None
    if eps is None or op not in DIVISORS or number is None or number > SMALLEST:
        return
    yield site.report(
        CERTAIN,
        f"with eps={site.show(eps)} `{op}` is 0 / 0 = nan where {DIVISORS[op]}: leave eps at its default, or give at "
        "least 1e-6",
        at=eps,
    )
