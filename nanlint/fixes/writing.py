"""The text of a replacement: a template, with expressions of the file in the place of its names."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from nanlint.finding import Edit
from nanlint.fixes.code import Code
from nanlint.fixes.imports import named
from nanlint.fixes.matching import is_optional
from nanlint.source.lex import TOKEN

ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.List, ast.Dict, ast.Set, ast.ListComp, ast.JoinedStr)
# an expression of any kind may stand there as it is
OPEN = (
    ast.Return, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.keyword, ast.List, ast.Tuple, ast.Dict,
    ast.Assert, ast.For,
)  # fmt: skip
PREFIXES = {"F": "torch.nn.functional", "torch": "torch", "math": "math"}
"""The modules that a template may name, by the names that it gives them."""


BUILTINS = frozenset({"max"})
"""What a template may call as it is."""


CHANGING = frozenset({"clamp", "clamp_min", "masked_fill"})
"""Methods of which another one, whose name ends in `_`, changes the tensor itself."""


class Unwritable(Exception):
    """What stops a replacement from being written; the message says it."""


def replacement(
    code: Code, template: ast.expr, texts: Mapping[str, str], target: ast.expr
) -> tuple[str, tuple[Edit, ...]]:
    """What to write in the place of the target, and the imports that it takes.

    `texts` are expressions that may stand there, by their names in the template. Raises Unwritable.
    """
    writer = _Writer(code, texts, target)
    text = writer.write(template)
    if not isinstance(template, ATOMS) and not _stands_alone(code, target):
        text = f"({text})"
    return text, tuple(writer.imports)


def _stands_alone(code: Code, target: ast.expr) -> bool:
    """An expression of any kind may take the place of the target without parentheses of its own."""
    parent = code.parent(target)
    if isinstance(parent, ast.Call):
        return target is not parent.func
    if isinstance(parent, OPEN):
        return True
    start, end = code.range(target)
    text = code.source.text
    before, after = text[:start].rstrip(" \t"), text[end:].lstrip(" \t")
    return before.endswith("(") and after.startswith(")") and not isinstance(parent, ast.Subscript)


def is_atom(node: ast.expr) -> bool:
    """It binds more tightly than any operator, and an attribute of it can be asked for."""
    return isinstance(node, ATOMS) or (isinstance(node, ast.Constant) and not isinstance(node.value, (int, float)))


class _Writer:
    def __init__(self, code: Code, texts: Mapping[str, str], target: ast.expr) -> None:
        self.code = code
        self.texts = texts
        self.target = target
        self.imports: list[Edit] = []

    def write(self, node: ast.expr) -> str:
        match node:
            case ast.Constant():
                return repr(node.value)
            case ast.Name(id=name):
                return self._argument(name)
            case ast.Attribute():
                dotted = _dotted(node)
                head = dotted.partition(".")[0] if dotted else ""
                if dotted and head in PREFIXES and head not in self.texts:
                    return self._named(PREFIXES[head] + dotted[len(head) :])
                return f"{self._tight(node.value)}.{node.attr}"
            case ast.Call():
                parts = [self.write(argument) for argument in node.args]
                parts += [f"{k.arg}={self.write(k.value)}" for k in node.keywords if not self._is_left_out(k.value)]
                return f"{self._tight(node.func)}({', '.join(parts)})"
            case ast.Subscript():
                return f"{self._tight(node.value)}[{self.write(node.slice)}]"
            case ast.UnaryOp():
                sign = {ast.USub: "-", ast.Invert: "~"}[type(node.op)]
                return f"{sign}{self._tight(node.operand, loose=(ast.Mult, ast.Div, ast.Pow) if sign == '-' else ())}"
            case ast.BinOp():
                return self._binary(node)
            case ast.Compare():
                sign = {ast.Gt: ">", ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<"}[type(node.ops[0])]
                return f"{self._tight(node.left)} {sign} {self._tight(node.comparators[0], negative=True)}"
        raise ValueError(f"a template cannot hold {ast.unparse(node)}")

    def _is_left_out(self, node: ast.expr) -> bool:
        return is_optional(node) and isinstance(node, ast.Name) and node.id not in self.texts

    def _binary(self, node: ast.BinOp) -> str:
        sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@"}[type(node.op)]
        products = (ast.Mult, ast.Div, ast.Pow, ast.MatMult)
        if isinstance(node.op, (ast.Add, ast.Sub)):
            left = self._tight(node.left, loose=(ast.Add, ast.Sub, *products), negative=True)
            right = self._tight(node.right, loose=products)
        elif isinstance(node.op, ast.Pow):
            left, right = self._tight(node.left), self._tight(node.right)
        else:
            left = self._tight(node.left, loose=products, negative=True)
            right = self._tight(node.right, loose=(ast.Pow,))
        return f"{left}{sign}{right}" if sign == "**" else f"{left} {sign} {right}"

    def _tight(self, node: ast.expr, loose: tuple[type[ast.operator], ...] = (), negative: bool = False) -> str:
        """In parentheses, but for what binds tightly enough: operators that are `loose`, a minus where `negative`."""
        written = self.write(node)
        shown = parsed(written) if isinstance(node, ast.Name) else node
        tight = (
            is_atom(shown)
            or isinstance(shown, ast.Constant)
            or (isinstance(shown, ast.BinOp) and isinstance(shown.op, loose))
            or (negative and isinstance(shown, ast.UnaryOp))
        )
        return written if tight and "\n" not in _outside(written) else f"({written})"

    def _argument(self, name: str) -> str:
        if name in PREFIXES and name not in self.texts:
            return self._named(PREFIXES[name])
        if name in BUILTINS and name not in self.texts and name not in self.code.stores(self.code.tree):
            return name
        if name not in self.texts:
            raise Unwritable(f"{name} is not at hand")
        return self.texts[name]

    def _named(self, dotted: str) -> str:
        try:
            text, edit = named(self.code, self.target, dotted)
        except LookupError as error:
            raise Unwritable(f"{error} means something else here") from None
        if edit is not None and edit not in self.imports:
            self.imports.append(edit)
        return text


def parsed(text: str) -> ast.expr:
    return ast.parse(f"(\n{text}\n)", mode="eval").body


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        head = _dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return node.id if isinstance(node, ast.Name) else ""


def _outside(text: str) -> str:
    """The text without what stands in brackets."""
    kept, depth = [], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            kept.append(character)
    return "".join(kept)


def last_name(call: ast.Call) -> str:
    """`ctc_loss` of `torch.nn.functional.ctc_loss(...)`."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def in_place(template: ast.expr) -> ast.expr:
    """The template of a method, as the method that changes what it is called on. Raises Unwritable."""
    if not (isinstance(template, ast.Call) and isinstance(template.func, ast.Attribute)):
        raise Unwritable("it is changed in place")
    if template.func.attr not in CHANGING or not isinstance(template.func.value, ast.Name):
        raise Unwritable("it is changed in place")
    method = ast.Attribute(template.func.value, f"{template.func.attr}_")
    return ast.Call(method, template.args, template.keywords)


def with_keyword(code: Code, call: ast.Call, keyword: ast.keyword) -> Edit | None:
    """The edit that passes a keyword; None where others are passed in a way that hides which they are."""
    value = ast.unparse(keyword.value)
    if any(k.arg is None for k in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    for given in call.keywords:
        if given.arg == keyword.arg:
            return code.edit(*code.range(given.value), value)
    end = code.range(call)[1] - 1
    last = [*call.args, *(k.value for k in call.keywords)]
    if not last:
        return code.edit(end, end, f"{keyword.arg}={value}")
    after = code.range(last[-1])[1]
    rest = TOKEN.sub(lambda token: "" if token.lastgroup == "comment" else token[0], code.source.text[after:end])
    return code.edit(end, end, f"{' ' if ',' in rest else ', '}{keyword.arg}={value}")
