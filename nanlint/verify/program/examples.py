"""Calls that the authors of a function wrote down: in docstrings and in the tests of its package."""

from __future__ import annotations

import ast
import doctest
import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from nanlint.verify.place import definition
from nanlint.verify.program.loading import parsed
from nanlint.verify.program.tests import given

MOST_FILES, MOST_BYTES = 400, 1 << 20
_FENCED = re.compile(r"^[ \t]*```(?:python|py)?[ \t]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)
_Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Example:
    """A call at an anchor (`slicing.leading`) of a test's file, or of a docstring's code, `source`, without a path."""

    path: str
    source: str
    anchor: str


def examples(path: str, root: str, tree: ast.Module, qualname: str) -> Iterator[Example]:
    """Those of a function or method, the likeliest first: its own, its class's, those of tests and then of the other
    definitions in its file, which may call it.
    """
    parts = qualname.split(".")
    words = {parts[-1], parts[0]}
    own = [ast.get_docstring(node) for node in _holders(tree, parts)]
    yield from _in_docstrings(own, words)
    for file in itertools.islice(_tests(Path(path), Path(root), parts[0]), MOST_FILES):
        try:
            found = parsed(str(file))
        except (OSError, SyntaxError, ValueError):
            continue
        yield from (Example(str(file), "", anchor) for anchor in _calls(found, words))
    for node in ast.walk(tree):
        if isinstance(node, _Documented) and (doc := ast.get_docstring(node)) and doc not in own:
            yield from _in_docstrings([doc], {node.name})


def _holders(tree: ast.Module, parts: list[str]) -> Iterator[_Documented | ast.Module]:
    node = definition(tree, ".".join(parts))
    if node:
        yield node
    yield from (each for each in ast.walk(tree) if isinstance(each, ast.ClassDef) and each.name in parts[:-1])
    yield tree


def _in_docstrings(docs: list[str | None], words: set[str]) -> Iterator[Example]:
    for doc in filter(None, docs):
        for source in _sources(doc):
            try:
                tree = ast.parse(source)
            except (SyntaxError, ValueError):
                continue
            yield from (Example("", source, anchor) for anchor in _calls(tree, words))


def _sources(doc: str) -> Iterator[str]:
    try:
        lines = [each.source for each in doctest.DocTestParser().get_examples(doc)]
    except ValueError:
        lines = []
    if lines:
        yield "".join(lines)
    yield from (textwrap.dedent(match) for match in _FENCED.findall(doc) if ">>>" not in match)


def _tests(path: Path, root: Path, word: str) -> Iterator[Path]:
    """Files of tests that hold a word, of the package and beside it."""
    package = path.parent if path.parent == root else root / path.relative_to(root).parts[0]
    near = [package.parent, *reversed([each for each in path.parents if each.is_relative_to(package)])]
    seen = set[Path]()
    for folder in (each / name for each in near for name in ("tests", "test")):
        for file in sorted(folder.rglob("*.py")) if folder.is_dir() else ():
            if file in seen or not re.match(r"test_|.*_test$", file.stem):
                continue
            seen.add(file)
            try:
                if file.stat().st_size <= MOST_BYTES and re.search(rf"\b{word}\b", file.read_text("utf-8")):
                    yield file
            except (OSError, ValueError):
                continue


def _calls(tree: ast.Module, words: set[str]) -> Iterator[str]:
    """The anchors of calls of something of these names, of methods and of objects of a class of such a name."""
    for anchor, body in [("", tree.body), *_functions(tree)]:
        made = {
            target.id
            for each in ast.walk(ast.Module(body, [])) if isinstance(each, ast.Assign) and _is_of(each.value, words)
            for target in each.targets if isinstance(target, ast.Name)
        }  # fmt: skip
        for place, call in _within(body, anchor):
            function = call.func
            if _is_of(call, words) or _is_of(function, words) or isinstance(function, ast.Name) and function.id in made:
                yield place


def _is_of(node: ast.expr, words: set[str]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in words


def _functions(tree: ast.Module) -> Iterator[tuple[str, list[ast.stmt]]]:
    """Tests that take nothing but what their file gives them."""
    for index, node in enumerate(tree.body):
        if _is_test(node, None, tree):
            yield f"body[{index}].", node.body
        elif isinstance(node, ast.ClassDef):
            for place, each in enumerate(node.body):
                if _is_test(each, node, tree):
                    yield f"body[{index}].body[{place}].", each.body


def _is_test(node: ast.stmt, owner: ast.ClassDef | None, tree: ast.Module) -> TypeGuard[ast.FunctionDef]:
    if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test"):
        return False
    return given(node, owner, tree) is not None


def _within(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.Call]]:
    """The calls of a body with their anchors, outermost first; not those in functions and comprehensions."""
    hidden = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.comprehension)
    waiting: list[tuple[str, ast.AST]] = [(f"{prefix}body[{i}]", each) for i, each in enumerate(body)]
    while waiting:
        place, node = waiting.pop(0)
        if isinstance(node, hidden):
            continue
        if isinstance(node, ast.Call):
            yield place, node
        below: list[tuple[str, ast.AST]] = []
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.AST):
                below.append((f"{place}.{name}", value))
            elif isinstance(value, list):
                below += [(f"{place}.{name}[{i}]", each) for i, each in enumerate(value) if isinstance(each, ast.AST)]
        waiting = below + waiting
