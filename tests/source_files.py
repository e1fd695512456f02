"""Python files out of building blocks, in every encoding, newline and indentation that Python reads."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from hypothesis import strategies as st

# letters that stand in names, comments and strings; the cookie of each encoding where it needs one
LETTERS = {
    "utf-8": "é名𝑥ß",
    "utf-8 with BOM": "é名𝑥ß",
    "latin-1": "éßñ",
    "cp1251": "жщя",
    "shift_jis": "名表ア",
    "euc_jp": "名表ア",
    "ascii": "q",
}
NEWLINES = ("\n", "\r\n", "\r")


@dataclass(frozen=True)
class File:
    """`data` is `text` in `encoding`, with a byte order mark where `bom` is set."""

    data: bytes
    text: str
    encoding: str
    bom: bool

    @property
    def normal(self) -> str:
        return re.sub(r"\r\n?", "\n", self.text)


def _expressions(letters: str) -> st.SearchStrategy[str]:
    names = st.sampled_from(["x", "torch", "self", *(f"a{letter}" for letter in letters)])
    strings = st.sampled_from(
        [
            f'"{letters}"',
            f"'''{letters}\n \f# noqa\n'''",
            f'r"{letters}\\""',
            f"'x' '{letters}' \"\"",
            f'"{letters}\\\n\f"',
        ]
    )
    blanks = st.sampled_from(["", " ", "\t", " \f "])
    breaks = st.sampled_from(["", "\n", "\n\n   ", f"  # {letters} ( '\n\t", "\n\f  ", "\\\n "])

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operators = st.sampled_from(["+", "-", "*", "/", "**", "@", "//", "%", "|"])
        return st.one_of(
            st.tuples(inner, blanks, operators, blanks, inner).map("".join),
            st.tuples(inner, st.just(" \\\n "), operators, blanks, inner).map("".join),
            st.tuples(st.just("("), breaks, inner, breaks, operators, breaks, inner, st.just(")")).map("".join),
            st.tuples(st.just("(("), blanks, inner, breaks, st.just("))")).map("".join),
            st.tuples(names, blanks, st.just("("), breaks, inner, st.just(", k="), inner, breaks, st.just(")")).map(
                "".join
            ),
            st.tuples(st.just("("), inner, st.just(")"), blanks, st.just(".real"), st.just("()["))
            .map("".join)
            .flatmap(lambda head: inner.map(lambda index: f"{head}{index}]")),
            st.tuples(st.just("-"), blanks, inner).map("".join),
            inner.map(lambda e: f"(lambda y: {e} if y else not {e})"),
            inner.map(lambda e: f"[{e} for y in (y for y in {e})]"),
        )

    return st.recursive(st.one_of(names, st.just("2.5"), strings), larger, max_leaves=6)


class _Writer:
    """Writes statements with their full indentation; newlines are LF until the end."""

    def __init__(self, draw: st.DrawFn, letters: str) -> None:
        self.draw = draw
        self.letters = letters
        self.expressions = _expressions(letters)
        self.rows: list[str] = []

    def expression(self) -> str:
        return self.draw(self.expressions)

    def choose(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def row(self, indent: str, text: str) -> None:
        feed = self.choose("", "", "", "\f", "  \f")
        tail = self.choose("", "", " ", ";", "  # " + self.letters) if text and not text.endswith((":", "\\")) else ""
        self.rows.append(feed + indent + text + (tail if not text.startswith(("@", "#")) else ""))

    def suite(self, indent: str, head: str, depth: int, where: str) -> None:
        if self.choose("block", "block", "block", "row") == "row":
            self.rows.append(f"{indent}{head} {self.expression()}; x = {self.expression()}")
            return
        self.rows.append(indent + head + self.choose("", "  # " + self.letters))
        deeper = indent + self.choose("    ", "\t", " ", "  ")
        if self.choose("", "doc"):
            self.row(deeper, f"'''{self.letters}\n{indent}  more'''")
        self.statements(deeper, depth, where)
        self.row(deeper, "pass")

    def statements(self, indent: str, depth: int, where: str) -> None:
        for _ in range(self.draw(st.integers(0, 3))):
            self.statement(indent, depth, where)

    def statement(self, indent: str, depth: int, where: str) -> None:
        simple = ["expression", "assign", "semicolons", "comment", "blank", "import"]
        compound = ["if", "for", "with", "try", "function", "function", "class"] if depth else []
        kind = self.choose(*simple, *compound)
        if kind == "expression":
            self.row(indent, self.expression())
        elif kind == "assign":
            self.row(indent, f"a{self.letters[0]} = {self.expression()}")
        elif kind == "semicolons":
            self.row(indent, f"x = {self.expression()};{self.expression()} ; y = '{self.letters}'")
        elif kind == "comment":
            self.rows.append(self.choose(indent, "", " ") + "# noqa def f(): " + self.letters)
        elif kind == "blank":
            self.rows.append(self.choose("", "\f", "  ", "\t"))
        elif kind == "import":
            self.row(indent, "import torch.nn as nn")
        elif kind == "if":
            self.suite(indent, f"if {self.expression()}:", depth - 1, where)
            if self.choose("", "else"):
                self.suite(indent, "else:", depth - 1, where)
        elif kind == "for":
            self.suite(indent, f"for x in {self.expression()}:", depth - 1, where)
        elif kind == "with":
            self.suite(indent, f"with {self.expression()} as x:", depth - 1, where)
        elif kind == "try":
            self.suite(indent, "try:", depth - 1, where)
            self.suite(indent, "except x:", depth - 1, where)
        else:
            for _ in range(self.draw(st.integers(0, 2))):
                self.row(indent, "@" + self.choose("x", f"x({self.expression()})", f"(\n {self.expression()}\n)"))
            if kind == "class":
                self.suite(indent, f"class A(nn.Module, x({self.expression()})):", depth - 1, "class")
            else:
                head = self.choose("def", "async def", "async  \\\n def")
                self.suite(
                    indent, f"{head} f(self, a: x({self.expression()})={self.expression()}):", depth - 1, "function"
                )


@st.composite
def files(draw: st.DrawFn) -> File:
    name = draw(st.sampled_from(list(LETTERS)))
    bom = name.endswith("BOM")
    encoding = name.split()[0]
    writer = _Writer(draw, LETTERS[name])
    if encoding != "utf-8":
        writer.rows = [*draw(st.sampled_from([[], ["#!/usr/bin/python"]])), f"# -*- coding: {encoding} -*-"]
    for _ in range(draw(st.integers(1, 4))):
        writer.statement("", 3, "module")
    text = "\n".join(writer.rows) + draw(st.sampled_from(["", "\n", "\n\n", "\n  "]))
    count = text.count("\n")
    style = draw(st.sampled_from([*NEWLINES, "mixed"]))
    newlines = iter(
        draw(st.lists(st.sampled_from(NEWLINES), min_size=count, max_size=count))
        if style == "mixed"
        else [style] * count
    )
    text = re.sub("\n", lambda _: next(newlines), text)
    data = text.encode(encoding)
    return File(codecs.BOM_UTF8 + data if bom else data, text, encoding, bom)
