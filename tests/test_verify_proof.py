"""What is proved finite is finite, whatever is drawn from the stated range, and nothing is proved without one."""

from __future__ import annotations

import ast
import math
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.fx import Interpreter, Node

from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.interval import Interval
from nanlint.ops import DTYPES
from nanlint.verify.place import Flagged, place_of
from nanlint.verify.proof.application import Operand
from nanlint.verify.proof.graph import traced
from nanlint.verify.proof.prove import _Proof, prove
from nanlint.verify.proof.rounding import Unproved, members, outward
from nanlint.verify.target import Target, target
from nanlint.verify.values.contracts import Contract, Range, contract
from nanlint.verify.verdicts import Verifier

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\nTHREE = torch.ones(3)\n\n\n"
P = torch.full((2, 3), 0.25)
UNIT = "# nanlint: assume p in [0, 1]"


def aimed(text: str) -> tuple[Target, Contract]:
    """The function `f` of a module of this text, and what it says of its parameters."""
    text = HEAD + text
    (row,) = (number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# bad"))
    module = types.ModuleType("made")
    exec(compile(text, "made.py", "exec"), module.__dict__)
    tree = ast.parse(text)
    aim = target(module, "made.py", tree, place_of(tree, Flagged(row, 1, row, 999)))
    names = [parameter.name for parameter in aim.parameters]
    return aim, contract(text.splitlines(), aim.place.span, aim.doc, names)


def body(expression: str, stated: str = UNIT, before: str = "pass") -> str:
    return f"def f(p, q=1.0):\n    {stated}\n    {before}\n    return {expression}  # bad\n"


def proof_of(text: str, **arguments: Any) -> str:
    aim, known = aimed(text)
    return prove(aim, None, arguments or {"p": P}, known)


@pytest.mark.parametrize(
    "expression",
    [
        "torch.log(p + 1e-6)",
        "p.clamp(1e-6, 1 - 1e-6).logit()",
        "p / (p.sum(-1, keepdim=True) + 1e-8)",
        "-(p * torch.log(p + 1e-8)).mean()",
        "torch.log(p.softmax(-1))",
        "torch.sqrt(p * p)",
        "F.normalize(p)",
        "torch.log(p.double() + 1e-30)",
        "1 / p.topk(2).values.add(1)",
        "torch.log(p.mean() + torch.tensor(0.1))",
        "torch.where(p > 0.5, p, p + 1).add(1).log()",
        "(p @ p.T).exp()",
    ],
)
def test_a_guarded_line_is_proved(expression: str) -> None:
    assert proof_of(body(expression)) == (
        "its value is finite for every p in [0, 1] (traced with p of float32[2, 3]; gradients are not part of it)"
    )


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("torch.log(p)", "`input` of log can be [0, 1], which gives -inf at 0 and nan below"),
        ("p / p.sum()", "`other` of div can be"),
        ("torch.log(p.half() + 1e-8)", "`input` of log can be"),
        ("(p * 300).exp()", "it can leave float32"),
        ("torch.where(p > 0.5, p.log(), p)", "`input` of log can be"),
        ("torch.log(p[p > 0.5].mean() + 1)", "a size or number that depends on values"),
        ("torch.log(1 + p.sum().item() * p)", "gives no tensor"),
        ("torch.tensor(p.tolist()).exp()", "the call cannot be traced"),
        ("torch.from_numpy(p.numpy()).exp()", "the call cannot be traced"),
        ("torch.as_tensor(p.__array__()).exp()", "the call cannot be traced"),
        ("(p if p.sum() > 0 else -p).exp()", "the call cannot be traced"),
        ("torch.log(p * THREE + 1)", "it depends on a tensor that is no argument"),
        ("torch.log(1 + nn.Linear(3, 2)(p).abs())", "the call cannot be traced"),
        ("F.layer_norm(p, (3,))", "native_layer_norm is not known"),
        ("torch.linalg.det(p @ p.T)", "is not"),
        ("p.masked_fill(p > 0.5, -torch.inf).exp()", "a number that is not finite"),
        ("torch.logit(p * 0.5 + 0.25, eps=1e-8)", "logit with a `eps` of its own"),
        ("p.var(0) / p[:1].std(0)", "std of 1 elements is not finite"),
        ("torch.view_as_complex(p[:, :2].contiguous()).abs()", "complex"),
        ("THREE.exp()", "it depends on a tensor that is no argument"),
        ("1.0 / q", "no operation of torch's stands there"),
        ("torch.rand(3).add(1).log()", "it depends on no input with a stated range"),
        ("torch.randn(3).add(p)", "the range of randn is not sure"),
    ],
)
def test_what_may_fail_or_is_not_known_is_not_proved(expression: str, why: str) -> None:
    with pytest.raises(Unproved) as raised:
        proof_of(body(expression))
    assert why in str(raised.value)


