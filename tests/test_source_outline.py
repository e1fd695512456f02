"""What a file holds is the same whether its functions are read or not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from source_files import File, files

from nanlint.source import ClassEntry, Definition, Index, Source, SourceError
from nanlint.source.nodes import is_alike
from nanlint.source.outline import outline

ROOT = Path(__file__).parent.parent
CORPUS = sorted(path for folder in ("nanlint/source", "nanlint/facts") for path in (ROOT / folder).rglob("*.py"))


def outlined(text: str | bytes) -> Source:
    source = Source(text.encode() if isinstance(text, str) else text, "m.py")
    assert source.outline()
    return source


def unit(of: Definition | ClassEntry) -> list[object]:
    owner = of.owner and of.owner.qualname
    return [type(of), of.name, of.qualname, of.first_row, of.last_row, owner, of.children, of.docstring]


def content(index: Index) -> list[object]:
    return [
        index.imports, index.imported_anew, index.stars, index.bound,
        [[*unit(each), each.kind, each.decorators] for each in index.definitions],
        {name: unit(each) for name, each in index.functions.items()},
        [[*unit(each), each.bases, {n: unit(m) for n, m in each.methods.items()}] for each in index.classes.values()],
    ]  # fmt: skip


def assert_same(found: Source) -> None:
    """Index and trees of the outlined file are those of the file."""
    full = Source(found.data, found.path)
    assert content(found.index) == content(full.index)
    units = zip(
        (*found.index.definitions, *found.index.classes.values()),
        (*full.index.definitions, *full.index.classes.values()),
        strict=True,
    )
    for mine, theirs in units:
        assert mine.is_readable == theirs.is_readable
        if mine.is_readable:
            assert is_alike(mine.node, theirs.node), mine
        if mine.is_readable and mine.qualname != "<module>":
            assert mine.span(mine.node)[0] == theirs.span(theirs.node)[0], mine


def unread(source: Source) -> set[int]:
    """The rows of `def` of the functions whose bodies are not read."""
    found = outline("\n".join(source.lines), source.lines)
    return set(found[1]) if found is not None else set()


def test_this_project_in_which_nearly_all_functions_are_left_unread() -> None:
    read = 0
    for path in CORPUS:
        source = outlined(path.read_bytes())
        long = [d for d in source.index.definitions if d.kind == "function" and d.last_row > d.first_row]
        read += len(long) - len(unread(source))
        assert_same(source)
    assert read < 10


@given(files())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_files_of_building_blocks(file: File) -> None:
    # a form feed, of which the blocks are full, is enough for a file to be read in full
    text = re.sub(r"(?<![^\n]) *\f *|\f", "", file.normal)
    source = Source(text.encode(file.encoding), "m.py")
    try:
        assert source.index
    except SourceError:
        assume(False)
    del source.index
    assume(source.outline())
    assert_same(source)


@pytest.mark.parametrize(
    "text",
    [
        "def f(a, b=(1, 2), *c: int, d='):') -> Dict[str, int]:\n    return 1\n",
        "async def f(\n    a,  # ):\n    b,\n):  # c\n    # d\n\n    return 1\n\n\n# e\nx = 1\n",
        '@a.b(c, "d")\n@(\n  e\n)\ndef f():\n\tx = 1\n\n\treturn x\n',
        'def f():\n    """Doc\n\nmore\n  """\n\n    def g():\n        nonlocal x\n        return 1\n\n    return g\n',
        'def f():\n    r"doc"\n    # end\n',
        'def f():\n    x = """\n# no\ndef g():\n  """\n\n    # end "\n\n\nx = 1\n',
        "def f(x):\n    assert x, \\\n'y'\n    return x + \\\n  1\n",
        "def f(x):\n    raise E(f\"{x['a']} {x!r:>{w}} {{}} {', #'.join(y)}\" 'b')\n",
        "if x:\n    def f():\n        return (y := 1)\nelse:\n    def f():\n        global q\n        yield\n",
        "class A(B, m=f('a')):\n    'doc'\n    def f(self):\n        pass\n    x: int\n    def g():\n        x\n",
        "def f(x):\n    match x:\n        case [1]:\n            return 1\nfrom a import *",
        "def f():\r\n    '''doc\r\n    '''\r\n    return 1\r\n# end\r\ndef g():\r    return 2",
        "try:\n    def f():\n        return 1\nfinally:\n    def g():\n        pass\n    from .a import b\n",
    ],
)  # fmt: skip
def test_functions_are_left_unread(text: str) -> None:
    source = outlined(text)
    assert len(unread(source)) == len(source.index.definitions) - 1
    assert_same(source)


