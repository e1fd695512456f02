from collections.abc import Iterator

from nanlint.api import (
    ABOVE_MINUS_ONE,
    POSITIVE,
    Report,
    Site,
    Value,
    complement_of,
    first_arg,
    is_square,
    picked,
    rule,
    unguarded,
)


@rule("NAN313", at="log log1p", kind="overflow", over="log-of-nonpositive inverse-out-of-domain", mentions="tanh Tanh")
def log_of_tanh_derivative(site: Site) -> Iterator[Report]:
    """
    Logarithm of `1 - tanh(u)**2`, the Jacobian of a squashed action.

    ## Why is this bad?

    In float32 `tanh(u)` is exactly 1 from 9.02 on, so the density of an action that tanh squashes is infinite there,
    and the gradient is `nan`. Policies drift to such actions as they learn. An eps of 1e-6 hides it and stops the
    gradient; `2 * (log 2 - u - softplus(-2 * u))` is the same number, exact for every u.

    ## Bad

    ```python
    def log_prob(normal_log_prob, u):
        return normal_log_prob - torch.log(1 - torch.tanh(u) ** 2)  # flagged


    # run: log_prob(torch.zeros(1), torch.tensor([12.0], requires_grad=True))
    ```

    ## Good

    ```python
    def log_prob(normal_log_prob, u):
        return normal_log_prob - 2 * (math.log(2) - u - F.softplus(-2 * u))


    # run: log_prob(torch.zeros(1), torch.tensor([12.0], requires_grad=True))
    ```

    ## Known limits

    An action that comes from a buffer, `1 - a ** 2`, is not seen to be a tanh; log-of-nonpositive speaks of it. With an
    eps that holds the rule is silent.
    """
    x = site.input
    if site.op == "log1p":
        outer = picked(x.value)
        squared = first_arg(outer) if outer.op == "neg" else None
    else:
        squared = complement_of(unguarded(x.value))
    u = _squashed(picked(squared)) if squared is not None else None
    confidence = site.doubt(x.value, ABOVE_MINUS_ONE if site.op == "log1p" else POSITIVE) if u is not None else None
    if u is None or confidence is None or site.is_repaired:
        return
    shown = site.show(u.made_by.place.node, 20) if u.made_by is not None and u.op else "u"
    yield site.report(
        confidence,
        f"`{site.op}` of `{site.show(x)}` is -inf where tanh is exactly 1, from 9.02 on: use 2 * (math.log(2) - u - "
        f"F.softplus(-2 * u)), with u what goes into the tanh{f' (`{shown}`)' if shown != 'u' else ''}",
        at=x,
    )


def _squashed(value: Value) -> Value | None:
    """`u`, when the value is the square of tanh(u)."""
    root = first_arg(value) if is_square(value) else None
    return first_arg(picked(root)) if root is not None and picked(root).op == "tanh" else None
