"""Which definitions are worth a look at all, judged by their text before any syntax tree of them is built."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from nanlint.arithmetic import (
    INFINITE,
    divides,
    divides_by_more_than_numbers,
    grows,
    infinite,
    raises,
    raises_more_than_numbers,
    reducers,
    selects,
)
from nanlint.naming import IMPORT, has_word, naming
from nanlint.ops import LOSSES, ops_on_complex
from nanlint.ops.names import NAMESPACES, is_absent
from nanlint.patterns import pattern
from nanlint.signs import SITES
from nanlint.slotted import Data
from nanlint.source.lex import APART

if TYPE_CHECKING:
    from nanlint.source import Source
    from nanlint.source.index import Index

Test = Callable[[str], object]

ANY: frozenset[str] = frozenset()
# these are no hazard by themselves: what makes them one (a log, an exp, a division) is a trigger of its own
SILENT = frozenset(
    """add sub mul where masked_fill nan_to_num clamp sum matmul normal sample rsample eq ne isin min max minimum
    maximum""".split()
)  # fmt: skip
# no hazard either but for what goes in, of which the sign of "model-call" speaks
LAYERS = frozenset(
    """linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d rnn rnn_cell lstm
    lstm_cell gru gru_cell multi_head_attention""".split()
)
# hazards beside -inf alone
MASKABLE = frozenset({"softmax", "log_softmax", "logsumexp"})
MASKS = ("masked_fill", "finfo", "_mask")
# scores and a mask that are added where they are used
MASK_ADDED = (
    pattern(r"softmax\((?:\w+=)?\w+ ?\+ ?\w+[,)]"),
    pattern(r"\(\w+ ?\+ ?\w+\)\.(?:log_)?softmax\("),
)
# hazards in half precision alone, or with an eps of 0, which have signs of their own
IN_HALF = frozenset(
    """tensor as_tensor scalar_tensor new_tensor arange full full_like new_full fill fill_
    index_fill masked_fill clamp clamp_min clamp_max hardtanh threshold pad rsub mean nanmean nansum normalize
    cosine_similarity layer_norm batch_norm group_norm rms_norm gaussian_nll_loss""".split()
)
LOOPS = frozenset(("for", "while"))
MULTIPLIED = pattern(r"[\w)\]]\s*\*=?(?!\*)|\bmul(?:tiply)?_?\(")
# a criterion with class weights, which methods call by a name of their own
WEIGHTED = pattern(r"Loss\((?:(?<=CrossEntropyLoss\()|(?<=NLLLoss\())[^)]*weight")
# criteria that are a hazard by what goes in or how they are made, and how methods call them
JUDGED_LOSSES = ("multilabel_soft_margin_loss", "soft_margin_loss", "ctc_loss")
CRITERIA = ("CrossEntropyLoss(", "SoftMarginLoss(", "WithLogitsLoss(", "NLLLoss(", "KLDivLoss(", "CTCLoss(")
CRITERION = pattern(r"\bself\.\w*(?i:loss|criterion|entropy)\w*\(")
PARAMETER = pattern("Parameter")
HALF = pattern(r"float16(?<!bfloat16)\b")
# `x.dtype in (torch.float16, torch.bfloat16)`, or all of a list by the name of types; what a loop goes over is none
ONE_OF = pattern(r"(for\s+)?[\w.]*types?\s*(?:\b(?:not\s+)?in\b|=)\s*[(\[{](?:\s*[\w.]+\s*,)+(?:\s*[\w.]+\s*)?[)\]}]")
STEPPING = ("backward", "Optim", "optim", "opt.", "_grad", "Scaler", "scaler")
LETTERS = APART.replace(" ", "")


class _Pattern(Data):
    """A pattern of code, the letters of a word that it begins with, whether it lies within a word."""

    expression: re.Pattern[str]
    beginning: str
    within_word: bool

    def is_in(self, source: Source) -> bool:
        """It is found in the file; the words of a file are fewer than its text, and are looked through first."""
        if self.beginning not in source.vocabulary:
            return False
        return self.expression.search(source.vocabulary if self.within_word else source.bare) is not None


@cache
def _sites() -> tuple[tuple[str, Set[str], tuple[_Pattern, ...]], ...]:
    return tuple((site, frozenset(words.split()), tuple(map(_pattern, patterns))) for site, words, patterns in SITES)


def _pattern(text: str) -> _Pattern:
    return _Pattern(pattern(text, re.MULTILINE), _beginning(text), not text.strip(f"{LETTERS}[]{{}}-"))


def _beginning(text: str) -> str:
    """The letters that a word holds where a pattern that starts with them, or with a dot before them, is found."""
    text = text.removeprefix("\\.")
    rest = text.lstrip(LETTERS)
    letters = text[: len(text) - len(rest)]
    is_literal = len(letters) > 2 and not rest.startswith(("?", "*", "{")) and "|" not in rest
    return letters if is_literal else ""


def _masks(source: Source) -> bool:
    """The file masks logits."""
    vocabulary = source.vocabulary
    if any(mask in vocabulary for mask in MASKS) or not INFINITE.isdisjoint(source.words):
        return True
    return "softmax" in vocabulary and any(added.search(source.bare) for added in MASK_ADDED)


class Triggers:
    """Tests of code: could a rule that listens to these ops have anything to say of it?"""

    def __init__(self, listened: frozenset[str], source: Source) -> None:
        self._listened = listened
        self._source = source
        quiet = SILENT | LAYERS | (IN_HALF if _masks(source) else IN_HALF | MASKABLE)
        if "complex-backward" in listened:
            quiet -= (IN_HALF | MASKABLE) & (LOSSES | ops_on_complex("raises", "mangles"))
        self._named = listened - quiet
        self._signs = [
            (there, these) for words, these in _tests(listened, source) if (there := words & source.words) or not words
        ]
        self._used: dict[str, list[str]] = {}

    def of(self, index: Index) -> Callable[[str], bool]:
        """A test of a definition's code."""
        shows = self._shows(index, self._signs)
        absent = self._absent(index)
        if absent is None:
            return shows
        return lambda code: shows(code) or any(name in code for name in absent) or _imports_absent(code)

    def in_file(self, index: Index, code: str) -> bool:
        """Some definition may pass, for all that the code of the whole file tells; see `nanlint.source.glance`."""
        absent = self._absent(index)
        if absent or (absent is not None and _imports_absent(self._source.bare)):
            return True
        signs = [(words, [IN_FILE.get(test, test) for test in tests]) for words, tests in self._signs]
        return self._shows(index, signs)(code)

    def _shows(self, index: Index, signs: Sequence[tuple[Set[str], Sequence[Test]]]) -> Callable[[str], bool]:
        speaks = naming(self._named, index)

        def shows(code: str) -> bool:
            shown = _is_shown(code, signs) or speaks(code)
            if shown and "import " in code and "def " not in code:
                # what the module imports is no use of it
                bare = IMPORT.sub("", code)
                return bare == code or shows(bare)
            return shown

        return shows

    def _absent(self, index: Index) -> list[str] | None:
        """What the file takes of torch that torch has not; None where nobody asks or there is no torch."""
        if "unknown-name" not in self._listened or not any(t.startswith("torch") for t in index.imports.values()):
            return None
        aliases = {name: target for name, target in index.imports.items() if target in NAMESPACES}
        found: list[str] = []
        for alias, target in (aliases or {"torch": "torch"}).items():
            used = self._used.get(alias)
            if used is None:
                taken = re.findall(rf"{alias}(?<=\b{alias})((?:\.[A-Za-z]\w*)+)", self._source.bare)
                used = self._used[alias] = list(dict.fromkeys(taken))
            found += [alias + rest for rest in used if _absent(target, rest)]
        return found


