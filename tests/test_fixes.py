"""Fixes: what is written instead of what, what is left alone, and that the result computes the same."""

from __future__ import annotations

import textwrap

import pytest

from nanlint.config import Config
from nanlint.files import Target
from nanlint.finding import Result
from nanlint.run import Fixing
from nanlint.run import check as check_file

HEAD = "import torch\nimport torch.nn.functional as F\n\n\n"


def fixed(text: str | bytes, fixing: Fixing = "safe") -> Result:
    data = text.encode() if isinstance(text, str) else text
    result = check_file(Target("example.py", Config(), data), fixing=fixing)
    assert not result.failures, "\n".join(failure.traceback for failure in result.failures)
    return result


def after(text: str, fixing: Fixing = "safe") -> str:
    """The text with its fixes made; fixing it again must change nothing."""
    result = fixed(text, fixing)
    if result.rewritten is None:
        return text
    data = result.rewritten.after
    assert fixed(data, fixing).rewritten is None
    return data.decode()


def body(text: str) -> str:
    return HEAD + textwrap.dedent(text).lstrip("\n")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("torch.log(torch.softmax(z, -1))", "F.log_softmax(z, dim=-1)"),
        ("z.softmax(1).log()", "F.log_softmax(z, dim=1)"),
        ("torch.softmax(z, dim=1).log().mean()", "F.log_softmax(z, dim=1).mean()"),
        ("torch.log2(F.softmax(z, -1))", "F.log_softmax(z, dim=-1) / math.log(2)"),
        ("F.softmin(z, dim=-1).log()", "F.log_softmax(-z, dim=-1)"),
        ("-torch.log(torch.sigmoid(z - 1))", "-F.logsigmoid(z - 1)"),
        ("torch.log(1 - torch.sigmoid(z - 1))", "F.logsigmoid(-(z - 1))"),
        ("torch.log1p(torch.exp(z)) ** 2", "F.softplus(z) ** 2"),
        ("(1 + z.exp()).log()", "F.softplus(z)"),
        ("z.exp().add(1).log()", "F.softplus(z)"),
        ("torch.log(torch.exp(z).sum(-1, keepdim=True))", "torch.logsumexp(z, dim=-1, keepdim=True)"),
        ("torch.exp(z) / torch.exp(z).sum(-1, keepdim=True)", "torch.softmax(z, dim=-1)"),
        ("1 / (1 + torch.exp(-z))", "torch.sigmoid(z)"),
        ("2 * torch.log(torch.cosh(z))", "2 * (z + F.softplus(-2 * z) - math.log(2))"),
        ("torch.sqrt((z - 1).pow(2).sum(dim=1))", "torch.linalg.vector_norm(z - 1, dim=1)"),
        ("z / z.norm(dim=-1, keepdim=True)", "F.normalize(z, dim=-1)"),
        ("torch.where(z > 0, torch.log(z), 0)", "torch.where(z > 0, torch.log(torch.where(z > 0, z, 1)), 0)"),
    ],
)
def test_a_stable_form_takes_the_place(before: str, expected: str) -> None:
    imports = "import math\n" if "math." in expected else ""
    text = f"def f(z: torch.Tensor):\n    return {before}\n"
    assert after(HEAD + text) == imports + HEAD + text.replace(before, expected)


def test_what_a_variable_holds_moves_with_it() -> None:
    before = body("""
        def f(z: torch.Tensor, y):
            e = torch.exp(z)
            total = e.sum(-1, keepdim=True)
            return y * (e / total)
        """)
    assert after(before) == body("""
        def f(z: torch.Tensor, y):
            return y * torch.softmax(z, dim=-1)
        """)


def test_an_intermediate_that_is_read_elsewhere_stays() -> None:
    before = body("""
        def f(net, x, y):
            z = net(x)
            p = torch.softmax(z, dim=1)
            print(p.max())
            return -(y * p.log()).sum()
        """)
    assert after(before) == before.replace("p.log()", "F.log_softmax(z, dim=1)")


def test_an_operand_with_effects_is_evaluated_once_as_before() -> None:
    before = body("""
        def f(net, x):
            p = torch.sigmoid(net(x))
            return torch.log(p).mean()
        """)
    assert after(before) == body("""
        def f(net, x):
            return F.logsigmoid(net(x)).mean()
        """)


