"""The dtypes that the engine follows, against those that torch gives."""

from __future__ import annotations

import warnings
from itertools import product

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from op_recipes import resolve

from nanlint.facts.dtypes import default_dtype, dtype_name, result_dtype
from nanlint.facts.interpreter import new_session, run_module
from nanlint.facts.value import Value, literal
from nanlint.ops import TABLE
from nanlint.source import Source

DTYPES = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128", "int64", "bool")
TWO = ("add", "mul", "div", "where", "eq", "logical_and")
ONE = ("abs", "sum", "cumsum", "mean", "clone", "isnan", "sqrt", "reshape", "fft", "std", "norm", "real", "one_hot")
CALLS = {
    "where": lambda a, b: torch.where(torch.tensor([True, False]), a, b),
    "reshape": lambda a: a.reshape(-1),
    "fft": torch.fft.fft,
    "one_hot": torch.nn.functional.one_hot,
}


def known(name: str, *values: Value) -> str | None:
    op = TABLE[name]
    parameters = [p for p in op.parameters if p != "condition"]
    return result_dtype(op, dict(zip(parameters, values, strict=False)))


def tensor(dtype: str) -> Value:
    return Value("tensor", dtype=dtype)


def given(name: str, *tensors: object) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = CALLS.get(name, getattr(torch, name, None))(*tensors)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            pytest.skip(str(error))
    return str(made.dtype).removeprefix("torch.")


@pytest.mark.parametrize(("name", "a", "b"), list(product(TWO, DTYPES, DTYPES)))
def test_two_tensors_promote_as_in_torch(name: str, a: str, b: str) -> None:
    found = given(name, torch.ones(2, dtype=getattr(torch, a)), torch.ones(2, dtype=getattr(torch, b)))
    assert known(name, tensor(a), tensor(b)) in (found, None)


@pytest.mark.parametrize(("name", "a"), list(product(ONE, DTYPES)))
def test_one_tensor_gives_the_dtype_of_torch(name: str, a: str) -> None:
    found = given(name, torch.ones(2, dtype=getattr(torch, a)))
    assert known(name, tensor(a)) in (found, None)


@pytest.mark.parametrize(("name", "a", "number"), list(product(("add", "mul", "div"), DTYPES, (2, 0.5, 1j))))
def test_a_number_moves_the_kind_and_not_the_width(name: str, a: str, number: complex) -> None:
    found = given(name, torch.ones(2, dtype=getattr(torch, a)), number)
    assert known(name, tensor(a), literal(number, 1)) in (found, None)


@pytest.mark.parametrize("name", ["complex64", "complex128"])
def test_what_is_complex_is_known_to_be(name: str) -> None:
    for op in ("add", "mul", "div", "where"):
        assert known(op, tensor("float32"), tensor(name)) == known(op, tensor(name), Value("unknown")) == name
    assert known("abs", tensor(name)) == known("real", tensor(name)) == {"complex64": "float32"}.get(name, "float64")


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [("torch.cfloat", "complex64"), ("torch.half", "float16"), ("torch.double", "float64"), ("torch.long", "int64"),
     ("builtins.complex", "complex128"), ("numpy.float_", "float64"), ("torch.relu", None), ("numpy.sum", None),
     ("mine.float32", None)],
)  # fmt: skip
def test_names_of_dtypes(spelling: str, expected: str | None) -> None:
    assert dtype_name(spelling) == expected
    if expected is not None and spelling.startswith("torch."):
        assert str(resolve(spelling)) == f"torch.{expected}"


LEAVES = (
    "torch.ones(2, 2)", "torch.ones(2, 2).half()", "torch.zeros(2, 2, dtype=torch.bfloat16)", "torch.eye(2).double()",
    "torch.full((2, 2), 2)", "torch.ones(2, 2, dtype=torch.bool)", "torch.tensor(1.5)", "torch.tensor(2)",
    "torch.tensor(1.0, dtype=torch.float64)", "torch.tensor([[1.0, 2.0], [3.0, 4.0]])", "torch.ones(2, 2).half().sum()",
    "torch.arange(4).reshape(2, 2)", "torch.arange(4.0).view(2, 2)", "torch.HalfTensor([[1.0, 2.0], [3.0, 4.0]])",
    "2", "0.5", "True",
)  # fmt: skip
UNARY = (
    "torch.exp({})", "({}).sum()", "torch.sum({}, dim=-1)", "({}).to(torch.float16)", "torch.relu({})", "({}).float()",
    "torch.softmax({}, dim=-1)", "-({})", "torch.zeros_like({})", "({}).clone()", "({}).mean(dim=0)", "({}).half()",
    "({}).sqrt()", "torch.sum({}, dtype=torch.float64)", "({}).new_ones(2)", "({}).abs()", "({}).type(torch.bfloat16)",
    "({}).cumsum(0)", "({}).max()", "({}).norm()", "({}).var()", "torch.sigmoid({})",
)  # fmt: skip
BINARY = (
    "({} + {})", "({} - {})", "({} * {})", "({} / {})", "torch.where(torch.tensor([True, False]), {}, {})", "({} < {})",
    "torch.maximum({}, {})", "({}).type_as({})", "({} @ {})", "({} ** {})",
)  # fmt: skip
EXPRESSIONS = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.builds(str.format, st.sampled_from(UNARY), inner),
        st.builds(str.format, st.sampled_from(BINARY), inner, inner),
    ),
    max_leaves=5,
)


def followed(text: str) -> Value:
    """What the engine knows of `value` at the end of a program."""
    session = new_session(Source(text.encode(), "program.py"), frozenset())
    run_module(session)
    assert session.module is not None
    return session.module.env.vars["value"]


@settings(max_examples=300, deadline=None)
@drawn(EXPRESSIONS)
def test_expressions_have_the_dtype_of_torch(expression: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = eval(expression, {"torch": torch})
        except (RuntimeError, NotImplementedError, TypeError, AttributeError, ZeroDivisionError):
            return
    if isinstance(made, torch.Tensor):
        found = followed(f"import torch\nvalue = {expression}\n").dtype
        assert found in (str(made.dtype).removeprefix("torch."), None)


@pytest.mark.parametrize("leaf", [leaf for leaf in LEAVES if leaf.startswith("torch")])
def test_what_is_made_has_a_known_dtype(leaf: str) -> None:
    made = eval(leaf, {"torch": torch})
    assert followed(f"import torch\nvalue = {leaf}\n").dtype == str(made.dtype).removeprefix("torch.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "float32"), ("torch.set_default_dtype(torch.float64)", "float64"),
     ("set_default_dtype(half)", "float16"), ("torch.set_default_tensor_type(torch.cuda.HalfTensor)", "float16"),
     ("torch.set_default_tensor_type('torch.DoubleTensor')", "float64"), ("torch.set_default_dtype(args.dtype)", None),
     ("torch.set_default_dtype(torch.float16)\ntorch.set_default_dtype(torch.float32)", None)],
)  # fmt: skip
def test_the_default_that_a_file_sets(text: str, expected: str | None) -> None:
    assert default_dtype(text) == expected
