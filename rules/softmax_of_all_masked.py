from collections.abc import Iterator

from nanlint.api import (
    CERTAIN,
    LIKELY,
    POSSIBLE,
    Fill,
    Operand,
    Proposal,
    Report,
    Site,
    Value,
    covered,
    fills,
    first_arg,
    lowest,
    rule,
    same,
    strip_views,
)

FILLS = {"masked_fill": "masked_fill(x, m, c)", "where": "where(m, c, x)"}
LARGEST = frozenset({"max", "amax"})
DISTRIBUTIONS = frozenset({"Categorical", "OneHotCategorical"})
MASKS = ("key_padding_mask", "attn_mask")
DEPTH = 6


@rule(
    "NAN305",
    at="softmax log_softmax logsumexp exp cross_entropy multi_head_attention Categorical OneHotCategorical",
    kind="overflow",
)
def softmax_of_all_masked(site: Site) -> Iterator[Report]:
    """
    Softmax over a row in which every element can be masked with `-inf`.

    ## Why is this bad?

    Softmax subtracts the largest element, and `-inf - -inf` is `nan`. A query that is all padding, an isolated node or
    a state without a legal action gives a row of `nan`, which the next layer spreads over the batch. `logsumexp` of
    such a row is `-inf`. Replacing the `nan` afterwards is enough where `masked_fill` or `where` wrote the `-inf`;
    where it was added, the gradient of the row stays `nan`.

    ## Bad

    ```python
    def attention(scores, padding):
        return torch.softmax(scores.masked_fill(padding, float("-inf")), dim=-1)  # flagged


    # run: attention(torch.ones(1, 2, requires_grad=True), torch.tensor([[True, True]]))
    ```

    ## Good

    ```python
    def attention(scores, padding):
        weights = torch.softmax(scores.masked_fill(padding, torch.finfo(scores.dtype).min), dim=-1)
        return weights.masked_fill(padding, 0.0)


    # run: attention(torch.ones(1, 2, requires_grad=True), torch.tensor([[True, True]]))
    ```

    ## Fix safety

    Unsafe: a row that is masked throughout gets equal weights, which are to be zeroed, instead of nan.

    ## Known limits

    Which dimension a mask covers is not looked at. A mask that is compared with lengths, or that comes from another
    file, gives a `possible` finding, and so does an argument that is added to scores which are computed; causal masks
    are silent.
    """
    if site.op == "multi_head_attention":
        yield from _attention(site)
        return
    x = site.operand("logits") if site.op in DISTRIBUTIONS else site.input
    if x is None or (logits := _logits(site, x.value)) is None:
        return
    worst = max(
        ((doubt, fill) for fill in fills(logits) if (doubt := covered(site, fill)) is not None),
        key=lambda pair: pair[0],
        default=None,
    )
    if worst is None:
        yield from _unknown(site, logits)
        return
    confidence, fill = worst
    if site.is_repaired and not any(site.is_trained(value) for value in fill.beside):
        return
    if site.is_private:
        confidence = POSSIBLE if confidence is not CERTAIN else CERTAIN
    yield site.report(
        confidence,
        f"{_what(site)} `{site.show(x)}` {_why(site, fill)}",
        at=site.place,
        # softmax and log_softmax of one tensor
        defect=("masked", id(site.place.unit), strip_views(logits).ident),
        fixes=_filled(site, x, fill),
    )


def _filled(site: Site, x: Operand, fill: Fill) -> tuple[Proposal, ...]:
    """The lowest finite number in the place of -inf, where that is written."""
    if fill.by is None or fill.by.op not in FILLS:
        return ()
    pattern = FILLS[fill.by.op] if fill.truth or fill.by.op != "where" else "where(m, x, c)"
    title = "Fill with the lowest finite number"
    return site.fix_made(title, Operand(fill.by, x.node), pattern, "lowest(x)", part="c")


