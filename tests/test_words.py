"""What is read from code by its words: annotations, signatures, growth, powers and divisors at the edges of each."""

from __future__ import annotations

import pytest

from nanlint.arithmetic import divides_by_more_than_numbers, grows, raises_more_than_numbers
from nanlint.facts.fixed import reads
from nanlint.facts.interpreter import new_session, run_module
from nanlint.facts.parameters import gives_no_tensor, is_setting, parameter_value
from nanlint.facts.value import Value
from nanlint.source import Definition, Source
from nanlint.source.lex import without_prose


def defined(annotation: str) -> tuple[Definition, Value]:
    """A function with a parameter of that annotation, and what is known of the parameter."""
    session = new_session(Source(f"def f(x: {annotation}):\n    pass\n".encode(), "one.py"), frozenset())
    run_module(session)
    assert session.module is not None
    definition = next(each for each in session.source.index.definitions if each.name == "f")
    return definition, parameter_value(session.module, definition.node.params.params[0], definition)


@pytest.mark.parametrize(
    ("annotation", "kind", "dtype"),
    [
        ("Tensor", "tensor", None),
        ("'torch.Tensor'", "tensor", None),
        ("Optional[torch.Tensor]", "tensor", None),
        ("SparseTensor | None", "tensor", None),
        ("torch.LongTensor", "tensor", "int64"),
        ("torch.BoolTensor", "tensor", "bool"),
        ("Int64[Tensor, 'n']", "tensor", "int64"),
        ("jaxtyping.Complex[Tensor, 'n']", "tensor", "complex64"),
        ("Bool[Tensor, 'n']", "tensor", "bool"),
        ("Float[Tensor, 'n']", "tensor", None),
        ("Annotated[Tensor, Int]", "tensor", None),
        ("_Tensor", "unknown", None),
        ("Tensor2", "instance", None),
        ("TensorDict", "instance", None),
        ("np.ndarray", "tensor", None),
        ("float", "number", None),
        ("Optional[int]", "number", None),
        ("Union[float, Tensor]", "unknown", None),
        ("Literal['sum', 'mean']", "string", None),
        ("os.PathLike", "string", None),
        ("nn.Module", "module", None),
        ("my.nn.Module", "unknown", None),
        ("Callable[[Tensor], Tensor]", "unknown", None),
        ("List[Tensor]", "tuple", None),
        ("Optional[typing.List[int]]", "tuple", None),
        ("t.Tuple", "tuple", None),
        ("Listing[Tensor]", "tensor", None),
        ("Dict[str, int]", "dict", None),
        ("Mapping[str, Tensor]", "unknown", None),
        ("Dictionary", "instance", None),
        ("config.Config", "instance", None),
        ("config.settings", "unknown", None),
        ("Any", "unknown", None),
        ("T", "unknown", None),
    ],
)
def test_annotations(annotation: str, kind: str, dtype: str | None) -> None:
    _, value = defined(annotation)
    assert (value.kind, value.dtype) == (kind, dtype)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("Union[float, Tensor]", True),
        ("Tensor | int", True),
        ("Tensor", False),
        ("float", False),
        ("_int | Tensor", False),
    ],
)
def test_what_may_be_a_number_or_a_tensor_is_a_setting(annotation: str, expected: bool) -> None:
    definition, _ = defined(annotation)
    assert is_setting(definition.node.params.params[0].annotation, definition) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(x) -> None:", True),
        ("def f(x)->'bool' :", True),
        ("def f(\n    x,\n) -> nn.Module:", True),
        ("def f(x) -> Callable[[int], int]:", True),
        ("def f(x) -> Callable:", True),
        ("def f(x) -> Callables:", False),
        ("def f(x) -> Optional[int]:", False),
        ("def f(x) -> Tensor:\n    def g(y) -> str:", True),
        ("def f(x) -> Tensor:", False),
        ("def f(x) -> int", False),
        ("def f(x):  # x -> None:", False),
    ],
)
def test_signatures_that_give_no_tensor(code: str, expected: bool) -> None:
    assert gives_no_tensor(code) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("load", True),
        ("read_csv", True),
        ("loads_all", False),
        ("reload", False),
        ("read_", False),
        ("read_a_b", False),
    ],
)
def test_functions_that_read_files(name: str, expected: bool) -> None:
    assert reads(name) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("x *= x", True),
        ("self.x **= 2", True),
        ("x = y + x * x", True),
        ("x = (x\n    ** 3)", True),
        ("if a: x = x @ x", True),
        ("x = x.square()", True),
        ("x = torch.matmul(x, y)", True),
        ("x = y.mul_(y)", True),
        ("x = f(*x)", False),
        ("x = dict(x, **x)", False),
        ("x = y * z", False),
        ("x = y.square()", False),
        ("xs = x.square()", False),
    ],
)
def test_growth(rows: str, expected: bool) -> None:
    assert grows(f"for _ in range(9):\n    {rows}\n") == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x ** 3", True),
        ("x**0.5", True),
        ("x ** 2.0", True),
        ("f(x) ** -1", True),
        ("x[0] ** y", True),
        ("x **= 2", True),
        ("x ** 2", False),
        ("x**10 + 1", False),
        ("2 ** x", False),
        ("f(**options)", False),
        ("f(x, **options)", False),
        ("def f(x: int):\n    return x ** 3", False),
        ("n = len(x)\nn ** 3", False),
    ],
)
def test_powers(code: str, expected: bool) -> None:
    assert raises_more_than_numbers(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x / y", True),
        ("x / y.tau", True),
        ("x / (y - z)", True),
        ("x / f(y)", True),
        ("x / -y.size(0)", True),
        ("x /= y", True),
        ("x / y.clamp(min=0.5)", True),
        ("x / y.clamp(min=1.5)", False),
        ("x / y.clamp_min_(2)", False),
        ("x / 2", False),
        ("x // y", False),
        ("x / (2 * math.pi)", False),
        ("x / math.sqrt(d)", False),
        ("x / y.shape[0]", False),
        ("x / y.ndim", False),
        ("x / len(y)", False),
        ("n, m = y.shape\nx / (n * m)", False),
        ("n = k // 2\nx / n", False),
        ("def f(n: Optional[int]):\n    x / n", False),
    ],
)
def test_divisions(code: str, expected: bool) -> None:
    assert divides_by_more_than_numbers(code) == expected


@pytest.mark.parametrize(
    ("code", "bare"),
    [
        ("float('inf')", "float('inf')"),
        ('float("-NaN")', 'float("-NaN")'),
        ("f('infinite')", "f('')"),
        ("f('--inf')", "f('')"),
        ("f('''inf''')", "f('')"),
        ("f'{log(x)} {y}'", "f'' log(x)"),
        ("rF'{log(x)}'", "rF'' log(x)"),
        ("b'{log(x)}'", "b''"),
        ("elf'{log(x)}'", "elf''"),
        ("f''  # note", "f''  "),
    ],
)
def test_what_is_left_of_strings(code: str, bare: str) -> None:
    assert without_prose(code) == bare
