"""Fixes, run with torch: what was fixed is finite where it failed and computes the same where it did not."""

from __future__ import annotations

import examples
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_fixes import HEAD, fixed

from benchmarks import fixes
from nanlint import packs
from nanlint.rule import Rule


@pytest.fixture(scope="module")
def judged() -> list[fixes.Judged]:
    return [fixes.judge(entry) for entry in fixes.entries()]


def test_no_fix_of_a_known_hazard_makes_anything_worse(judged: list[fixes.Judged]) -> None:
    assert {each.entry["id"]: each.worse for each in judged if each.worse} == {}


@pytest.mark.parametrize(("kind", "share"), [("auto", 0.95), ("guard", 0.7)])
def test_known_hazards_are_finite_after_their_fix_and_equal_elsewhere(
    judged: list[fixes.Judged], kind: str, share: float
) -> None:
    these = [each for each in judged if each.entry["fix"] == kind]
    assert sum(each.is_good for each in these) >= share * len(these)


@pytest.mark.parametrize("rule", packs.load(), ids=lambda rule: rule.name)
def test_a_bad_example_holds_once_it_is_fixed(rule: Rule) -> None:
    bad = examples.read(rule.sections["Bad"])
    if bad.raises or bad.effects:
        return
    made = fixed(bad.checked, "unsafe")
    if made.rewritten is None or any(finding.code == rule.code for finding in made.findings):
        return
    source = made.rewritten.after.decode().replace(examples.PRELUDE, "")
    _, wrong = examples.execute(examples.Example(source, bad.runs, (), ()))
    assert not wrong


# the same in many spellings: blanks, line breaks, comments, parentheses, functions, methods and variables
BLANK = st.sampled_from(["", " ", "  "])
NAMES = st.sampled_from(["z", "logits", "é"])


@st.composite
def spelled(draw: st.DrawFn, name: str) -> str:
    """`NAME` somehow: with parentheses, moved, scaled, or as it is."""
    return draw(
        st.sampled_from(
            [name, f"({name})", f"{name} + 1", f"2 * {name}", f"-{name}", f"{name}[:, :2]", f"( {name} - 1 )"]
        )
    )


@st.composite
def called(draw: st.DrawFn, function: str, argument: str, dim: str = "") -> str:
    """A call of a function of torch, or of the method."""
    blank = draw(BLANK)
    given = draw(st.sampled_from([dim, f"dim{blank}={blank}{dim}"])) if dim else ""
    comma = draw(st.sampled_from(["", f"{blank},"])) if given else ""
    if draw(st.booleans()):
        return f"({argument}).{function}({given}{comma})"
    line = draw(st.sampled_from(["", "\n            "]))
    parts = ([f"input={argument}"] if draw(st.booleans()) and "dim" in given else [argument]) + (
        [given] if given else []
    )
    return f"torch.{function}({blank}{line}{f',{blank}'.join(parts)}{comma}{line})"


FORMS = {
    # what is written, as a chain of functions over the operand; what makes the benign result
    "log_softmax": lambda draw, x: draw(called("log", draw(called("softmax", x, "-1")))),
    "logsigmoid": lambda draw, x: draw(called("log", draw(called("sigmoid", x)))),
    "softplus": lambda draw, x: draw(called("log", f"1 + {draw(called('exp', x))}")),
    "log1p": lambda draw, x: draw(called("log1p", draw(called("exp", x)))),
    "logsumexp": lambda draw, x: draw(called("log", draw(called("sum", draw(called("exp", x)), "1")))),
    "sigmoid": lambda draw, x: f"(1 / (1 + {draw(called('exp', f'-({x})'))}))",
    "vector_norm": lambda draw, x: draw(called("sqrt", draw(called("sum", f"({x})**2", "-1")))),
}


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A function with such a form, which may be spread over variables that something else reads or not."""
    name = draw(NAMES)
    form = FORMS[draw(st.sampled_from(sorted(FORMS)))](draw, draw(spelled(name)))
    body = [f"def f({name}: torch.Tensor):"]
    if draw(st.booleans()):
        body.append(f"    before = {name}.sum()  # keep me")
    tail = draw(st.sampled_from(["", " * 2", " + 1  # and me", ".mean()"]))
    if draw(st.booleans()):
        inner = draw(st.sampled_from(["sigmoid", "exp"]))
        body.append(f"    p = {draw(called(inner, name))}")
        outer = "torch.log(p)" if inner == "sigmoid" else "(1 + p).log()"
        body.append(draw(st.sampled_from(["", "    print(end='')", "    other = p.detach().max()"])))
        form = f"({form}).sum() + {outer}"
    body.append(f"    return ({form}){tail}")
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return (HEAD + "\n".join(line for line in body if line) + "\n").replace("\n", newline)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_any_spelling_computes_the_same_once_it_is_fixed(program: str) -> None:
    import torch

    compile(program, "program", "exec")
    made = fixed(program).rewritten
    if made is None:
        return
    after = made.after.decode()
    assert fixed(after).rewritten is None
    assert fixes.bytes_outside(made) == 0
    assert after.count("#") == program.count("#")
    assert ("\n" in after.replace("\r\n", "")) == ("\n" in program.replace("\r\n", ""))
    results = []
    for text in (program, after):
        names: dict[str, object] = {}
        exec(text, names)
        x = torch.tensor([[0.5, 1.5, -0.3], [0.1, 2.0, 1.0]], dtype=torch.float64, requires_grad=True)
        value = names["f"](x)  # type: ignore[operator]
        value.sum().backward()
        results.append((value.detach(), x.grad))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