def test_nothing_is_proved_without_a_stated_range() -> None:
    with pytest.raises(Unproved, match="no range is stated"):
        proof_of(body("torch.tanh(p)", "pass"))
    with pytest.raises(Unproved, match="no range is stated for `q`"):
        proof_of(body("torch.tanh(p + q)"), p=P, q=P)


def test_a_number_with_a_stated_range_is_not_proved_for_the_value_of_the_trace() -> None:
    with pytest.raises(Unproved, match="a range is stated for `q`"):
        proof_of(body("torch.log(p + q)", UNIT + "\n    # nanlint: assume q >= 0"), p=P, q=0.5)
    assert "q = 0.5" in proof_of(body("torch.log(p + q)"), p=P, q=0.5)


def test_writes_are_followed_through_views() -> None:
    assert proof_of(body("torch.log(q)", before="q = p.clone(); q.view(-1)[:] = 1.0"))
    with pytest.raises(Unproved, match="`input` of log can be"):
        proof_of(body("torch.log(q)", "# nanlint: assume p in [0.5, 1]", "q = p.clone(); q.view(-1)[0] = 0.0"))


def test_only_what_the_flagged_line_needs_is_looked_at() -> None:
    assert proof_of(body("torch.exp(p)", before="r = torch.log(p)"))
    with pytest.raises(Unproved, match="`input` of log can be"):
        proof_of(body("torch.exp(p)", before="p = torch.log(p)"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("bound", [0.0, 1.0, -1.0, 0.75, 2.0**-14, 3.0, -4.0])
def test_an_open_end_is_the_next_number(dtype: str, bound: float) -> None:
    inside = members(bound, bound + 8, dtype, open_low=True)
    below = members(bound - 8, bound, dtype, open_high=True)
    nearest = DTYPES[dtype].nearest
    assert below.hi < bound < inside.lo
    assert nearest((bound + inside.lo) / 2) in (bound, inside.lo)
    assert nearest((bound + below.hi) / 2) in (bound, below.hi)
    assert (nearest(inside.lo), nearest(below.hi)) == (inside.lo, below.hi)


def test_integers_keep_within_their_format() -> None:
    assert members(0, 5, "int64", open_low=True, open_high=True) == Interval(1.0, 4.0)
    with pytest.raises(Unproved):
        outward(Interval(0.0, 300.0), "uint8")
    with pytest.raises(Unproved):
        outward(Interval(0.0, 0.5), "int64")


@pytest.mark.parametrize("ulps", [0.0, 16.0])
def test_an_end_at_infinity_is_in_no_format(ulps: float) -> None:
    with pytest.raises(Unproved):
        outward(Interval(0.0, math.inf), "float32", ulps=ulps)


UNARY = (
    "{}.abs()", "-{}", "{}.exp()", "{}.expm1()", "{}.exp2()", "{}.log()", "{}.log1p()", "{}.log2()", "{}.log10()",
    "{}.sqrt()", "{}.rsqrt()", "{}.reciprocal()", "{}.square()", "{}.sigmoid()", "{}.tanh()", "torch.erf({})",
    "torch.erfc({})", "{}.sinh()", "{}.cosh()", "{}.atan()", "{}.asinh()", "{}.acosh()", "{}.atanh()", "{}.asin()",
    "{}.acos()", "{}.sin()", "{}.cos()", "{}.logit()", "F.softplus({})", "F.silu({})", "F.gelu({})",
    "F.gelu({}, approximate='tanh')", "{}.relu()", "{}.clamp(1e-3, 0.999)", "{}.clamp(min=1e-8)", "{} ** 2",
    "{} ** 3", "{} ** 0.5", "{} ** -1", "{} + 1e-6", "1 - {}", "{} * 0.1", "{} / 3", "2 / {}", "{}.floor()",
    "{}.softmax(-1)", "{}.log_softmax(-1)", "{}.logsumexp(-1, keepdim=True)", "{}.sum()", "{}.sum(0)", "{}.mean()",
    "{}.mean(-1, keepdim=True)", "{}.var(-1, keepdim=True)", "{}.std()", "{}.norm()", "{}.norm(1)",
    "{}.norm(dim=-1, keepdim=True)", "{}.amax(-1, keepdim=True)", "{}.max(-1).values.sum()", "{}.cumsum(-1)",
    "{}.sort().values", "{}.half()", "{}.double()", "{}.bfloat16()", "{}.float()", "({} > 0.5).sum()",
    "({0} @ {0}.mT)", "({0} * {0})", "F.pad({}, (1, 0))[..., :-1]", "{}.long() + 1", "F.hardtanh({})",
)  # fmt: skip
BINARY = ("({} + {})", "({} - {})", "({} * {})", "({} / {})", "torch.maximum({}, {})", "torch.where({0} > 0, {0}, {1})",
          "torch.xlogy({}, {})", "torch.atan2({}, {})", "torch.stack([{}, {}]).sum(0)")  # fmt: skip
BOUNDS = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 1e-8, 0.5, 20.0, 88.0, 104.0, -104.0, 1e4, 6e4, 1e19, -1e19, 1e38, 3e38, -3e38]),
    st.floats(-3, 3),
    st.floats(-3e38, 3e38),
)


