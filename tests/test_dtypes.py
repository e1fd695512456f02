"""The dtypes that the engine follows, against those that torch gives."""

from __future__ import annotations

import warnings
from itertools import product

import pytest
import torch
from op_recipes import resolve

from nanlint.facts.dtypes import dtype_name, result_dtype
from nanlint.facts.value import Value, literal
from nanlint.ops import TABLE

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
