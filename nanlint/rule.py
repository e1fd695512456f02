"""A rule is a value: a function over a `Site`, with its code, the ops it looks at and its documentation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from nanlint.slotted import Data, Entity

if TYPE_CHECKING:
    from nanlint.site import Report, Site

Check = Callable[["Site"], Iterator["Report"]]
KINDS = ("domain", "division", "overflow", "gradient", "loss", "training", "dtype", "precision", "complex", "data")
SECTIONS = ("Why is this bad?", "Bad", "Good", "Known limits")


class RuleError(Exception):
    """A rule that is not well formed; the message names its file and line."""


class Written(Data):
    """The documentation and the function of a rule."""

    doc: str
    check: Check


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
    written: Callable[[], Written]

    @property
    def doc(self) -> str:
        return self.written().doc

    @property
    def check(self) -> Check:
        return self.written().check

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

    `at` lists canonical op names, `over` rule names and `mentions` texts, separated by blanks. Raises RuleError, with
    the file and line, for a rule without a well-formed code, kind or docstring.
    """

    def make(check: Check) -> Rule:
        place = f"{check.__code__.co_filename}:{check.__code__.co_firstlineno}"
        written = Written(inspect.getdoc(check) or "", check)
        name = check.__name__.replace("_", "-")
        made = Rule(
            code, name, frozenset(at.split()), kind, frozenset(over.split()), tuple(mentions.split()), lambda: written
        )
        if not re.fullmatch(r"[A-Z]{3}\d{3}", code):
            raise RuleError(f"{place}: code {code!r} is not three capitals and three digits, such as NAN101")
        if kind not in KINDS:
            raise RuleError(f"{place}: kind {kind!r} is none of {', '.join(KINDS)}")
        if not made.at:
            raise RuleError(f"{place}: rule {made.name} names no op in `at`")
        headings = made.sections
        if missing := [s for s in SECTIONS if s not in headings]:
            raise RuleError(f"{place}: the docstring of {made.name} lacks {', '.join('## ' + s for s in missing)}")
        return made

    return make
