"""Fixes that rules propose: what they write in several surroundings, and where they are not right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
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


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        ("s = s.masked_fill(m, lowest)", "s = s.masked_fill(m, torch.finfo(torch.result_type(s, 1.0)).min)"),
        ("s.masked_fill_(m, -torch.inf)", "s.masked_fill_(m, torch.finfo(torch.result_type(s, 1.0)).min)"),
        ("s = torch.where(m, s, lowest)", "s = torch.where(m, s, torch.finfo(torch.result_type(s, 1.0)).min)"),
        ("s = torch.where(m, lowest, s)", "s = torch.where(m, torch.finfo(torch.result_type(s, 1.0)).min, s)"),
        ("s[~m] = lowest", "s[~m] = torch.finfo(torch.result_type(s, 1.0)).min"),
    ],
)
def test_a_mask_is_filled_with_the_lowest_number_where_it_is_filled(fill: str, expected: str) -> None:
    text = body(f"""
        def f(s: torch.Tensor, m: torch.Tensor):
            lowest = float("-inf")
            {fill}
            return torch.softmax(s, dim=-1)
        """)
    assert after(text, "unsafe") == text.replace(fill, expected)


def test_what_autocast_makes_smaller_is_not_asked_of_what_goes_into_it() -> None:
    # the product may be of float16, in which float32's lowest number is -inf
    text = f"{HEAD}def f(q: torch.Tensor, k, m):\n    return (q @ k).masked_fill(m, -torch.inf).softmax(-1)\n"
    assert after(text, "unsafe") == text


def test_what_an_operand_reads_stays() -> None:
    text = body("""
        def f(z: torch.Tensor, m):
            scores = z.masked_fill(m, float("-inf"))
            return -(scores.softmax(-1) * scores.log_softmax(-1)).sum()
        """)
    changed = after(text, "unsafe")
    assert "scores = " in changed
    compile(changed, "changed", "exec")


def test_what_a_row_with_a_comment_reads_stays() -> None:
    text = body("""
        def f(z: torch.Tensor, y):
            p = torch.sigmoid(z)
            positive = y * torch.log(p)
            loss = positive + (1 - y) * torch.log(1 - p)  # of each
            return -loss.mean()
        """)
    changed = after(text, "unsafe")
    assert ("positive = " in changed) == ("positive + " in changed)


def test_what_is_done_within_a_module_is_not_taken_for_its_argument() -> None:
    text = body("""
        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.body = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Sigmoid())

            def forward(self, x):
                return torch.log(self.body(x))
        """)
    assert "logsigmoid" not in after(text, "unsafe")


def test_a_number_that_is_a_setting_is_not_taken_for_the_one_that_is_wanted() -> None:
    text = body("""
        class _Spectrogram(torch.nn.Module):
            def __init__(self, power=1):
                super().__init__()
                self.power = power

            def forward(self, x: torch.Tensor):
                return x.pow(2).sum(-1).pow(self.power / 2)
        """)
    assert "pow(self.power / 2)" in after(text, "unsafe")


def test_a_product_of_matrices_is_not_computed_twice() -> None:
    text = body("""
        def f(x: torch.Tensor, w: torch.Tensor):
            p = torch.sigmoid(x @ w)
            print(p)
            return torch.log(p)
        """)
    assert after(text) == text


@pytest.mark.parametrize(
    "squares",
    [
        "(x**2).sum(1, keepdim=True) + (y**2).sum(1) - 2 * x @ y.t()",
        "x.pow(2).sum(dim=-1, keepdim=True) + y.pow(2).sum(dim=-1) - 2 * (x @ y.T)",
        "(x * x).sum(1, keepdim=True) + (y * y).sum(1) - 2 * torch.mm(x, y.t())",
    ],
)
def test_distances_of_pairs_from_an_expanded_square(squares: str) -> None:
    text = f"{HEAD}def f(x: torch.Tensor, y: torch.Tensor):\n    return ({squares}).sqrt()\n"
    made = after(text, "unsafe")
    assert made == f"{HEAD}def f(x: torch.Tensor, y: torch.Tensor):\n    return torch.cdist(x, y)\n"
    before, now = (defined(code)["f"] for code in (text, made))
    x, y = torch.tensor([[0.1, 3.0], [2.0, 1.0]]), torch.tensor([[5.0, -1.0], [1.5, 2.5], [0.0, 0.0]])
    torch.testing.assert_close(now(x, y), before(x, y))
    grads = []
    for f in (before, now):
        same = torch.tensor([[0.1, 0.7]], requires_grad=True)
        f(same, same.detach()).sum().backward()
        grads.append(same.grad)
    assert not grads[0].isfinite().all()
    assert grads[1].isfinite().all()


def defined(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def test_arrays_are_left_alone() -> None:
    text = (
        f"import numpy as np\n{HEAD}def f(a):\n    return (a - np.mean(a)) / np.std(a), np.log(np.sum(a)), np.exp(a)\n"
    )
    assert after(text, "unsafe") == text


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("return y / (z.norm())", "return y / z.norm().masked_fill(z.norm() == 0, 1)"),
        ("return (z.long() + 1) / (z > y).sum()", "return (z.long() + 1) / (z > y).sum().clamp_min(1)"),
        ("return(torch.exp(z).log())", "return z"),
        ("return torch.relu((torch.exp(z).log()))", "return torch.relu((z))"),
    ],
)
def test_parentheses_that_are_superfluous_go(before: str, expected: str) -> None:
    text = f"{HEAD}def f(z: torch.Tensor, y: torch.Tensor):\n    {before}\n"
    assert after(text, "unsafe") == text.replace(before, expected)