def expressions(depth: int) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(["p", "q"])
    if not depth:
        return leaf
    below = expressions(depth - 1)
    return st.one_of(
        leaf,
        st.builds(lambda form, x: f"({form.format(x)})", st.sampled_from(UNARY), below),
        st.builds(lambda form, x, y: form.format(x, y), st.sampled_from(BINARY), below, below),
    )


def drawn(interval: Interval, shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> Iterator[Tensor]:
    """Tensors of an interval: its ends, both of them, numbers between, and those of small size."""
    generator = torch.Generator().manual_seed(seed)
    lo, hi = interval.lo, interval.hi
    ends = torch.tensor([lo, hi], dtype=torch.float64)
    share = torch.rand(shape, generator=generator, dtype=torch.float64)
    small = torch.where(share > 0.5, 1.0, -1.0) * 10.0 ** (share * 90 - 45)
    for each in (
        torch.full(shape, lo, dtype=torch.float64),
        torch.full(shape, hi, dtype=torch.float64),
        ends[(share > 0.5).long()],
        lo * (1 - share) + hi * share,
        small.clamp(lo, hi),
    ):
        yield each.to(dtype).clamp(lo, hi)


class Watched(Interpreter):
    """Runs a graph and checks each value against its interval."""

    def __init__(self, graph: torch.fx.GraphModule, operands: dict[Node, Any]) -> None:
        super().__init__(graph)
        self.operands = operands

    def run_node(self, node: Node) -> Any:
        value = super().run_node(node)
        operand = self.operands.get(node)
        if isinstance(operand, Operand) and value.numel():
            least, most = float(value.double().min()), float(value.double().max())
            assert operand.interval.lo <= least, (node, operand, least)
            assert most <= operand.interval.hi, (node, operand, most)
        return value


@settings(max_examples=150, deadline=None)
@given(
    expression=expressions(3),
    ends=st.tuples(BOUNDS, BOUNDS, BOUNDS, BOUNDS),
    dtype=st.sampled_from([torch.float32, torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    shape=st.sampled_from([(2, 3), (1, 1), (3, 37)]),
    seed=st.integers(0, 99),
)
@example("(p * p).norm().abs()", (0.0, 2.5e-89, 0.0, 0.0), torch.float64, (1, 1), 0)
def test_every_value_of_a_proof_lies_in_its_interval(
    expression: str, ends: tuple[float, ...], dtype: torch.dtype, shape: tuple[int, ...], seed: int
) -> None:
    name = str(dtype).removeprefix("torch.")
    limit = DTYPES[name].max
    p, q = sorted(ends[:2]), sorted(ends[2:])
    known = {"p": [Range(*p)], "q": [Range(*q)]}
    inside = [members(*each, name) for each in (p, q) if max(map(abs, each)) <= limit]
    if len(inside) < 2:
        return
    # As in the verifier, the trace is of arguments that the code takes.
    aim, _ = aimed(body(expression))
    given = {"p": torch.full(shape, inside[0].lo, dtype=dtype), "q": torch.full(shape, inside[1].lo, dtype=dtype)}
    try:
        graph = traced(aim, None, given)
    except Unproved:
        return
    proof = _Proof(graph, known)
    proved = True
    for node in graph.nodes():
        try:
            if node.op != "output" and all(each in proof._operands for each in node.all_input_nodes):
                proof.visit(node)
        except Unproved:
            proved = False
    for values in zip(drawn(inside[0], shape, dtype, seed), drawn(inside[1], shape, dtype, seed + 1), strict=True):
        (result,) = Watched(graph.graph, proof._operands).run(*values)
        if proved and all(node in proof._operands for node in graph.nodes() if node.op != "output"):
            assert math.isfinite(float(result.double().abs().max())) or result.isfinite().all()


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier() as made:
        yield made


def judged(verifier: Verifier, path: Path, text: str, code: str = "NAN101") -> Verdict:
    path.write_text(HEAD + text, encoding="utf-8")
    row, line = next((row, line) for row, line in enumerate((HEAD + text).splitlines(), 1) if line.endswith("# bad"))
    start, end = Position(row, line.index("torch.")), Position(row, line.index("  # bad"))
    return verifier.verdict(Finding(code, "a-rule", "says", str(path), start, end, Confidence.LIKELY))


def test_a_finding_in_a_stated_range_is_proved(verifier: Verifier, tmp_path: Path) -> None:
    guarded = f"def f(p):\n    {UNIT}\n    return torch.log(p + 1e-3)  # bad\n"
    verdict = judged(verifier, tmp_path / "guarded.py", guarded)
    assert (verdict.status, verdict.text.split(" (")[0]) == ("proved", "its value is finite for every p in [0, 1]")
    assert (verdict.witness, verdict.script) == ((), "")
    assert judged(verifier, tmp_path / "bare.py", guarded.replace(" + 1e-3", "")).status == "confirmed"
    unstated = guarded.replace(UNIT, "p = p.clamp(0, 1)")
    assert judged(verifier, tmp_path / "unstated.py", unstated).status == "not-reproduced"


def test_a_finding_about_a_gradient_is_not_proved_by_values(verifier: Verifier, tmp_path: Path) -> None:
    text = f"def f(p):\n    {UNIT}\n    return torch.sqrt(p + 1e-3)  # bad\n"
    assert judged(verifier, tmp_path / "value.py", text).status == "proved"
    assert judged(verifier, tmp_path / "gradient.py", text, "NAN401").status == "not-reproduced"


def test_a_method_is_proved_where_its_object_adds_no_tensor(verifier: Verifier, tmp_path: Path) -> None:
    text = (
        "class Loss(nn.Module):\n    def __init__(self, eps=1e-3):\n        super().__init__()\n"
        "        self.eps = eps\n        self.weight = nn.Parameter(torch.ones(1))\n\n"
        f"    def forward(self, p):\n        {UNIT}\n        return torch.log(p + self.eps)  # bad\n"
    )
    assert judged(verifier, tmp_path / "method.py", text).status == "proved"
    weighted = text.replace("p + self.eps", "p * self.weight.clamp(0, 1) + self.eps")
    assert judged(verifier, tmp_path / "weighted.py", weighted).status == "not-reproduced"
