"""Every line of the table against the installed torch."""

from __future__ import annotations

import collections
import datetime as dt
import fractions
import itertools
import math
import pathlib
import random
import re
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import op_complex
import op_gradients
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from op_recipes import DOMAINS, Case, cases, function, resolve
from op_samples import EDGES, FLOATS, escapes, members

from nanlint.dev import torch_names as generator
from nanlint.facts.needs import unmet
from nanlint.facts.value import Value, literal
from nanlint.interval import FINITE, INF, Interval, exactly
from nanlint.ops import DTYPES, LINES, TABLE, Op, by_spelling, is_module, round_to
from nanlint.ops.names import is_tensor_only, torch_names

CASES = list(cases())
UNARY = [case for case in CASES if len(case.tensors) == 1]


def ids(values: list[Any]) -> list[str]:
    return [value.id if isinstance(value, Case) else value.name for value in values]


def each(values: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", values, ids=ids(values))


@pytest.fixture(autouse=True)
def quiet() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_num_threads(threads)


@each(list(LINES))
def test_every_spelling_exists(case: Op) -> None:
    assert case.spellings
    for spelling in case.spellings:
        found = resolve(spelling)
        assert callable(found), spelling
        assert by_spelling(spelling) is case
        modular = isinstance(found, type) and issubclass(found, torch.nn.Module)
        assert is_module(spelling) == modular, spelling


def test_no_spelling_calls_two_lines() -> None:
    counted = collections.Counter(itertools.chain.from_iterable(op.spellings for op in LINES))
    assert [spelling for spelling, count in counted.items() if count > 1] == []


def test_the_operators_of_python_are_in_the_table() -> None:
    operators = """add sub mul div floor_divide remainder pow matmul neg abs eq ne lt le gt ge logical_and logical_or
    logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not"""
    assert set(operators.split()) <= set(TABLE)


def intervals() -> st.SearchStrategy[Interval]:
    number = st.sampled_from(EDGES) | st.floats(-5, 5)

    def between(a: float, b: float, lo_open: bool, hi_open: bool, hole: bool) -> Interval:
        lo, hi = min(a, b), max(a, b)
        return Interval(lo, hi, lo_open, hi_open, hole and lo < 0 < hi)

    made = st.builds(between, number, number, st.booleans(), st.booleans(), st.booleans())
    wide = st.sampled_from([FINITE, Interval(0, INF, hi_open=True), Interval(0, INF, True, True), Interval(0, 1)])
    return (made | wide).filter(lambda interval: not interval.empty)


@each(CASES)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_results_lie_in_the_range(case: Case, data: st.DataObject) -> None:
    drawn = {name: DOMAINS.get((case.op.name, name)) or data.draw(intervals(), label=name) for name in case.tensors}
    for dtype in FLOATS:
        try:
            wrong = list(escapes(case, drawn, dtype))
        except (NotImplementedError, RuntimeError, ValueError, IndexError):
            continue  # a format that the kernel does not know, a size that it does not take, a check that it makes
        assert wrong == []


def test_nearly_every_case_runs() -> None:
    """The exceptions that the test above lets pass do not empty it."""
    ran = 0
    for case in CASES:
        values = {name: DOMAINS.get((case.op.name, name)) or Interval(0.25, 0.75) for name in case.tensors}
        try:
            list(escapes(case, values, "float32"))
        except (NotImplementedError, RuntimeError, ValueError, IndexError):
            continue
        ran += 1
    assert ran >= 0.95 * len(CASES)


NEEDS = [case for case in CASES if case.op.needs and not case.consts and case.op.name not in ("lgamma", "digamma")]


@each(NEEDS)
def test_needs_are_where_it_fails(case: Case) -> None:
    """Outside of the declared domain the result is not finite (or torch raises); inside it is finite."""
    for need in case.op.needs:
        if need.parameter not in case.tensors:
            continue
        for point in (*members(FINITE, "float32"), 0.25, -0.25, 0.75):
            if abs(point) > 50 or 0 < abs(point) < 1e-6 or abs(point) == 1e-3:
                continue
            tensors = [torch.full((64,), point if name == need.parameter else 0.5) for name in case.tensors]
            try:
                good = bool(case.fn(*tensors).isfinite().all())
            except RuntimeError:
                good = False
            if point == need.domain.lo and case.op.name in ("xlogy", "xlog1py"):
                continue  # -inf, unless the other factor is 0
            assert good == (point in need.domain), (need, point)


CONSTRUCTORS = [op for op in LINES if op.returns == "distribution" and op.needs]


@each(CONSTRUCTORS)
def test_distributions_check_their_arguments(case: Op) -> None:
    """Outside of the domain torch raises ValueError, inside it does not."""
    made = resolve(next(iter(case.spellings)))
    for need, point in itertools.product(case.needs, (0.0, 1.0, -1.0, 0.5, 2.0)):
        values = {other.parameter: torch.full((2,), 0.5) for other in case.needs}
        values["loc"] = torch.zeros(2)
        values["temperature"] = values["total_count"] = torch.tensor(1.0)
        values["cov_factor"] = torch.eye(2)
        values["alpha"] = values.get("alpha", torch.ones(2))
        values[need.parameter] = torch.tensor([point, 0.5])
        given = {name: values[name] for name in case.parameters if name in values and name != "logits"}
        if case.name == "Multinomial":
            given["total_count"] = 1  # type: ignore[assignment]
        try:
            made(**given)
        except (ValueError, torch.linalg.LinAlgError):
            assert point not in need.domain, (need, point)
        else:
            assert point in need.domain, (need, point)


GRADIENTS = [
    case for case in UNARY
    if case.op.differentiable and not case.consts
    and case.op.name not in ("lgamma", "digamma", "masked_fill", "cumprod")
]  # fmt: skip


@each(GRADIENTS)
def test_gradients_are_as_declared(case: Case) -> None:
    """`singular`, `trap` and `shield` at some points, in tensors of 1 and of 64 elements."""
    for point, size in itertools.product(op_gradients.POINTS, op_gradients.SIZES):
        if size < case.least:
            continue
        try:
            found = op_gradients.measured(case, point, size)
        except (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError):
            continue
        if found is not None:
            assert found == op_gradients.declared(case, point, found), (point, size)


def test_gradients_are_declared_of_two() -> None:
    zero = torch.zeros(1, requires_grad=True)
    torch.hypot(zero, torch.zeros(1)).backward()
    assert math.isnan(float(zero.grad))
    assert TABLE["hypot"].singular
    other = torch.zeros(1, requires_grad=True)
    torch.xlogy(torch.zeros(1), other).backward()
    assert math.isnan(float(other.grad))
    assert TABLE["xlogy"].singular
    target = torch.zeros(1, requires_grad=True)
    torch.nn.functional.kl_div(torch.zeros(1), target, reduction="sum").backward()
    assert math.isnan(float(target.grad))
    assert TABLE["kl_div"].singular


def test_gamma_functions_have_poles_where_declared() -> None:
    """Those that take a number beside the tensor, which the cases above leave out."""
    for line in (line for line in LINES if line.name in ("polygamma", "mvlgamma")):
        assert [need.parameter for need in line.needs] == ["input"]
    for order, x in itertools.product((1, 2, 3), (0.0, 0.25)):
        good = bool(torch.polygamma(order, torch.tensor(x)).isfinite())
        assert good == all(x in need.domain for need in TABLE["polygamma"].needs)
    for p, x in itertools.product((1, 2, 3), (0.0, 0.5, 1.0, 1.25)):
        values = {"input": Value("tensor", exactly(x)), "p": literal(p, 0)}
        assert bool(torch.mvlgamma(torch.tensor(x), p).isfinite()) == (not unmet(TABLE["mvlgamma"], values))


def test_logit_needs_nothing_where_its_eps_holds() -> None:
    for name, eps in itertools.product(("float16", "bfloat16", "float32", "float64"), (1e-9, 1e-6, 1e-4, 1e-2)):
        p = torch.ones(64, dtype=getattr(torch, name))
        values = {"input": Value("tensor", exactly(1.0), dtype=name), "eps": literal(eps, 0)}
        assert bool(torch.logit(p, eps).isfinite().all()) == (not unmet(TABLE["logit"], values)), (name, eps)


UNUSUAL = {"masked_select", "masked_scatter", "nan_to_num", "rms_norm"}
"""Their recipes compare, which complex numbers cannot; the last two give not what complex numbers ask for."""


@each([case for case in CASES if case.op.name not in UNUSUAL and "rounding_mode" not in case.consts])
def test_complex_functions(case: Case) -> None:
    try:
        case.fn(*(torch.tensor([0.25, 0.5, 0.75, 0.5]) for _ in case.tensors), **case.consts)
    except (RuntimeError, NotImplementedError, TypeError, IndexError, ValueError):
        pytest.skip("takes other tensors")
    assert op_complex.of_function(case) == case.op.complex


MODULES = sorted((s, op) for op in LINES for s in op.spellings if is_module(s))


@pytest.mark.parametrize(("spelling", "op"), MODULES, ids=[spelling for spelling, _ in MODULES])
def test_complex_modules(spelling: str, op: Op) -> None:
    try:
        found = op_complex.of_module(op, resolve(spelling))
    except (IndexError, ValueError):
        pytest.skip("takes another shape")
    if found is None:
        pytest.skip("needs arguments")
    assert found == op.complex


def test_nan_to_num_acts_on_the_parts() -> None:
    made = torch.nan_to_num(torch.complex(torch.tensor(math.nan), torch.tensor(2.0)))
    assert made == 2j
    assert TABLE["nan_to_num"].complex == "mangles"


def test_rms_norm_squares_complex_numbers_instead_of_their_magnitudes() -> None:
    z = torch.tensor([1 + 1j, 2 - 1j])
    made = torch.nn.functional.rms_norm(z, (2,))
    assert made.allclose(z / (z * z).mean().sqrt())
    assert TABLE["rms_norm"].complex == "mangles"
    assert not made.allclose(z / z.abs().square().mean().sqrt())


@given(st.floats(allow_nan=False), st.sampled_from(["float64", "float32", "float16", "bfloat16"]))
def test_rounding_is_that_of_torch(x: float, dtype: str) -> None:
    rounded = torch.tensor(x, dtype=torch.float64).to(getattr(torch, dtype)).item()
    # torch converts to bfloat16 by way of float32
    expected = DTYPES["float32"].nearest(x) if dtype == "bfloat16" else x
    assert DTYPES[dtype].nearest(expected) == rounded
    assert rounded in round_to(exactly(expected), dtype)


def test_formats_are_those_of_torch() -> None:
    for name, kind in DTYPES.items():
        if kind.kind in ("float", "complex") and name != "complex32":
            info = torch.finfo(getattr(torch, name))
            measured = (info.max, info.min, info.eps, info.smallest_normal)
            assert (kind.max, kind.min, kind.eps, kind.smallest_normal) == measured
        elif kind.kind == "integer":
            whole = torch.iinfo(getattr(torch, name))
            assert (kind.max, kind.min) == (float(whole.max), float(whole.min))


@pytest.mark.skipif(not torch.__version__.startswith("2.13.0"), reason="the list is that of torch 2.13.0")
def test_the_list_of_names_is_that_of_torch() -> None:
    assert "\n".join(sorted(torch_names())) + "\n" == generator.render(), "run: python -m nanlint.dev bless"


def test_tensor_methods_are_those_of_tensors_alone() -> None:
    classes: tuple[type, ...] = (
        np.ndarray, np.float64, np.random.Generator, str, bytes, list, dict, set, tuple, int, float, complex,
        random.Random, fractions.Fraction, dt.datetime, dt.timedelta, pathlib.Path, re.Pattern, re.Match,
        collections.Counter, collections.deque, memoryview, range, slice, torch.nn.Module, torch.Generator,
        torch.Size, torch.optim.Optimizer, torch.nn.utils.rnn.PackedSequence, torch.distributions.Distribution,
    )  # fmt: skip
    methods = {name for name in dir(torch.Tensor) if is_tensor_only(name)}
    assert {"log", "exp", "sqrt", "sigmoid", "softmax", "clamp", "unsqueeze", "masked_fill", "detach", "pow"} <= methods
    assert all(callable(getattr(torch.Tensor, name)) for name in methods)
    assert {name: cls.__name__ for cls in classes for name in methods if hasattr(cls, name)} == {}


def test_the_table_imports_neither_torch_nor_libcst() -> None:
    code = "import sys, nanlint.ops; sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'libcst', 'rich')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_recipes_find_their_functions() -> None:
    assert function(TABLE["log"]) is torch.log
