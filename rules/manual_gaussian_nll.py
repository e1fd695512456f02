from collections.abc import Iterator

from nanlint.api import (
    POSITIVE,
    Application,
    Report,
    Site,
    Value,
    first_arg,
    is_square,
    picked,
    rule,
    unguarded,
)

LOGS = frozenset({"log", "log2", "log10"})
SCALINGS = frozenset({"mul", "div", "neg"})
TERMS = frozenset({"add", "sub"})
DEPTH = 6


@rule(
    "NAN507", at="add sub", kind="loss", mentions="log( log()",
    over="log-of-nonpositive division-by-zero-tensor eps-on-signed-divisor",
)  # fmt: skip
def manual_gaussian_nll(site: Site) -> Iterator[Report]:
    """
    A hand-written Gaussian likelihood whose variance can be zero.

    ## Why is this bad?

    `log(var) + (x - mean)**2 / var` has two poles at `var = 0`, one to each side: where the prediction is perfect the
    loss falls to `-inf`, where it is not it is `inf`, and the gradient is `nan`. A network that may choose its variance
    is drawn there by every sample that it fits well. `F.gaussian_nll_loss` clamps the variance; a network that gives
    the log of the variance has no pole at all.

    ## Bad

    ```python
    def nll(x: torch.Tensor, mean: torch.Tensor, var: torch.Tensor):
        return 0.5 * (torch.log(var) + (x - mean) ** 2 / var).mean()  # flagged


    # run: nll(torch.ones(2), torch.ones(2), torch.zeros(2, requires_grad=True))
    ```

    ## Good

    ```python
    def nll(x: torch.Tensor, mean: torch.Tensor, var: torch.Tensor):
        return F.gaussian_nll_loss(mean, x, var)


    # run: nll(torch.ones(2), torch.ones(2), torch.zeros(2, requires_grad=True))
    ```

    ## Known limits

    Both terms must meet in one sum; terms that are averaged first are told of one by one.
    """
    one, two = site.value("input"), site.value("other")
    if one is None or two is None or site.is_repaired:
        return
    for side, other in ((one, two), (two, one)):
        for log, scale in _logs(side):
            for quotient in _quotients(other, scale):
                doubt = site.doubt(first_arg(log) or log, POSITIVE)
                if doubt is None or log.made_by is None or quotient.made_by is None or site.is_masked(log):
                    continue
                yield site.report(
                    doubt,
                    f"a hand-written Gaussian likelihood is -inf or nan where the variance is 0{site.because(scale)}: "
                    "use F.gaussian_nll_loss, which clamps it, or predict its logarithm",
                    at=site.place,
                    covers=(log.made_by, quotient.made_by, *_inner(quotient)),
                    defect=("nll", scale.ident),
                )
                return


def _terms(value: Value, depth: int = DEPTH) -> Iterator[Value]:
    """What is summed, without the numbers that it is multiplied by."""
    value = picked(value)
    left, right = value.arg("input"), value.arg("other")
    if depth == 0:
        return
    if value.op in TERMS and left is not None and right is not None:
        yield from _terms(left, depth - 1)
        yield from _terms(right, depth - 1)
    elif value.op in SCALINGS and left is not None and (right is None or right.kind == "number"):
        yield from _terms(left, depth - 1)
    elif value.op == "mul" and left is not None and left.kind == "number" and right is not None:
        yield from _terms(right, depth - 1)
    else:
        yield value


def _logs(value: Value) -> Iterator[tuple[Value, Value]]:
    """Logs among the terms, each with the variance or the deviation that it is the log of."""
    for term in _terms(value):
        argument = first_arg(term)
        if term.op in LOGS and argument is not None:
            yield term, _scale(argument)


def _quotients(value: Value, scale: Value) -> Iterator[Value]:
    """Squares among the terms that are divided by this variance, or by the square of this deviation."""
    for term in _terms(value):
        below, above = term.arg("other"), first_arg(term)
        if above is None:
            continue
        if term.op == "div" and below is not None and _scale(below).ident == scale.ident:
            if any(_is_error(part) for part in _terms(above)):
                yield term
        elif is_square(term):
            inner = picked(above)
            below = inner.arg("other")
            if inner.op == "div" and below is not None and _scale(below).ident == scale.ident:
                yield inner


def _is_error(value: Value) -> bool:
    """A squared difference, or an argument that may be one: what else is squared may have no zero."""
    root = first_arg(value) if is_square(value) else None
    return value.op in ("", "mse_loss") or (root is not None and picked(root).op in ("", "sub"))


def _scale(value: Value) -> Value:
    """The deviation or variance below guards, squares and numbers."""
    for _ in range(DEPTH):
        value = unguarded(value)
        left, right = value.arg("input"), value.arg("other")
        if is_square(value) and left is not None:
            value = left
        elif value.op == "mul" and left is not None and right is not None and "number" in (left.kind, right.kind):
            value = right if left.kind == "number" else left
        else:
            break
    return value


def _inner(quotient: Value) -> Iterator[Application]:
    """A square that is written as a power of the quotient is judged with it."""
    below = quotient.arg("other")
    if below is not None and below.made_by is not None:
        yield below.made_by