def _is_shown(code: str, signs: Sequence[tuple[Set[str], Sequence[Test]]]) -> bool:
    for words, tests in signs:
        if not words or has_word(code, words):
            for test in tests:
                if test(code):
                    return True
    return False


def _imports_absent(code: str) -> bool:
    """It imports from torch what torch has not."""
    return "import " in code and any(is_absent(name) for name in _imported_from_torch(code))


def _tests(listened: frozenset[str], source: Source) -> Iterator[tuple[Set[str], Sequence[Test]]]:
    """How code shows that it holds one of these ops without naming it: words, of which it has one, and tests.

    Those come first that are soonest done or tell most.
    """
    if "div" in listened:
        yield ANY, [divides_by_more_than_numbers]
    if "pow" in listened:
        yield ANY, [raises_more_than_numbers]
    for site, words, patterns in _sites():
        if site in listened and (not words or not words.isdisjoint(source.words)):
            # most patterns are found nowhere in a file; where a word has to stand beside, it is looked for first
            there = [
                each for each in patterns if (each.beginning in source.vocabulary if words else each.is_in(source))
            ]
            if there:
                yield words, [each.expression.search for each in there]
    for words, test in _computed(listened, source):
        yield words, [test]


def _computed(listened: frozenset[str], source: Source) -> Iterator[tuple[Set[str], Test]]:
    """How code shows what it computes with operators, or by what is made elsewhere in the file."""
    text = source.text
    if "training-step" in listened and ".step(" in source.bare:
        yield ANY, _steps
    if "empty-reduction" in listened:
        averages = reducers(source)
        if "Loss(" in text:
            averages |= {"self"}
        if averages:
            yield averages, selects
    if not listened.isdisjoint(JUDGED_LOSSES) and any(made in text for made in CRITERIA):
        yield ANY, CRITERION.search
    weighted = "cross_entropy" in listened and "Loss" in text and WEIGHTED.search(text) is not None
    if weighted or ("kl_div" in listened and "KLDivLoss" in text):
        yield frozenset(("self",)), bool
    if "uninitialised-parameter" in listened and (unfilled := _left_as_made(text)):
        yield unfilled, PARAMETER.search
    if "mul" in listened and not INFINITE.isdisjoint(source.words):
        yield infinite(source.bare_rows), MULTIPLIED.search
    if "cast" in listened and "float16" in source.vocabulary:
        yield ANY, _names_half
    if "loop-growth" in listened:
        yield LOOPS, grows


