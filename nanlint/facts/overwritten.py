"""Results that autograd needs as they were: behind a change in place of one of them, `backward` raises.

Facts of torch 2.13: derivatives that are written in terms of the result (`derivatives.yaml`), each tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.facts.relations import first_arg

if TYPE_CHECKING:
    from nanlint.facts.value import Value

SAVED = frozenset(
    """exp exp2 expm1 sqrt rsqrt reciprocal sigmoid tanh tan softmax log_softmax softmin norm vector_norm linalg_norm
    cdist pdist relu std logsumexp logcumsumexp cumprod prod amax amin hypot inv cholesky""".split()
)
SHARED = frozenset("view squeeze unsqueeze transpose t permute narrow diagonal index".split())


def overwritten(held: Value, result: Value) -> Value:
    """What a variable holds once `held` was changed in place into `result`: no gradient gets past it."""
    base: Value | None = held
    while base is not None and base.op in SHARED:
        base = first_arg(base)
    if base is None or base.op not in SAVED or base.kind != "tensor" or result.grad is False:
        return result
    return result.but(grad=False, slopes=frozenset(), alternatives=())
