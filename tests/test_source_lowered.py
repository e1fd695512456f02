"""The nodes that are made from `ast`, against those that are made from libcst's of the same rows."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from source_files import File, files

from nanlint.source import Source, SourceError
from nanlint.source import nodes as cst
from nanlint.source.lowered import Lowered
from nanlint.source.newer import Converted
from nanlint.source.nodes import is_alike
from nanlint.source.tree import Tree

ROOT = Path(__file__).parent.parent
CORPUS = sorted(path for folder in ("nanlint/source", "rules", "fixtures") for path in (ROOT / folder).rglob("*.py"))
# their places: without the parentheses in libcst, with them in ast, or with what stands behind them in one of the two
ELSEWHERE = (
    cst.Tuple, cst.GeneratorExp, cst.Arg, cst.CompFor, cst.Else, cst.Finally, cst.Param, cst.Slice, cst.Index,
    cst.BooleanOperation, cst.StarredElement, cst.Element, cst.SimpleString, cst.FormattedString, cst.IndentedBlock,
    cst.Module,
)  # fmt: skip


def parts(node: Any) -> Iterator[tuple[Any, Any]]:
    """What a tree means, in order, each with its node: names, letters and the kinds of nodes."""
    match node:
        case list() | tuple():
            for each in node:
                yield from parts(each)
        case cst.SimpleString():
            yield node.value, None
        case cst.FormattedString():
            yield from parts(node.parts)
        case cst.SimpleStatementLine():
            yield from parts(node.body)
        case cst.IndentedBlock() | cst.Module():
            yield "block", None
            yield from parts(node.body)
            yield "end", None
        case cst.Subscript():
            yield "Subscript", node
            yield from parts(node.value)
            yield from parts([inner for element in node.slice for inner in indices(element.slice)])
        case cst.Asynchronous() | cst.ParamStar() | cst.ImportStar() | cst.Dot():
            yield type(node).__name__, None
        case cst.Match():
            yield "Match", node
            yield from parts([node.subject, [[case.body, case.guard] for case in node.cases]])
        case cst.Node():
            yield type(node).__name__, node
            for name in type(node).fields:
                yield name, None
                yield from parts(getattr(node, name))
        case _:
            yield node, None


def indices(index: Any) -> Iterator[Any]:
    if isinstance(index, cst.Index) and isinstance(index.value, cst.Tuple) and index.value.elements:
        yield from (element.value for element in index.value.elements)
    elif isinstance(index, cst.Index):
        yield index.value
    else:
        yield [index.lower, index.upper, index.step]


def meaning(sequence: list[tuple[Any, Any]]) -> list[Any]:
    """Without the blanks in strings, as a Tree has fewer form feeds, and with letters as Python sees them."""
    return [
        unicodedata.normalize("NFKC", re.sub(r"[ \t\f]", "", what)) if isinstance(what, str) else what
        for what, _ in sequence
    ]


def compare(rows: list[str]) -> None:
    numbers = range(1, len(rows) + 1)
    try:
        lowered = Lowered(rows, numbers)
        read = Tree(rows, numbers)
        tree = Converted(read, read.body)
    except SourceError:
        return
    ours, theirs = list(parts(lowered.body)), list(parts(tree.body))
    assert meaning(ours) == meaning(theirs)
    for (_, mine), (_, other) in zip(ours, theirs, strict=True):
        if mine in lowered and not isinstance(mine, ELSEWHERE) and not is_elif(mine, lowered):
            ours_at, theirs_at = lowered.span(mine), tree.span(other)
            # a block ends before its last semicolon in libcst
            upto = 1 if isinstance(mine, (cst.BaseStatement, cst.ExceptHandler)) else 2
            assert ours_at[:upto] == theirs_at[:upto], type(mine)


def is_elif(node: Any, lowered: Lowered) -> bool:
    return isinstance(node, cst.If) and lowered.code(node).startswith("elif")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: str(path.relative_to(ROOT)))
def test_real_code_has_the_nodes_of_libcst(path: Path) -> None:
    compare(path.read_text(encoding="utf-8").split("\n"))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(files())
def test_any_code_has_the_nodes_of_libcst(file: File) -> None:
    compare(file.normal.split("\n"))


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(files())
def test_a_unit_is_the_same_by_its_rows_alone(file: File) -> None:
    whole, rows = Source(file.data, "m.py"), Source(file.data, "m.py")
    assert rows.index
    rows.forget_trees()
    for one, other in zip(whole.index.definitions, rows.index.definitions, strict=True):
        ours, theirs = list(parts(one.node)), list(parts(other.node))
        assert meaning(ours) == meaning(theirs)
        for (_, mine), (_, same) in zip(ours, theirs, strict=True):
            if isinstance(mine, (cst.Call, cst.BinaryOperation, cst.BaseStatement)):
                assert one.span(mine) == other.span(same)


ODD = """\
async def f(a, /, b: int = 1, *c, d, e=2, **g) -> None:
    async with a as b, c: return
    async for x, *y in z: await x
    else: pass
    [i async for i, j in k if i if not j for l in m]
    return {**a, 'b': 1, "c": {x: y for x in z}}, {1, *b}, lambda *, q=1: (yield)
