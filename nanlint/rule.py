"""A rule is a value: a function over a `Site`, with its code, the ops it looks at and its documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from nanlint.slotted import Entity

if TYPE_CHECKING:
    from nanlint.site import Report, Site

Check = Callable[["Site"], Iterator["Report"]]
KINDS = ("domain", "division", "overflow", "gradient", "loss", "training", "dtype", "precision", "complex", "data")
SECTIONS = ("Why is this bad?", "Bad", "Good", "Known limits")


class RuleError(Exception):
    """A rule that is not well formed; the message names its file and line."""


class Rule(Entity, frozen=True):
    """`code` is `NANxyz`, `name` the defect in kebab case, `at` the canonical ops whose sites it is shown.

    `over`: names of more general rules, silent at every application that this one accounts for. `mentions`: texts of
    which a file must hold one to be of interest to the rule; none means any file. `written` may import its file.
    """

    code: str
    name: str
    at: frozenset[str]
    kind: str
    over: frozenset[str]
    mentions: tuple[str, ...]
    written: Callable[[], Check]

    @property
    def check(self) -> Check:
        return self.written()

    @property
    def doc(self) -> str:
        """The docstring of its function."""
        from inspect import getdoc

        return getdoc(self.check) or ""

    @property
    def summary(self) -> str:
        """The first line of the documentation."""
        return self.doc.split("\n", 1)[0]

    @property
    def sections(self) -> dict[str, str]:
        """The text of each `## heading` of the documentation, in order."""
        parts = re.split(r"^## (.+)$", self.doc, flags=re.MULTILINE)
        return {heading.strip(): body.strip() for heading, body in zip(parts[1::2], parts[2::2], strict=True)}


def rule(code: str, *, at: str, kind: str, over: str = "", mentions: str = "") -> Callable[[Check], Rule]:
    """Make a rule of the decorated function, whose docstring is its documentation.

    `at` lists canonical op names, `over` rule names and `mentions` texts, separated by blanks.
    """

    def make(check: Check) -> Rule:
        name = check.__name__.replace("_", "-")
        return Rule(
            code, name, frozenset(at.split()), kind, frozenset(over.split()), tuple(mentions.split()), lambda: check
        )

    return make


def origin(rule: Rule) -> str:
    """`file:line` of the function behind `rule`."""
    code = rule.check.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def check_form(rule: Rule) -> None:
    """Raises RuleError, with the file and line, for a rule without a well-formed code, kind, op or docstring."""
    if not re.fullmatch(r"[A-Z]{3}\d{3}", rule.code):
        raise RuleError(f"{origin(rule)}: code {rule.code!r} is not three capitals and three digits, such as NAN101")
    if rule.kind not in KINDS:
        raise RuleError(f"{origin(rule)}: kind {rule.kind!r} is none of {', '.join(KINDS)}")
    if not rule.at:
        raise RuleError(f"{origin(rule)}: rule {rule.name} names no op in `at`")
    headings = rule.sections
    if missing := [s for s in SECTIONS if s not in headings]:
        raise RuleError(f"{origin(rule)}: the docstring of {rule.name} lacks {', '.join('## ' + s for s in missing)}")
