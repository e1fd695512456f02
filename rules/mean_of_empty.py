from collections.abc import Iterator

from nanlint.api import CERTAIN, LIKELY, POSSIBLE, Fill, Report, Site, Value, covered, first_arg, rule, strip_views


@rule("NAN202", at="empty-reduction cross_entropy nll_loss", kind="division")
def mean_of_empty(site: Site) -> Iterator[Report]:
    """
    Mean, spread, extremum or loss of a selection that can be empty.

    ## Why is this bad?

    A boolean index selects nothing as soon as no element fits. The mean, median, `std`, `var` and every averaged loss
    of nothing are `nan`, and `min` and `max` of nothing raise. A `nan` loss with gradient 0 passes unseen through one
    step and shows up later in logs and running means. A loss that is averaged by class weights is `0 / 0` in the same
    way where all targets are of classes whose weight is 0.

    ## Bad

    ```python
    def hard_loss(error):
        return error[error > 0.5].mean()  # flagged


    # run: hard_loss(torch.zeros(4, requires_grad=True))
    ```

    ## Good

    ```python
    def hard_loss(error):
        hard = error[error > 0.5]
        return hard.mean() if hard.numel() > 0 else error.sum() * 0.0


    # run: hard_loss(torch.zeros(4, requires_grad=True))
    ```

    ## Known limits

    Only an index that is seen to be boolean counts as a selection. That some element always fits, as below the
    median, is not seen. The places of a mask that came with the data, such as the rows of a split, and targets that a
    comparison has replaced by the one to ignore give a `possible` finding.
    """
    if site.is_repaired:
        return
    if site.op != "empty-reduction":
        yield from _without_weight(site)
        yield from _all_ignored(site)
        return
    name, gives = site.payload
    selected = next((o for o in site.operands.values() if o.value.maybe_empty), site.input)
    what = "raises" if gives == "raises" else f"is {gives}"
    made = strip_views(selected.value) if selected.value.op not in ("index", "masked_select") else selected.value
    selection = "the selection" if made.op in ("index", "masked_select") else "what it was computed from"
    chosen = _selection(selected.value)
    average = ", or use `(x * mask).sum() / mask.sum().clamp(min=1)`" if name == "mean" else ""
    yield site.report(
        POSSIBLE if _is_split(site, chosen) else LIKELY,
        f"`{name}` of `{site.show(selected)}` {what} when {selection} is empty: test `numel() > 0` first{average}",
        at=site.place,
        defect=("empty", chosen.ident),
    )


def _selection(value: Value) -> Value:
    """What was selected in the first place: all that is reduced of it is one defect."""
    for _ in range(8):
        inner = first_arg(value)
        if inner is None or not inner.maybe_empty:
            return value
        value = inner
    return value


def _is_split(site: Site, selection: Value) -> bool:
    """The places of a mask that came with the data, such as the rows of a data set that are for training."""
    mask = selection.arg("mask")
    places = strip_views(mask) if mask is not None else None
    of = first_arg(places) if places is not None and places.op == "nonzero" else None
    return of is not None and site.is_foreign(of)


def _without_weight(site: Site) -> Iterator[Report]:
    """`cross_entropy` with class weights of which one was written as 0: a batch of that class alone has no weight."""
    weight, reduction, target = site.operand("weight"), site.value("reduction"), site.value("target")
    if weight is None or (reduction is not None and reduction.const != "mean"):
        return
    numbers = _literals(weight.value)
    weightless = {i for i, number in enumerate(numbers) if number == 0}
    if not weightless:
        return
    classes = _literals(target) if target is not None else []
    if classes and not weightless.issuperset(classes):
        return
    yield site.report(
        CERTAIN if classes else LIKELY,
        f"`{site.op}` divides by the weight of the targets, 0 in `{site.show(weight)}` where all are of class "
        f"{min(weightless)}, which is nan: give `reduction='sum'` and divide by a weight that is clamped from below",
        at=site.place,
    )


def _all_ignored(site: Site) -> Iterator[Report]:
    """The targets are written out, and each is the one to ignore, or a mask has made that of as many as it covers."""
    target, reduction, ignored = site.operand("target"), site.value("reduction"), site.value("ignore_index")
    if target is None or (reduction is not None and reduction.const != "mean"):
        return
    index = -100 if ignored is None else ignored.number
    classes = _literals(target.value)
    if classes and all(number == index for number in classes):
        yield site.report(
            CERTAIN,
            f"`{site.op}` divides by the number of targets that count, and all of `{site.show(target)}` are "
            f"{index:g}, which it ignores: it is nan; give `reduction='sum'` and divide by `max(count, 1)`",
            at=site.place,
        )
        return
    written = _written_over(target.value, index)
    confidence = covered(site, written) if written is not None and not site.is_repaired else None
    if confidence is not None:
        yield site.report(
            min(confidence, LIKELY),
            f"`{site.op}` divides by the number of targets that count, and `{site.show(target)}` can be "
            f"{index:g} throughout, which it ignores: it is nan; give `reduction='sum'` and divide by `max(count, 1)`",
            at=site.place,
        )


def _written_over(target: Value, index: float | None) -> Fill | None:
    """The mask by which targets were replaced by the one to ignore."""
    made = strip_views(target)
    mask, filler = made.arg("mask"), made.arg("value")
    if made.op == "masked_fill" and mask is not None and filler is not None and filler.number == index:
        return Fill(mask, True)
    condition, taken, other = made.arg("condition"), made.arg("input"), made.arg("other")
    if made.op != "where" or condition is None or taken is None or other is None:
        return None
    return Fill(condition, taken.number == index) if index in (taken.number, other.number) else None


def _literals(value: Value) -> list[float]:
    """The numbers of a tensor that is written out as one list."""
    made = strip_views(value)
    rows = first_arg(made) if made.op in ("tensor", "as_tensor") else None
    numbers = [item.number for item in rows.items or ()] if rows is not None else []
    known = [number for number in numbers if number is not None]
    return known if len(known) == len(numbers) else []
