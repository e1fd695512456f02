"""Reading a file: encodings, imports, classes, suppressions, and the errors of files that are no Python."""

from __future__ import annotations

import codecs
import subprocess
import sys
import warnings

import pytest

from nanlint.finding import Position
from nanlint.source import Source, SourceError, mentions_torch
from nanlint.source import nodes as cst


def source(text: str | bytes) -> Source:
    return Source(text.encode() if isinstance(text, str) else text, "m.py")


def error_of(text: str | bytes) -> SourceError:
    """The error that reading the whole file gives."""

    def read() -> list[cst.Node]:
        return [definition.node for definition in source(text).index.definitions]

    with pytest.raises(SourceError) as caught:
        read()
    return caught.value


def test_importing_and_indexing_imports_no_libcst() -> None:
    program = (
        "import sys; from nanlint.source import Source; s = Source(b'def f(): pass  # noqa', 'm.py'); s.suppressions\n"
        "assert s.index.definitions[1].code; sys.exit('libcst' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_gate() -> None:
    assert mentions_torch(b"from torch import log")
    assert mentions_torch(b"def f(x):\n    return x / x.norm(dim=-1, keepdim=True)\n")
    assert not mentions_torch(b"import numpy\nnumpy.sum(x, keepdims=True)")


@pytest.mark.parametrize(
    ("text", "imports"),
    [
        ("import torch as th", {"th": "torch"}),
        ("import torch.nn.functional", {"torch": "torch"}),
        ("import torch.nn as nn, os.path", {"nn": "torch.nn", "os": "os"}),
        ("from torch import log as ln, exp", {"ln": "torch.log", "exp": "torch.exp"}),
        ("from . import x", {"x": ".x"}),
        ("from ..a import b", {"b": "..a.b"}),
        ("from .a.b import (c as d,)", {"d": ".a.b.c"}),
        (
            "try:\n  import a\nexcept E:\n  import b as a\nelse:\n  import c\nfinally:\n  import d",
            {"a": "b", "c": "c", "d": "d"},
        ),
        ("if x:\n  with y:\n    import a\nelif z:\n  import b", {"a": "a", "b": "b"}),
        ("match x:\n  case 1:\n    import a\nfor x in y:\n  import b\nwhile x: import c", {n: n for n in "abc"}),
        ("def f():\n  import a\nclass A:\n  import b", {}),
    ],
)
def test_imports(text: str, imports: dict[str, str]) -> None:
    from nanlint.source import newer
    from nanlint.source.index import Index

    file = source(text)
    assert file.index.imports == imports
    other = Index(file)
    newer.fill(other, file.whole)
    assert other.imports == imports


def test_star_imports() -> None:
    assert source("from torch import *\nfrom . import *\nfrom .a import *").index.star_imports == ("torch", ".", ".a")


def test_a_name_is_one_import_where_nothing_else_binds_it() -> None:
    tried = "try:\n    from y import c\nexcept E:\n    d = 1\n"
    text = f"import a\nimport a.b\nfrom x import c, d, e, f\n{tried}def e(): ...\n"
    index = source(text).index
    assert [name for name in "abcdefg" if index.is_one_import(name)] == ["a", "f"]


CLASSES = """\
@d
class A(nn.Module, Generic[T], metaclass=M):
    '''A docstring.'''
    eps = 1e-8

    @staticmethod
    def f():
        '''Of log.'''
        # log
        return '''
# kept or not, it is no code
'''

    class Inner(A):
        def g(self): pass

if x:
    def h():
        def nested(): pass
        class Local: pass
        return nested
"""


def test_classes_and_functions() -> None:
    index = source(CLASSES).index
    assert [d.qualname for d in index.definitions] == ["<module>", "A.f", "A.Inner.g", "h"]
    assert list(index.functions) == ["h"]
    assert list(index.classes) == ["A", "A.Inner"]
    outer, inner = index.classes.values()
    assert outer.bases == ("nn.Module", "Generic[T]")
    assert (outer.first_row, outer.last_row) == (1, 15)
    assert inner.owner is outer
    assert inner.methods["g"].owner is inner
    body = outer.node.body.body
    assert [type(s.body[0]) for s in body if isinstance(s, cst.SimpleStatementLine)] == [
        cst.Pass,
        cst.Assign,
        cst.Pass,
        cst.Pass,
    ]
    assert outer.node.decorators


def test_code_is_without_docstrings_and_comments() -> None:
    index = source(CLASSES).index
    assert "log" not in index.classes["A"].methods["f"].code
    assert "return" in index.classes["A"].methods["f"].code
    assert index.module.code.split() == ["pass", "if", "x:", "pass"]
    assert source("def f(): 'doc'; return log(x)").index.functions["f"].code == "def f(): ''; return log(x)"
    assert source("'''log'''\nx = 1").index.module.code == "pass\nx = 1"
    told = source("def f(x):\n    t = '''log\n# \\''' a'''\n    return \"/ #\" + x  # / y\n").index.functions["f"].code
    assert told == "def f(x):\n    t = ''\n    return '' + x  "
    assert source('x = float("-inf")').index.module.code == 'x = float("-inf")'
    assert source('x == float("NaN")').index.module.code == 'x == float("NaN")'


def test_the_module_keeps_its_own_statements_in_their_rows() -> None:
    file = source("x = 1\n@d\ndef f():\n    return 2\nclass A:\n    y = 3\nz = 4\n")
    module = file.index.module
    assert isinstance(module.node, cst.Module)
    last = module.node.body[-1]
    assert file.span(module, last) == (Position(7, 1), Position(7, 6))
    assert len(module.node.body) == 4


def test_a_node_of_another_tree_has_no_span() -> None:
    file = source("x = 1\n")
    with pytest.raises(KeyError):
        file.span(file.index.module, cst.Name("x"))


@pytest.mark.parametrize("data", [b"", b"\n", b"# only a comment", codecs.BOM_UTF8])
def test_empty_files(data: bytes) -> None:
    file = source(data)
    assert [d.kind for d in file.index.definitions] == ["module"]
    assert file.index.module.node is not None
    assert file.byte_offset(Position(1, 1)) == len(codecs.BOM_UTF8) * file.has_bom


@pytest.mark.parametrize(
    ("data", "position", "message"),
    [
        (b"x = 1\n\xff", (2, 1), "utf-8"),
        ("é = 1\r'é".encode() + b"\xff'", (2, 3), "utf-8"),
        (b"# coding: nothing\n", (1, 1), "unknown encoding"),
        (b"# coding: rot13\n", (1, 1), "rot13"),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", (1, 1), "utf-8"),
        (b"# coding: ascii\n\xe9", (2, 1), "ascii"),
        (b"x = 1\n'a\0'\n", (2, 3), "null byte"),
        (b"x = 1\nx = = 2", (2, 5), "invalid syntax"),
        (b"def f(:\n    pass\n", (1, 7), "invalid syntax"),
        (b"if x:\npass", (2, 1), "expected an indented block"),
        (b"'''", (1, 1), "unterminated triple-quoted string"),
    ],
)
def test_errors_say_where(data: bytes, position: tuple[int, int], message: str) -> None:
    error = error_of(data)
    assert message in error.message
    assert error.position == position


def test_an_encoding_declared_in_rows_that_end_in_a_carriage_return() -> None:
    assert source(b"#!python\r# coding: latin-1\rx = '\xe9'\r").text.endswith("'é'\r")
    with pytest.raises(SourceError):
        source(b"x\ry\r# coding: latin-1\r\xe9")


def test_characters_of_several_spellings_and_states() -> None:
    # cp932 has two byte sequences for this character, iso2022_jp escape sequences between its states
    file = source(b"# coding: cp932\nx = '\xfa\x54'; y\n")
    assert file.data[file.byte_offset(Position(2, 10)) :] == b"y\n"
    file = source("# coding: iso2022_jp\nx = '名表'; y = 'ア'; z\n".encode("iso2022_jp"))
    assert file.data[file.byte_offset(Position(2, 20)) :] == b"z\n"


def test_warnings_of_the_code_stay_inside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert source("x = '\\d' is 1\n").index.definitions


DEEP = {
    "sum": "x = " + "1+" * 10_000 + "1",
    "and": "x = " + "a and " * 10_000 + "1",
    "brackets": "x = " + "(" * 10_000 + ")" * 10_000,
    "calls in rows": "x = f(\n" + "f(\n" * 10_000 + ")" * 10_001,
    "attributes": "x = a" + ".b" * 10_000,
    "strings": "x = " + "'a' " * 10_000,
    "comprehension": "x = [a " + "for a in b " * 10_000 + "]",
    "lambdas": "x = " + "lambda: " * 10_000 + "1",
    "nots": "x = " + "not " * 10_000 + "1",
    "elifs": "if a: pass\n" + "elif a: pass\n" * 10_000,
    "after many commas": "f(" + "a.b, " * 3_000 + ")\nx = " + "a and " * 10_000 + "1",
    "newer syntax": "x = = " + "a and " * 10_000 + "1",
}


# Python's parser makes flat nodes of these
FLAT = ("and", "strings", "comprehension", "after many commas")


@pytest.mark.parametrize("name", DEEP)
def test_deep_nesting_is_one_error_and_no_crash(name: str) -> None:
    text = DEEP[name]
    indented = "class A:\n    def f(self):\n" + "".join(f"        {row}\n" for row in text.split("\n"))
    for code in (text, indented):
        if name in FLAT:
            assert all(definition.node for definition in source(code).index.definitions)
        else:
            assert error_of(code).message
        with pytest.raises(SourceError):
            assert source(code).whole


def test_long_but_shallow_code_is_read() -> None:
    table = "x = [" + "-1.5, 'a' + b.c,\n" * 3_000 + "]\n"
    rows = "x = f(1) + (2)\n" * 3_000
    assert source(table + rows).index.module.node


@pytest.mark.parametrize(
    ("comment", "covered"),
    [
        ("# noqa", {"NAN101", "NAN202"}),
        ("#NOQA", {"NAN101", "NAN202"}),
        ("# noqa: NAN101", {"NAN101"}),
        ("# NoQA:nan101,E501", {"NAN101"}),
        ("# noqa: E501 NAN202", {"NAN202"}),
        ("# noqa:NAN1", {"NAN101"}),
        ("# noqa: NAN", {"NAN101", "NAN202"}),
        ("# noqa: E501", set()),
        ("# type: ignore # noqa: NAN101", {"NAN101"}),
        ("# noqa: NAN101 because it is positive", {"NAN101"}),
        ("# noqalog", set()),
        ("# nanlint: ignore", {"NAN101", "NAN202"}),
        ("#nanlint:ignore[NAN1]", {"NAN101"}),
        ("# nanlint: ignore[E501, log-of-nonpositive]", {"NAN101"}),
        ("# nanlint: ignore[NAN101] # noqa: NAN202", {"NAN101", "NAN202"}),
        ("# nanlint: ignore-me", set()),
        ("; x = '# noqa'", set()),
        ("; x = '''\n# noqa\n'''", set()),
        ("; x = r'\\'# noqa'", set()),
        ("; x = (\n1)  # noqa", {"NAN101", "NAN202"}),
        ("; x = '''\n'''  # noqa", {"NAN101", "NAN202"}),
        ("; x = \\\n1  # noqa", {"NAN101", "NAN202"}),
        ("\nx = 1  # noqa", set()),
    ],
)
def test_suppressions(comment: str, covered: set[str]) -> None:
    suppressions = source(f"'é'\ny = log(x)  {comment}\nz = 2\n").suppressions
    names = {"NAN101": "log-of-nonpositive", "NAN202": "division-by-zero"}
    assert {code for code, name in names.items() if suppressions.covers(code, name, 2)} == covered
    assert not any(suppressions.covers(code, name, 1) for code, name in names.items())


def test_suppressions_know_their_places() -> None:
    (first, second) = source("x = 'é'  # a # noqa: NAN1\r\ry = (1,\r # nanlint: ignore[a-b]\r)").suppressions.comments
    assert (first.kind, first.position, first.items) == ("noqa", Position(1, 14), ("NAN1",))
    assert (second.kind, second.position, second.items) == ("nanlint", Position(4, 2), ("a-b",))
    assert (second.first_row, second.last_row) == (3, 5)


@pytest.mark.parametrize("text", ["'''# noqa", "((( # noqa", "))) # noqa", "'\\", "x = '# noqa\n\0", "\\\n\\"])
def test_suppressions_of_broken_text(text: str) -> None:
    from nanlint.source import Suppressions

    assert len(Suppressions(text).comments) <= 1


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads the syntax itself")
def test_syntax_newer_than_the_running_python() -> None:
    file = source("import torch\ntype X = int\n\nclass A[T](B):\n    @d\n    async def f[U](self):\n        return 1\n")
    module, method = file.index.definitions
    assert file.index.imports == {"torch": "torch"}
    assert (method.qualname, method.first_row, method.last_row) == ("A.f", 5, 7)
    assert file.index.classes["A"].bases == ("B",)
    assert file.span(method, method.node)[0] == Position(6, 5)
    assert isinstance(module.node, cst.Module)