def g(*, a): yield from a; x = yield; del x, y; del z
@a.b(c)
class A(B, metaclass=C):
    x: int
    y: "Tensor" = 1.5e-8 ; z = 0x1F, 1_000, 2j, ...
try: raise A from b
except (A, B) as e: assert x, 'no'
except C: raise
else: pass
finally: global q
while not (a := b) or c is not d and e not in f != g < h: break
if a: pass
elif b: continue
else:
    if c: pass
x[1:2, ::3, None, ...] @= ~y ** -z // +w % v >> 1 << 2 & 3 | 4 ^ 5
x[(1, 2)] = y[()] = z[a][b, c]
f(*a, b, *c, d=1, *e, **g)
x = 'a' "b" f'{c.d + 1!r:>{w}}' '' if a else b"x"
import a.b.c as d, e
from .. import f as g, h
from .i.j import *
match x:
    case [1, y] if y: pass
    case A(b=c) | None: pass
    case _: pass
"""


def test_every_kind_of_code_has_the_nodes_of_libcst() -> None:
    rows = ODD.split("\n")
    Lowered(rows, range(1, len(rows) + 1))
    compare(rows)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python places them rightly")
def test_what_python_misplaces_in_strings_is_left_to_libcst() -> None:
    rows = ['x = f"""', "{a", " + b} {a}", '"""']
    tree = Lowered(['x = f"{a / b} {a}"'], [1])
    (statement,) = tree.body
    assert isinstance(statement, cst.SimpleStatementLine)
    assert tree.code(statement.body[0].value.parts[0]) == "a / b"  # type: ignore[attr-defined]
    misplaced = Lowered.__new__(Lowered)
    try:
        misplaced.__init__(rows, range(1, 5))  # type: ignore[misc]
    except SourceError:
        return
    (statement,) = misplaced.body
    assert isinstance(statement, cst.SimpleStatementLine)
    for part in statement.body[0].value.parts:  # type: ignore[attr-defined]
        assert misplaced.code(part).replace("\n", "") in ("a + b", "a")


@pytest.mark.parametrize(
    ("one", "two", "alike"),
    [
        ("x", "(x)", True),
        ("x.y( a )", "x . y(a,)", True),
        ("x.y(a)", "x.y(b)", False),
        ("x if a else b", "x if c else b", False),
        ("x[1:]", "x[2:]", False),
        ("x == 1", "x != 1", False),
        ("not x", "x", False),
    ],
)
def test_alike(one: str, two: str, alike: bool) -> None:
    a, b = (Lowered([text], [1]).body[0] for text in (one, two))
    assert is_alike(a, b) == alike
