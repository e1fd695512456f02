"""Which rules a configuration switches on: by code, by prefix of a code, or by name."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from nanlint.slotted import Data

EVERYTHING = "ALL"


class Named(Protocol):
    """What a selector looks at: a rule, or just its code and name."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...


class Code(Data):
    """What is named like a rule; `doc` is what `nanlint explain` says of it, in Markdown."""

    code: str
    name: str
    doc: str = ""


UNUSED = Code(
    "NAN001",
    "unused-suppression",
    """A comment that silences nothing.

`# noqa: NAN101` or `# nanlint: ignore[NAN101]` on a line without such a finding, of whatever confidence: the code has
changed, or the rule has. It would silence the next defect of that line.

## Fix safety

Safe: `nanlint check --fix` takes the comment out, or those codes in it that are of no use.

## Known limits

`# noqa` without codes, and codes of other tools, are left alone. `--ignore NAN001` switches this off.""",
)
"""What is no rule, and is selected like one: comments that silence nothing."""
INVALID = Code(
    "NAN000",
    "invalid-file",
    """A file that cannot be read, decoded or parsed, so that nothing is known of it.

The message says what is wrong, and where. The other files are checked all the same; the exit status is 1.""",
)
"""What is no rule, and cannot be selected."""
AnyNamed = TypeVar("AnyNamed", bound=Named)


class Layer(Data):
    """The selectors of one place, which `origin` names: a configuration file or the command line.

    `select` starts afresh where it is given, the other two amend. Within a layer the more specific selector wins,
    and `ignore` wins a tie; a later layer wins over an earlier one. Ruff resolves its options in the same way.
    """

    origin: str
    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def options(self) -> Iterator[tuple[str, str]]:
        """Each option with each of its selectors."""
        for option, selectors in (
            ("select", self.select or ()),
            ("extend-select", self.extend_select),
            ("ignore", self.ignore),
        ):
            for selector in selectors:
                yield option, selector


def matches(selector: str, rule: Named) -> bool:
    """True for the rule's name, its code, and any prefix of its code."""
    return selector == EVERYTHING or selector == rule.name or (selector != "" and rule.code.startswith(selector))


def _specificity(selectors: Iterable[str], rule: Named) -> int:
    """The length of the longest matching prefix, a name counting as a whole code; -1 without a match."""

    def weight(selector: str) -> int:
        if selector == EVERYTHING:
            return 0
        return len(rule.code) if selector == rule.name else len(selector)

    return max((weight(selector) for selector in selectors if matches(selector, rule)), default=-1)


def picks(layers: Sequence[Layer], rule: Named) -> bool:
    """Whether `layers`, the weakest first, leave the rule on; without any layer every rule is on."""
    on = True
    for layer in layers:
        if layer.select is not None:
            on = False
        wanted = _specificity((*(layer.select or ()), *layer.extend_select), rule)
        unwanted = _specificity(layer.ignore, rule)
        if wanted > unwanted:
            on = True
        elif unwanted >= 0:
            on = False
    return on


def selected(rules: Iterable[AnyNamed], layers: Sequence[Layer], ignored: Sequence[str] = ()) -> tuple[AnyNamed, ...]:
    """The rules that `layers` leave on, less those that an `ignored` selector (of `per-file-ignores`) names."""
    return tuple(
        rule for rule in rules if picks(layers, rule) and not any(matches(selector, rule) for selector in ignored)
    )


def unknown(selector: str, rules: Sequence[Named]) -> str | None:
    """A clause that says what is wrong with a selector that matches no rule, with the nearest valid one."""
    if any(matches(selector, rule) for rule in rules):
        return None
    return f"{selector!r} is no rule's code, code prefix or name; {nearest(selector, rules)}"


def nearest(word: str, rules: Iterable[Named]) -> str:
    """A clause that helps on from a word that is no code or name."""
    import difflib

    valid = [valid for rule in rules for valid in (rule.code, rule.name)]
    for spelling in (word, word.upper()):
        if near := difflib.get_close_matches(spelling, valid, n=len(valid) or 1):
            return f"did you mean {max(near, key=functools.partial(_closeness, spelling))}?"
    return "`nanlint rules` lists them"


def _closeness(word: str, candidate: str) -> tuple[float, int]:
    """The similarity; codes are short, so many are equally close: of these, the one that starts alike."""
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(word, candidate, strict=False))
    from difflib import SequenceMatcher

    return SequenceMatcher(None, word, candidate).ratio(), sum(1 for _ in alike)