@pytest.mark.parametrize(
    "text",
    [
        "def f(): return 1\n",
        "def f(): ...  # c\n",
        'def f():\n    "a" "b"\n    return 1\n',
        'def f():\n    "a" \\\n  "b"\n    return 1\n',
        'def f():\n    "a"; x = 1\n',
        'def f():\n    "a"  # c\n    return 1\n',
        'def f():\n    (\n"a"\n)\n    return 1\n',
        'def f():\n    f"a"\n    return 1\n',
        "def f():\n    return 1 \\\n\n\nx = 1\n",
        "def f():\n    return 1 \\\n  ;\n",
        "def f():\n    return 1 \\\n  # c\n",
        "def f() -> x[1:\n   2]:\n    return 1\n",
        "def f(x=((()))):\n    return 1\n",
        "def f():\n    \\\n  x = 1\n    return x\n",
        "if x:\n\tdef f():\n\t if y:\n          return 2\n\t return 1\n",
        "def f():\n    x = 1\n    return x;\n",
        "async \\\n def f():\n    return 1\n",
    ],
)
def test_functions_that_are_read_all_the_same(text: str) -> None:
    source = outlined(text)
    assert unread(source) == set()
    assert_same(source)


def test_a_function_that_is_read_may_have_one_in_it_that_is_not() -> None:
    source = outlined("def f(x=((()))):\n    def g(y):\n        return y\n    return g\n")
    assert unread(source) == {2}
    assert_same(source)


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    return (\n1)\n",
        "def f():\n    x = [\n1,\n    ]\n    return x\n",
        "def f():\n    return 1\n\f\ndef g():\n    return 2\n",
        'def f():\n    return f\'{x["a"]["}"]}\'\n',
        'def f():\n    return f"{x!r:\'>4}"\n',
    ],
)
def test_an_outline_that_is_not_sure_is_none(text: str) -> None:
    source = Source(text.encode(), "m.py")
    assert not source.outline()
    assert source.index


@pytest.mark.parametrize(
    "text",
    [
        'def f():\n    return f"{x["a"]}"\n',
        "def f():\n    return f'{\n  x}'\n",
        'def f():\n    return f"{x + """a\n""" + y["b"]}"\n',
        'def f():\n    return f"{ {{1: 2}, "#"}}"\n',
        "def f():\n    return 'a\n",
        'def f():\n    """a\n',
        "def f(:\n    return 1\n",
        "def f()\n    return 1\n",
        "x = 1 +\ndef f():\n    return 1\n",
    ],
)
def test_neither_newer_strings_nor_what_is_no_python_has_an_outline(text: str) -> None:
    assert not Source(text.encode(), "m.py").outline()


def test_what_is_wrong_in_a_function_is_found_when_it_is_asked_for() -> None:
    source = outlined(
        "def f(x):\n    return x +\n\n\ndef g(x):\n    return x\n\n\nclass A:\n    def h(self):\n        1 = 2\n"
    )
    assert [d.qualname for d in source.index.definitions if not d.is_readable] == ["f", "A.h"]
    assert source.index.classes["A"].is_readable
    with pytest.raises(SourceError):
        assert source.index.functions["f"].node
    with pytest.raises(SourceError):
        assert Source(source.data, "m.py").index
