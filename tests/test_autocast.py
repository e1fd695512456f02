"""What runs in half and what in float32 under automatic mixed precision, against torch's own dispatch.

CUDA is asked with fake tensors, which need no GPU.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch
from op_recipes import function
from torch._subclasses.fake_tensor import FakeTensorMode

from nanlint.facts.autocast import LOWERED, WIDENED
from nanlint.ops import TABLE, Op

DEVICES = ("cuda", "cpu")
NEITHER = frozenset(
    """add sub mul div neg abs sqrt sigmoid tanh relu gelu silu mean std var amax where clamp dropout cat stack atan2
    batch_norm addcmul addcdiv lerp maximum softsign logcumsumexp matrix_exp det""".split()
)
"""Ops that run in what they are given, on both."""
HALF, FULL = torch.float16, torch.float32


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """Fake tensors log the calls that do not fit, of which there are many here."""
    logger = logging.getLogger("torch")
    before, disabled = logger.level, logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(disabled)
    logger.setLevel(before)


def arguments(dtype: torch.dtype, device: str) -> Iterator[tuple[object, ...]]:
    """Ways to call an op of any sort; those that do not fit raise."""

    def ones(*shape: int) -> torch.Tensor:
        return torch.ones(*shape, dtype=dtype, device=device)

    square, batch, row = ones(3, 3), ones(2, 3, 3), ones(3)
    index = torch.zeros(3, dtype=torch.long, device=device)
    yield from ((square,), (square, square), (square, -1), (square, 2.0), (square, square, square))
    yield from ((batch, batch), (batch, batch, batch), (row, row), (square, row), (square, row, row))
    yield from ((row, square, row), (row, row, square), (square, index), (square, row, row, index))
    yield from ((ones(1, 3, 4, 4), ones(3, 3, 2, 2)), (ones(1, 3, 4, 4), 2), (batch, ones(3, 3, 2)))
    yield from ((ones(1, 3, 4, 4, 4), ones(3, 3, 2, 2, 2)), (ones(1, 3, 4, 4, 4), 2), (batch, 1))
    yield from ((square, (3,)), (square, 3), (square, 2, 0, 1.0), ("ij,jk->ik", square, square), ([square, square],))
    yield from ((ones(1, 3, 4, 4), ones(1, 2, 2, 2)), (square, square, 0.5))


def dtype_of(op: Op, dtype: torch.dtype, device: str, autocast: bool) -> torch.dtype | None:
    """What the first call that fits gives."""
    call = function(op)
    if call is None:
        return None
    torch.set_autocast_dtype(device, HALF)
    for given in arguments(dtype, device):
        torch.set_autocast_enabled(device, autocast)
        try:
            result = call(*given)
        except Exception:
            continue
        finally:
            torch.set_autocast_enabled(device, False)
        result = result[0] if isinstance(result, (tuple, list)) else result
        if isinstance(result, torch.Tensor):
            return result.dtype
    return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "device"), [(n, d) for d in DEVICES for n in sorted(LOWERED[d] | WIDENED[d] | NEITHER)]
)
def test_ops_run_in_the_format_that_torch_chooses(name: str, device: str) -> None:
    op = TABLE[name]
    with FakeTensorMode() if device == "cuda" else nullcontext():
        plain = [dtype_of(op, dtype, device, False) for dtype in (FULL, HALF)]
        mixed = [dtype_of(op, dtype, device, True) for dtype in (FULL, HALF)]
    if mixed[0] is not None and plain[0] != HALF:
        assert (mixed[0] == HALF) == (name in LOWERED[device])
    if mixed[1] is not None and plain[1] != FULL:
        assert (mixed[1] == FULL) == (name in WIDENED[device])


def test_the_lists_name_ops_of_the_table() -> None:
    for device in DEVICES:
        assert LOWERED[device] | WIDENED[device] | NEITHER <= set(TABLE)
        assert not LOWERED[device] & WIDENED[device]
