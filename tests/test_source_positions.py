"""Definitions, syntax trees and positions, against Python's own parser and libcst's own positions."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from libcst.metadata import MetadataWrapper, PositionProvider
from source_files import File, files

from nanlint.finding import Position
from nanlint.source import ClassEntry, Definition, Source
from nanlint.source import nodes as cst
from nanlint.source.positions import record

NEWLINE = re.compile(r"\r\n|\r|\n")
KINDS = ((cst.Call, ast.Call), (cst.BinaryOperation, ast.BinOp))
slow = settings(
    max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)


def units(source: Source) -> list[Definition | ClassEntry]:
    """Every unit once, also the classes whose name is bound again."""
    classes = {d.owner for d in source.index.definitions if d.owner is not None} | set(source.index.classes.values())
    return [*source.index.definitions, *classes]


def nodes(source: Source) -> Iterator[tuple[Definition | ClassEntry, cst.Node]]:
    for unit in units(source):
        pending: list[Any] = [unit.node]
        while pending:
            node = pending.pop()
            if isinstance(node, (list, tuple)):
                pending.extend(node)
            elif isinstance(node, cst.Node):
                yield unit, node
                pending.extend(getattr(node, name) for name in type(node).fields)


def offset(text: str, position: Position) -> int:
    starts = [0, *(newline.end() for newline in NEWLINE.finditer(text))]
    return starts[position.row - 1] + position.column - 1


def ast_span(rows: list[str], node: ast.expr) -> tuple[Position, Position]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    first, last = rows[node.lineno - 1].encode(), rows[node.end_lineno - 1].encode()
    return (
        Position(node.lineno, len(first[: node.col_offset].decode()) + 1),
        Position(node.end_lineno, len(last[: node.end_col_offset].decode()) + 1),
    )


@slow
@given(files())
def test_text_is_what_python_reads(file: File) -> None:
    source = Source(file.data, "m.py")
    assert source.text == file.text
    assert source.has_bom == file.bom
    assert ast.dump(ast.parse(file.data)) == ast.dump(ast.parse(source.text))


@slow
@given(files())
def test_spans_hold_the_code_of_their_nodes(file: File) -> None:
    source = Source(file.data, "m.py")
    for unit, node in nodes(source):
        if isinstance(node, KINDS[0][0] | KINDS[1][0]):
            start, end = source.span(unit, node)
            text = file.text[offset(file.text, start) : offset(file.text, end)]
            assert re.sub(r"\r\n?", "\n", text) == unit.code_of(node)
            data = file.data[source.byte_offset(start) : source.byte_offset(end)]
            assert data.decode(file.encoding) == text


@slow
@given(files())
def test_the_units_share_out_all_expressions_of_the_file_at_the_places_that_python_gives(file: File) -> None:
    source = Source(file.data, "m.py")
    rows = file.normal.split("\n")
    tree = ast.parse(file.normal)
    # a class that is bound again and has no methods is not in the index: its body has no unit
    lost = [c for c in ast.walk(tree) if isinstance(c, ast.ClassDef)]
    for ours, theirs in KINDS:
        found = Counter(source.span(unit, node) for unit, node in nodes(source) if isinstance(node, ours))
        expected = Counter(ast_span(rows, node) for node in ast.walk(tree) if isinstance(node, theirs))
        assert found <= expected
        if len(lost) < 2:
            assert found == expected


@slow
@given(files())
def test_definitions_are_the_functions_outside_functions(file: File) -> None:
    source = Source(file.data, "m.py")
    expected: list[tuple[str, int, int]] = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                rows = file.normal.split("\n")
                first = child.lineno
                for decorator in child.decorator_list[:1]:
                    first = decorator.lineno
                    while "@" not in rows[first - 1].split("#")[0]:
                        first -= 1
                assert child.end_lineno is not None
                expected.append((prefix + child.name, first, child.end_lineno))
            elif not isinstance(child, ast.expr):
                visit(child, f"{prefix}{child.name}." if isinstance(child, ast.ClassDef) else prefix)

    visit(ast.parse(file.normal), "")
    module, *functions = source.index.definitions
    assert module.kind == "module"
    assert [(d.qualname, d.first_row, d.last_row) for d in functions] == expected
    for definition in functions:
        start, end = source.span(definition, definition.node)
        assert definition.first_row <= start.row
        assert end.row == definition.last_row
        assert definition.text in file.text


@slow
@given(files())
def test_an_index_from_libcst_is_the_one_from_ast(file: File) -> None:
    from nanlint.source import newer
    from nanlint.source.index import Index

    source = Source(file.data, "m.py")
    other = Index(source)
    newer.fill(other, source.whole)
    assert list(map(repr, other.definitions)) == list(map(repr, source.index.definitions))
    assert list(map(repr, other.classes.values())) == list(map(repr, source.index.classes.values()))
    assert source.index.imports == other.imports


@slow
@given(files())
def test_recorded_positions_are_those_of_libcst(file: File) -> None:
    module = Source(file.data, "m.py").whole.module
    theirs = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    ours = record(module)
    for node, place in theirs.items():
        if node is not module:
            assert ours[node] == ((place.start.line, place.start.column), (place.end.line, place.end.column))


@slow
@given(files())
def test_suppressions_and_code_never_raise(file: File) -> None:
    source = Source(file.data, "m.py")
    rows = file.normal.split("\n")
    for comment in source.suppressions.comments:
        assert rows[comment.position.row - 1][comment.position.column - 1] == "#"
        assert comment.first_row <= comment.position.row <= comment.last_row
    for unit in units(source):
        assert len(unit.code) <= len(unit.text) + len("pass") * len(unit.children)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 1",
        "def f(): return 1 \\\n\nx = 2",
        "@\\\nd\ndef f(): pass\n",
        "\f\nclass A:\n\f    def f(self):\n\t\f            pass\n",
        "class A: x = 1; y = 2",
        "if x:\n\tdef f(): pass\nelse:\n  class A:\n   @d\n   def f(): pass\n",
    ],
)
def test_odd_files_have_trees(text: str) -> None:
    source = Source(text.encode(), "m.py")
    for unit in units(source):
        if not isinstance(unit.node, cst.Module):
            start, _ = source.span(unit, unit.node)
            assert start.row >= unit.first_row