def test_what_is_worked_out_behind_a_mask_stands_nowhere() -> None:
    before = HEAD + "def f(x: torch.Tensor):\n    return torch.where(x > 0, x, torch.exp(x) - 1)\n"
    assert after(before) == HEAD + "def f(x: torch.Tensor):\n    return F.elu(x)\n"


@pytest.mark.parametrize(
    "between",
    [
        "z = z * 2",
        "z.mul_(2)",
        "z[0] = 0",
        "z += 1",
        "F.relu(z, inplace=True)",
        "torch.mul(z, 2, out=z)",
        "change(z)",
        "for z in zs:\n        print(z)",
        "if zs:\n        z = zs[0]",
        "(z := zs[0])",
        "with zs as z:\n        print(z)",
        "del z",
        "view = z.view(-1)\n    view.add_(1)",
    ],
)
def test_nothing_is_moved_past_what_may_change_it(between: str) -> None:
    text = (
        f"def f(z: torch.Tensor, zs, change):\n    p = torch.softmax(z, -1)\n    {between}\n    return torch.log(p)\n"
    )
    assert after(HEAD + text) == HEAD + text


@pytest.mark.parametrize(
    "code",
    [
        # whether the first statement runs is another matter than whether the second does
        "if y:\n        p = torch.softmax(z, -1)\n    else:\n        p = z\n    return torch.log(p)",
        "p = torch.softmax(z, -1)\n    for _ in y:\n        q = torch.log(p)\n        z = q * 2\n    return q",
        # two calls may give two things
        "return torch.exp(y()) / torch.exp(y()).sum(-1, keepdim=True)",
        # a comment would go
        "return torch.log(\n        torch.softmax(z, -1)  # of the logits\n    )",
        # it changes z as well
        "return torch.log(1 + z.exp_())",
        # the dtype would go
        "return torch.log(torch.softmax(z, -1, torch.float64))",
        "return torch.log(torch.softmax(z, -1, dtype=torch.float64))",
        "return torch.log(torch.softmax(z, -1), out=y)",
    ],
)
def test_what_cannot_be_rewritten_alike_is_left(code: str) -> None:
    text = f"{HEAD}def f(z: torch.Tensor, y):\n    {code}\n"
    assert after(text) == text


@pytest.mark.parametrize(
    ("imports", "expected", "added"),
    [
        ("import torch as th", "th.nn.functional.logsigmoid(z)", ""),
        ("import torch\nfrom torch import nn", "nn.functional.logsigmoid(z)", ""),
        ("import torch\nfrom torch.nn import functional as fn", "fn.logsigmoid(z)", ""),
        ("import torch\nfrom torch.nn.functional import logsigmoid as ls", "ls(z)", ""),
        ("import torch.nn", "torch.nn.functional.logsigmoid(z)", ""),
        ("from torch import log, sigmoid", "torch.nn.functional.logsigmoid(z)", "import torch\n"),
        ("import torch\nimport torch.nn.functional as F\nF = None", "torch.nn.functional.logsigmoid(z)", ""),
    ],
)
def test_the_names_of_the_file_are_used(imports: str, expected: str, added: str) -> None:
    text = f'"""Doc."""\nfrom __future__ import annotations\n\n{imports}\n\n\ndef f(z):\n    return CODE\n'
    code = "log(sigmoid(z))" if "sigmoid" in imports and "logs" not in imports else "z.sigmoid().log()"
    start = '"""Doc."""\nfrom __future__ import annotations\n\n'
    assert after(text.replace("CODE", code)) == text.replace("CODE", expected).replace(start, start + added)


def test_a_parameter_that_hides_a_module_is_not_taken_for_it() -> None:
    text = f"{HEAD}def f(z, F):\n    return z.sigmoid().log() * F\n"
    assert after(text) == text.replace("z.sigmoid().log()", "torch.nn.functional.logsigmoid(z)")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_other_byte_stays(newline: str, mark: str) -> None:
    text = mark + newline.join([
        "import torch  # é", "", "", "def f(z: torch.Tensor):",
        "\tü = 'ä'; w = torch.log( torch.cosh(z) )  # ß", "\t", "\treturn w, ü\f", "",
    ])  # fmt: skip
    expected = text.replace("torch.log( torch.cosh(z) )", "z + torch.nn.functional.softplus(-2 * z) - math.log(2)")
    assert after(text) == mark + f"import math{newline}" + expected.removeprefix(mark)


