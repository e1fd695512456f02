"""Functions whose body autograd does not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nanlint.facts.functions import FunctionRef

GRADLESS = ("no_grad", "inference_mode")
METRIC = ("update", "compute")


def runs_without_grad(ref: FunctionRef) -> bool:
    """Autograd does not see the body: `@torch.no_grad()`, an autograd Function, the step of an optimizer."""
    if any(d.rsplit(".", 1)[-1] in GRADLESS for d in ref.decorators):
        return True
    if ref.owner is None:
        return False
    if ref.name == "step" and ref.owner.is_a("torch.optim.Optimizer", "optim.Optimizer", "Optimizer"):
        # what it works on is data and gradients: a leaf cannot be changed in place otherwise
        return True
    return _is_of_metric(ref) or ref.owner.is_a("torch.autograd.Function", "autograd.Function", "Function")


def _is_of_metric(ref: FunctionRef) -> bool:
    """A metric class by its pair of methods: what it keeps of each batch, and what it makes of that at the end.

    torchmetrics runs `update` without gradient, so that its state has none; ignite and others do the same.
    """
    owner = ref.owner
    pair = owner is not None and all(owner.method(name) is not None for name in METRIC)
    return pair and owner is not None and ref.name in METRIC and "torch.nn.Module" not in owner.bases