# annotations of one definition say nothing of another
IN_FILE: dict[Test, Test] = {divides_by_more_than_numbers: divides, raises_more_than_numbers: raises}


def _steps(code: str) -> bool:
    """It takes a step of training, behind a call of backward or by an optimizer: environments have steps, too."""
    return ".step(" in code and any(word in code for word in STEPPING)


def _names_half(code: str) -> bool:
    """It names float16, and not only among those formats of which a tensor is tested to have one."""
    return "float16" in code and HALF.search(ONE_OF.sub(_kept, code)) is not None


def _kept(one_of: re.Match[str]) -> str:
    return one_of[0] if one_of[1] else ""


def _left_as_made(text: str) -> frozenset[str]:
    """The parameters that nothing in the file initialises."""
    # it brings along what evaluates code, which most files need not
    from nanlint.facts.uninitialised import parameters

    return frozenset(parameters(text).values())


def _imported_from_torch(code: str) -> Iterator[str]:
    """The dotted names that statements such as `from torch.nn import Linear, ReLU as Gate` import."""
    for after in code.split("from torch")[1:]:
        module, _, rest = after.partition(" import ")
        names = rest.lstrip()
        names = names[1:].partition(")")[0] if names.startswith("(") else names.partition("\n")[0]
        words = [each.strip().translate(APART).partition(" ")[0] for each in names.split(",")]
        yield from (f"torch{module.rstrip()}.{word}" for word in words if word)


@lru_cache(maxsize=4096)
def _absent(name: str, rest: str) -> bool:
    """Some step from `name` along the attributes `.rest` is none that torch has."""
    for part in rest.split(".")[1:]:
        name = f"{name}.{part}"
        if is_absent(name):
            return True
    return False