def test_other_encodings_are_kept() -> None:
    text = "# coding: latin-1\nimport torch\n\n\ndef f(z):\n    return 'é', torch.log(torch.sigmoid(z)), 'é'\n"
    result = fixed(text.encode("latin-1"))
    assert result.rewritten is not None
    expected = text.replace("torch.log(torch.sigmoid(z))", "torch.nn.functional.logsigmoid(z)")
    assert result.rewritten.after == expected.encode("latin-1")


def test_words_do_not_run_into_each_other() -> None:
    text = f"{HEAD}def f(z: torch.Tensor):\n    return(torch.exp(z)).log()if z is not None else 0\n"
    assert after(text) == text.replace("(torch.exp(z)).log()", " z ")


def test_a_fix_that_brings_another_finding_is_refused() -> None:
    # the root of a sum of two squares has the same slope as the hypotenuse
    text = f"{HEAD}def f(x: torch.Tensor, y: torch.Tensor):\n    return torch.sqrt(x * x + y * y)\n"
    offered = fixed(text, "offer")
    assert [fix.applicability for finding in offered.findings for fix in finding.fixes] == ["unsafe"]
    assert after(text) == text
    assert "torch.hypot(x, y.abs().clamp_min(" in after(text, "unsafe")


def test_fixes_within_each_other_are_made_one_after_the_other() -> None:
    text = f"{HEAD}def f(z: torch.Tensor):\n    return torch.log(torch.sigmoid(z * torch.log(1 + torch.exp(z))))\n"
    result = fixed(text)
    assert result.rewritten is not None
    assert after(text) == HEAD + "def f(z: torch.Tensor):\n    return F.logsigmoid(z * F.softplus(z))\n"
    assert len(result.rewritten.findings) == 2


def test_unsafe_fixes_are_asked_for() -> None:
    text = f"{HEAD}def f(y: torch.Tensor, x: torch.Tensor):\n    return torch.atan(y / x)\n"
    assert after(text) == text
    assert after(text, "unsafe") == text.replace("torch.atan(y / x)", "torch.atan2(y, x)")


def test_what_a_comment_silences_is_not_fixed() -> None:
    text = f"{HEAD}def f(z):\n    return torch.log(torch.sigmoid(z))  # noqa: NAN311\n"
    assert after(text) == text


@pytest.mark.parametrize(("line", "dtype"), [("pass", "torch.result_type(x, 1.0)"), ("x = x.double()", "x.dtype")])
def test_a_constant_is_that_of_the_dtype(line: str, dtype: str) -> None:
    text = f"{HEAD}def f(x: torch.Tensor):\n    {line}\n    return torch.log(x)\n"
    assert after(text, "unsafe") == text.replace("log(x)", f"log(x.clamp_min(torch.finfo({dtype}).tiny))")


def test_a_divisor_may_hold_whole_numbers() -> None:
    import torch

    text = f"{HEAD}def f(x: torch.Tensor, mask: torch.Tensor):\n    return (x * mask).sum() / mask.sum()\n"
    changed = after(text, "unsafe")
    assert changed == text.replace("/ mask.sum()", "/ mask.sum().masked_fill(mask.sum() == 0, 1)")
    names: dict[str, object] = {}
    exec(changed, names)
    for dtype in (torch.bool, torch.int64, torch.float16, torch.float64):
        result = names["f"](torch.ones(3), torch.zeros(3, dtype=dtype))  # type: ignore[operator]
        assert result.item() == 0


def test_what_is_only_asked_for_is_not_rewritten() -> None:
    text = f"{HEAD}def f(z):\n    policy = torch.distributions.Categorical(logits=z)\n    return policy.probs.log()\n"
    assert "log_softmax(policy" not in after(text, "unsafe")


def test_what_is_long_is_not_written_twice() -> None:
    divisor = "(a_long_name_of_a_tensor.sum() + another_name.sum())"
    text = f"{HEAD}def f(x, a_long_name_of_a_tensor, another_name):\n    return x.exp() / {divisor}\n"
    assert "masked_fill" not in after(text, "unsafe")
