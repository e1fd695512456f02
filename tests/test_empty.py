"""What `nanlint.ops.empty` says of reductions of nothing, against torch."""

from __future__ import annotations

import math

import pytest

from nanlint.ops import TABLE
from nanlint.ops.empty import EMPTY, LOSSES

torch = pytest.importorskip("torch")
# the tables must not keep from being noticed what torch has changed, so finite ones are measured as well
FINITE = ("sum", "nansum", "prod", "norm", "count_nonzero", "any", "all")


def of_nothing(name: str) -> object:
    losses = torch.nn.functional
    x = torch.zeros(3)[torch.zeros(3, dtype=torch.bool)]
    if name in ("cross_entropy", "nll_loss"):
        return getattr(losses, name)(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))
    if name == "kl_div":
        # torch says that it divides by the batch size only with "batchmean"; the mean of nothing is nan as elsewhere
        return losses.kl_div(x, x, reduction="mean")
    if name in LOSSES:
        return getattr(losses, name)(x, x)
    if name == "quantile":
        return torch.quantile(x, 0.5)
    result = getattr(torch, name)(x, 0) if name == "logsumexp" else getattr(torch, name)(x)
    return result[0] if isinstance(result, tuple) else result


@pytest.mark.parametrize("name", sorted(EMPTY))
@pytest.mark.filterwarnings("ignore")
def test_a_reduction_of_nothing(name: str) -> None:
    assert name in TABLE
    if EMPTY[name] == "raises":
        with pytest.raises((RuntimeError, IndexError)):
            of_nothing(name)
        return
    value = float(of_nothing(name))  # type: ignore[arg-type]
    assert math.isnan(value) if EMPTY[name] == "nan" else value == -math.inf


@pytest.mark.parametrize("name", FINITE)
def test_a_reduction_of_nothing_that_is_finite(name: str) -> None:
    assert name not in EMPTY
    assert math.isfinite(float(of_nothing(name)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_loss_has_a_reduction(name: str) -> None:
    assert TABLE[name].reduces
