"""Fixes that rules propose: what they write in several surroundings, and where they are not right."""

from __future__ import annotations

import pytest
from test_fixes import HEAD, after, body


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("x.log_()", "x.clamp_min_(torch.finfo(torch.result_type(x, 1.0)).tiny).log_()"),
        ("torch.sqrt_(x)", "torch.sqrt_(x.clamp_min_(torch.finfo(torch.result_type(x, 1.0)).tiny))"),
        ("y.exp_()", "y.clamp_(max=79).exp_()"),
        ("x.div_(y.sum())", "x.div_(y.sum().masked_fill(y.sum() == 0, 1))"),
    ],
)
def test_what_is_changed_in_place_still_is(call: str, expected: str) -> None:
    text = f"{HEAD}def f(x: torch.Tensor, y: torch.Tensor):\n    {call}\n    return x, y\n"
    assert after(text, "unsafe") == text.replace(call, expected)


@pytest.mark.parametrize("use", ["torch.sqrt(z).abs()", "torch.log(z).real", "torch.view_as_real(z.sqrt())"])
def test_what_is_taken_for_complex_is_not_clamped(use: str) -> None:
    text = f"{HEAD}def f(z: torch.Tensor):\n    return {use}\n"
    assert after(text, "unsafe") == text


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("torch.atanh(torch.tanh(z))", "z"),
        ("torch.linalg.inv(z) @ y", "torch.linalg.solve(z, y)"),
        ("torch.where(z == float('nan'), 0.0, z)", "torch.where(torch.isnan(z), 0.0, z)"),
        ("torch.where(z != torch.nan, z, 0.0)", "torch.where(~torch.isnan(z), z, 0.0)"),
        ("(z != torch.nan).all()", "(~torch.isnan(z)).all()"),
        ("float('nan') in z", "torch.isnan(z).any()"),
        ("z.to(torch.uint8) * 2", "z.to(torch.uint8).long() * 2"),
    ],
)
def test_a_proposal_takes_the_place(before: str, expected: str) -> None:
    text = f"{HEAD}def f(z: torch.Tensor, y: torch.Tensor):\n    return {before}\n"
    assert after(text, "unsafe") == text.replace(before, expected)


def test_a_loss_is_given_logits_and_keeps_its_settings() -> None:
    before = body("""
        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(3, 2)
                self.criterion = torch.nn.CrossEntropyLoss(label_smoothing=0.1)

            def forward(self, x, y):
                p = torch.softmax(self.layer(x), dim=1)
                return self.criterion(p, y)

            def other(self, x, y):
                return F.binary_cross_entropy_with_logits(self.layer(x).sigmoid(), y, reduction="sum")
        """)
    after_it = before.replace("        p = torch.softmax(self.layer(x), dim=1)\n", "")
    after_it = after_it.replace("self.criterion(p, y)", "self.criterion(self.layer(x), y)")
    assert after(before, "unsafe") == after_it.replace("self.layer(x).sigmoid()", "self.layer(x)")
