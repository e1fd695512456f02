"""Fixes of training loops: gradients are clipped in front of the step, and where that has an effect."""

from __future__ import annotations

import math
import textwrap

import pytest
from test_fixes import after

HEAD = "import torch\nfrom torch import nn\n\n\n"
LOOP = """
def train(model: nn.LSTM, batches):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    for x, y in batches:
        optimizer.zero_grad()
        loss = ((model(x)[0] - y) ** 2).mean() * 1e6
{lines}
"""


def program(*lines: str) -> str:
    return HEAD + LOOP.lstrip("\n").format(lines=textwrap.indent("\n".join(lines), " " * 8))


CLIP = "torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)"
SCALED = ["scaler.step(optimizer)", "scaler.update()"]
OWN = "nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # ours"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (["loss.backward()", "optimizer.step()  # go"], ["loss.backward()", CLIP, "optimizer.step()  # go"]),
        (
            ["scaler.scale(loss).backward()", *SCALED],
            ["scaler.scale(loss).backward()", "scaler.unscale_(optimizer)", CLIP, *SCALED],
        ),
        ([OWN, "loss.backward()", "optimizer.step()"], ["loss.backward()", OWN, "optimizer.step()"]),
        (["loss.backward()", "optimizer.step()", OWN], ["loss.backward()", OWN, "optimizer.step()"]),
        (
            ["scaler.scale(loss).backward()", OWN, *SCALED],
            ["scaler.scale(loss).backward()", "scaler.unscale_(optimizer)", OWN, *SCALED],
        ),
    ],
)  # fmt: skip
def test_gradients_are_clipped_in_front_of_the_step(before: list[str], expected: list[str]) -> None:
    # `nn` is imported, and shorter than what torch itself leads to
    assert after(program(*before), "unsafe") == program(*expected).replace("torch.nn.utils", "nn.utils")
    assert after(program(*before)) == program(*before), "it changes what is learned"


def test_parameters_are_taken_from_the_optimizer_where_the_model_has_another_name_by_then() -> None:
    text = program("loss.backward()", "optimizer.step()").replace("    for x", "    model = model.train()\n    for x")
    expected = (
        'nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], max_norm=1.0)'
    )
    assert expected in after(text, "unsafe")


@pytest.mark.parametrize("step", ["if x is not None: optimizer.step()", "loss.backward(); optimizer.step()"])
def test_a_step_that_shares_its_row_is_left(step: str) -> None:
    text = program("loss.backward()", step)
    assert after(text, "unsafe") == text


def test_a_clip_in_another_block_is_not_moved() -> None:
    text = program("if x is not None:", f"    {OWN}", "loss.backward()", "optimizer.step()")
    moved = after(text, "unsafe")
    assert f"    {OWN}" in moved


@pytest.mark.parametrize(
    "lines",
    [
        ["loss.backward()", "optimizer.step()"],
        [OWN, "loss.backward()", "optimizer.step()"],
        ["loss.backward()", "optimizer.step()", OWN],
    ],
)
def test_the_step_is_bounded_after_the_fix(lines: list[str]) -> None:
    import torch

    lengths = []
    for text in (program(*lines), after(program(*lines), "unsafe")):
        names: dict[str, object] = {}
        exec(text, names)
        torch.manual_seed(0)
        model = torch.nn.LSTM(2, 2)
        before = [p.detach().clone() for p in model.parameters()]
        names["train"](model, [(torch.ones(1, 1, 2), torch.zeros(1, 1, 2))])  # type: ignore[operator]
        moved = torch.cat([(p.detach() - b).flatten() for p, b in zip(model.parameters(), before, strict=True)])
        lengths.append(float(moved.norm()))
    assert lengths[0] > 100
    assert math.isclose(lengths[1], 0.1, rel_tol=0.01)
