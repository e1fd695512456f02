"""What is written instead of what: a pattern of values and a template of code."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable
from typing import Literal

from nanlint.slotted import Entity

Applicability = Literal["safe", "unsafe"]
FORMATS = {"tiny": "tiny", "eps": "eps", "lowest": "min"}
"""What a template may ask of the dtype of an operand, as `tiny(x)`: the fields of `torch.finfo`."""
ASKED = re.compile(rf"\b({'|'.join(FORMATS)})\((\w+)\)")
ARROWS: dict[str, Applicability] = {" -> ": "safe", " ~> ": "unsafe"}


class Rewriting(Entity, frozen=True):
    """`template` in the place of `pattern`; without a pattern, of what a rule names. `title`: a verb phrase.

    `rule`: the only one whose findings it answers; the others' if it is empty.
    """

    pattern: ast.expr
    template: ast.expr
    applicability: Applicability
    title: str = ""
    rule: str = ""


@functools.cache
def read(text: str) -> Rewriting:
    """`PATTERN -> TEMPLATE`, or with `~>` where values near the border change; `for RULE` may follow."""
    arrow = next(arrow for arrow in ARROWS if arrow in text)
    text, _, rule = text.partition(" for ")
    pattern, template = text.split(arrow)
    return Rewriting(_expression(pattern), _template(template), ARROWS[arrow], rule=rule.strip())


def read_all(lines: Iterable[str]) -> list[Rewriting]:
    return [read(line) for line in lines if line.strip()]


@functools.cache
def of_template(template: str, applicability: Applicability, title: str) -> Rewriting:
    """What a rule proposes for an expression that it names."""
    return Rewriting(ast.Name("target"), _template(template), applicability, title)


@functools.cache
def pattern(text: str) -> ast.expr:
    """What `nanlint.fixes.matching` matches with."""
    return _expression(text)


def is_ordering(template: ast.expr) -> bool:
    """It asks which of two numbers is larger, which of complex ones none is."""
    return any(
        (isinstance(node, ast.Attribute) and node.attr.startswith("clamp"))
        or (isinstance(node, ast.Compare) and not isinstance(node.ops[0], (ast.Eq, ast.NotEq)))
        for node in ast.walk(template)
    )


def is_limit(template: ast.expr, name: str) -> bool:
    """The template asks for the lowest number of the dtype of that name, which does not fit into a smaller one."""
    asked = (node for node in ast.walk(template) if isinstance(node, ast.Attribute) and node.attr == FORMATS["lowest"])
    return any(isinstance(part, ast.Name) and part.id == name for node in asked for part in ast.walk(node))


def _template(text: str) -> ast.expr:
    return _expression(ASKED.sub(lambda asked: f"torch.finfo(dtype_{asked[2]}).{FORMATS[asked[1]]}", text))


def _expression(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body
