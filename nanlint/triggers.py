"""Which definitions are worth a look at all, judged by their text before any syntax tree of them is built."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Set
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from nanlint.arithmetic import (
    INFINITE,
    divides_by_more_than_numbers,
    grows,
    infinite,
    raises_more_than_numbers,
    reducers,
    selects,
)
from nanlint.ops import LINES
from nanlint.ops.names import NAMESPACES, is_absent
from nanlint.signs import SITES
from nanlint.source.lex import words_of

if TYPE_CHECKING:
    from nanlint.source import Source
    from nanlint.source.index import Index

# a test of code, and words of which it must have one besides; none where it need not
Test = tuple[frozenset[str], Callable[[str], object]]

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
    re.compile(r"softmax\((?:\w+=)?\w+ ?\+ ?\w+[,)]"),
    re.compile(r"\(\w+ ?\+ ?\w+\)\.(?:log_)?softmax\("),
)
# hazards in half precision alone, or with an eps of 0, which have signs of their own
IN_HALF = frozenset(
    """tensor as_tensor scalar_tensor new_tensor arange full full_like new_full fill fill_
    index_fill masked_fill clamp clamp_min clamp_max hardtanh threshold pad rsub mean nanmean nansum normalize
    cosine_similarity layer_norm batch_norm group_norm rms_norm gaussian_nll_loss""".split()
)
LOOPS = frozenset(("for", "while"))
# where what comes out of a name is used: called, but for a method of its own, or taken out of a module
CALL = re.compile(r"\s*\(")
OWN = ("def ", "self.", "super().")
DOTTED = re.compile(r"(?:\w+\.)+\Z")
MULTIPLIED = re.compile(r"[\w)\]]\s*\*=?(?!\*)|\bmul(?:tiply)?_?\(")
# a criterion with class weights, which methods call by a name of their own
WEIGHTED = re.compile(r"Loss\((?:(?<=CrossEntropyLoss\()|(?<=NLLLoss\())[^)]*weight")
# criteria that are a hazard by what goes in or how they are made, and how methods call them
CRITERIA = ("CrossEntropyLoss(", "WithLogitsLoss(", "NLLLoss(", "KLDivLoss(", "CTCLoss(")
CRITERION = re.compile(r"\bself\.\w*(?i:loss|criterion|entropy)\w*\(")
STEPPING = ("backward", "Optim", "optim", "opt.", "_grad", "Scaler", "scaler")
MODULES = frozenset({"torch", "numpy", "math"})
# the letters that a word holds where a pattern that starts with them, or with a dot before them, is found
BEGINNING = re.compile(r"(?:\\\.)?([A-Za-z_]\w{2,})(?![\w?*{])[^|]*\Z")
WITHIN_WORD = re.compile(r"[\w\[\]{}-]+")
IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(?:\([^)]*\)|(?:\\\n|[^\n;])*)", re.MULTILINE)
IMPORTED = re.compile(r"(?:^|[,(])\s*(\w+)")
FROM_TORCH = re.compile(r"from\s+(torch[\w.]*)\s+import\s+(\([^)]*\)|[^\n(]+)")


@cache
def _named() -> dict[str, set[str]]:
    """By word: the ops that it names."""
    named: dict[str, set[str]] = {}
    for op in LINES:
        for spelling in op.spellings:
            word = spelling[spelling.rfind(".") + 1 :].rstrip("_")
            bare = word.lstrip("_")
            for name in (word, bare, word + "_", bare + "_"):
                named.setdefault(name, set()).add(op.name)
    return named


@cache
def _search(pattern: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile(pattern, re.MULTILINE).search


@cache
def _beginning(pattern: str) -> str:
    """What a word has in it where the pattern is found; empty where that is not plain."""
    found = BEGINNING.match(pattern)
    return found[1] if found is not None else ""


def _masks(source: Source) -> bool:
    """The file masks logits."""
    vocabulary = source.vocabulary
    if any(mask in vocabulary for mask in MASKS) or not INFINITE.isdisjoint(source.words):
        return True
    return "softmax" in vocabulary and any(added.search(source.bare) for added in MASK_ADDED)


def _uses(name: str, code: str, modules: Set[str]) -> bool:
    """Code calls the name or takes it out of one of these modules; its own methods are seen in their bodies."""
    at = code.find(name)
    while at >= 0:
        end = at + len(name)
        before = code[max(code.rfind("\n", 0, at) + 1, at - 80) : at]
        if not before[-1:].isidentifier() and not before[-1:].isdigit() and not _goes_on(code, end):
            if CALL.match(code, end) and not before.endswith(OWN):
                return True
            chain = DOTTED.search(before) if before.endswith(".") else None
            taken = chain is not None and not modules.isdisjoint(chain[0].split("."))
            if taken and not (code[end : end + 1] == "." and _goes_on(code, end + 1)):
                return True
        at = code.find(name, end)
    return False


def _has_word(code: str, words: Iterable[str]) -> bool:
    """One of these is a word of the code, with underscores in front or without."""
    for word in words:
        at = code.find(word)
        while at >= 0:
            end, start = at + len(word), at
            while start > 0 and code[start - 1] == "_":
                start -= 1
            if not _goes_on(code, end) and not (start > 0 and code[start - 1].isalnum()):
                return True
            at = code.find(word, end)
    return False


def _goes_on(code: str, at: int) -> bool:
    """A word has a letter there."""
    return code[at : at + 1].isalnum() or code[at : at + 1] == "_"


def triggers(listened: frozenset[str], index: Index) -> Callable[[str], bool]:
    """A test of a definition's code: could a rule that listens to these ops have anything to say of it?"""
    source, imports, named = index.source, index.imports, _named()
    quiet = SILENT | LAYERS
    if "complex-backward" not in listened:
        quiet |= IN_HALF if _masks(source) else IN_HALF | MASKABLE
    loud = listened - quiet
    names = {word for word in named.keys() & source.words if not loud.isdisjoint(named[word])}
    imported: set[str] = set()
    modules: set[str] = set()
    for name, target in imports.items():
        module, _, last = target.rpartition(".")
        if not loud.isdisjoint(named.get(last, ())) or (module == "torch.optim" and "optimizer" in listened):
            imported.add(name)
        if target.partition(".")[0] in MODULES:
            modules.add(name)
    tests = [(there, test) for words, test in _tests(listened, source) if (there := words & source.words) or not words]

    def speaks(code: str) -> bool:
        known: Set[str] = modules
        if "import " in code and "def " in code:
            # a name that is bound within the function
            own = words_of(" ".join(IMPORT.findall(code)))
            if not own.isdisjoint(names):
                return True
            known = modules | own
        return _has_word(code, imported) or any(name in code and _uses(name, code, known) for name in names)

    def shows(code: str) -> bool:
        if "import " in code and "def " not in code:
            # what the module imports is no use of it
            code = IMPORT.sub("", code)
        return speaks(code) or any((not words or _has_word(code, words)) and test(code) for words, test in tests)

    aliases = {name: target for name, target in imports.items() if target in NAMESPACES}
    if "unknown-name" not in listened or not any(target.startswith("torch") for target in imports.values()):
        return shows
    absent = [
        alias + rest
        for alias, target in (aliases or {"torch": "torch"}).items()
        for rest in set(re.findall(rf"{alias}(?<=\b{alias})((?:\.[A-Za-z]\w*)+)", source.bare))
        if _absent(target, rest)
    ]

    def test(code: str) -> bool:
        if shows(code) or any(name in code for name in absent):
            return True
        return "import " in code and any(
            is_absent(f"{module}.{name}")
            for module, names in FROM_TORCH.findall(code)
            for name in IMPORTED.findall(names)
        )

    return test