def _logits(site: Site, value: Value) -> Value | None:
    """What is exponentiated: for `exp`, the `x` of `x - x.max()`."""
    if site.op != "exp":
        return value
    made = strip_views(value)
    left, right = made.arg("input"), made.arg("other")
    if made.op != "sub" or left is None or right is None:
        return None
    top = strip_views(right)
    return left if top.op in LARGEST and same(first_arg(top), left) else None


def _unknown(site: Site, logits: Value) -> Iterator[Report]:
    """Logits of which an argument is a part: whatever a caller passes in."""
    if site.is_repaired and site.op == "exp":
        return
    twice = lowest(logits) > 1
    if not twice and not (site.op != "cross_entropy" and _holds_argument(site, logits, DEPTH, site.op in SUMMED)):
        return
    why = "two masks with the lowest finite number add up to -inf" if twice else "an argument can hold it"
    yield site.report(
        LIKELY if not twice and _is_given_mask(site, logits) else POSSIBLE,
        f"{_what(site)} `{site.show(site.input)}` is {_gives(site)} where a whole row is -inf, and {why}",
        at=site.place,
    )


def _is_given_mask(site: Site, logits: Value) -> bool:
    """Scores and what is added to them are both passed in: what is added is their mask."""
    made = strip_views(logits)
    if site.is_private or made.op != "add" or site.op not in ("softmax", "log_softmax"):
        return False
    return all(_holds_argument(site, part, 0, True) for part in (made.arg("input"), made.arg("other")) if part)


SUMMED = frozenset({"logsumexp", "exp"}) | DISTRIBUTIONS


def _holds_argument(site: Site, value: Value, depth: int, bare: bool) -> bool:
    """An argument that nothing is known of was added to the value, or is it."""
    made = strip_views(value)
    if made.made_by is None:
        return (
            bare and made.range is None and site.session.arguments.get(made.ident) == "public" and site.is_tensor(made)
        )
    if made.op != "add" or depth == 0:
        return False
    parts = [v for v in (made.arg("input"), made.arg("other")) if v is not None and v.kind != "number"]
    return any(_holds_argument(site, part, depth - 1, True) for part in parts)


def _attention(site: Site) -> Iterator[Report]:
    """Without its weights the layer calls the fused kernel, which gives 0 for a row that is masked."""
    wanted = site.value("need_weights")
    if wanted is not None and wanted.is_literal and not wanted.const:
        return
    for name in MASKS:
        mask = site.operand(name)
        if mask is None or mask.value.kind == "none":
            continue
        fill = next(fills(mask.value), None) or Fill(mask.value, True)
        confidence = covered(site, fill)
        if confidence is not None:
            # a layer is given a padding mask in any case; that it covers a sample takes an empty one
            confidence = CERTAIN if confidence is CERTAIN else POSSIBLE
            yield site.report(
                confidence,
                f"attention of a query is nan where `{name}={site.show(mask)}` masks all keys: leave one key open, and "
                "zero what comes out",
                at=site.place,
            )
            return


def _what(site: Site) -> str:
    return "exp of" if site.op == "exp" else f"`{site.op}` of"


def _gives(site: Site) -> str:
    return "an error" if site.op in DISTRIBUTIONS else "-inf, with a nan gradient," if site.op == "logsumexp" else "nan"


def _why(site: Site, fill: Fill) -> str:
    if site.is_repaired:
        return "has a nan gradient in rows that are all -inf, whatever is done to its value: mask with a finite number"
    gives = "an error" if site.op in DISTRIBUTIONS else "-inf" if site.op == "logsumexp" else "nan"
    if fill.mask is None:
        return f"is {gives}: all of it is -inf"
    place = fill.mask.made_by.place if fill.mask.made_by is not None else None
    where = f" of line {site.row(place)}" if place is not None else ""
    return (
        f"is {gives} where the mask{where} covers a whole row with -inf: use `torch.finfo(dtype).min`, then zero the "
        "row"
    )