def _tests(listened: frozenset[str], source: Source) -> Iterator[Test]:
    """How code shows that it holds one of these ops without naming it."""
    for site, words, patterns in SITES:
        if site in listened:
            # most patterns are found nowhere in a file; where a word has to stand beside, it is looked for first
            there = patterns if words else [p for p in patterns if _is_in(p, source)]
            yield from ((frozenset(words.split()), _search(pattern)) for pattern in there)
    text = source.text
    if "loop-growth" in listened:
        yield LOOPS, grows
    if "training-step" in listened and ".step(" in source.bare:
        yield ANY, _steps
    if "div" in listened:
        yield ANY, divides_by_more_than_numbers
    if "pow" in listened:
        yield ANY, raises_more_than_numbers
    if "empty-reduction" in listened:
        averages = reducers(source)
        if "Loss(" in text:
            averages |= {"self"}
        if averages:
            yield averages, selects
    if not listened.isdisjoint(("multilabel_soft_margin_loss", "ctc_loss")) and any(made in text for made in CRITERIA):
        yield ANY, CRITERION.search
    weighted = "cross_entropy" in listened and "Loss" in text and WEIGHTED.search(text) is not None
    if weighted or ("kl_div" in listened and "KLDivLoss" in text):
        yield frozenset(("self",)), bool
    if "uninitialised-parameter" in listened and (unfilled := _left_as_made(text)):
        yield unfilled, _search("Parameter")
    if "mul" in listened and not INFINITE.isdisjoint(source.words):
        yield infinite(source.bare_rows), MULTIPLIED.search


def _is_in(pattern: str, source: Source) -> bool:
    """The pattern is found in the file; what lies within a word is looked for in its words alone, which are fewer."""
    within_word = WITHIN_WORD.fullmatch(pattern) is not None
    if _beginning(pattern) not in source.vocabulary:
        return False
    return _search(pattern)(source.vocabulary if within_word else source.bare) is not None


def _steps(code: str) -> bool:
    """It takes a step of training, behind a call of backward or by an optimizer: environments have steps, too."""
    return ".step(" in code and any(word in code for word in STEPPING)


def _left_as_made(text: str) -> frozenset[str]:
    """The parameters that nothing in the file initialises."""
    # it brings along what evaluates code, which most files need not
    from nanlint.facts.uninitialised import parameters

    return frozenset(parameters(text).values())


@lru_cache(maxsize=4096)
def _absent(name: str, rest: str) -> bool:
    """Some step from `name` along the attributes `.rest` is none that torch has."""
    for part in rest.split(".")[1:]:
        name = f"{name}.{part}"
        if is_absent(name):
            return True
    return False
