"""Which definitions are worth a look at all, judged by their text before any syntax tree of them is built."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from nanlint.ops import LINES
from nanlint.ops.names import NAMESPACES, is_absent
from nanlint.signs import SITES
from nanlint.slotted import Data
from nanlint.source.lex import words_of

if TYPE_CHECKING:
    from nanlint.source.index import Index

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
MASK_ADDED = re.compile(r"softmax\((?:\w+=)?\w+ ?\+ ?\w+[,)]|\(\w+ ?\+ ?\w+\)\.(?:log_)?softmax\(")
# the first letters stand in front of what has to be before them: text is searched for them alone, which is fast
INFINITIES = tuple(re.compile(rf"{inf}(?<=\b{inf})(?:ty|inity)?\b") for inf in ("inf", "Inf"))
# hazards in half precision alone, or with an eps of 0, which have signs of their own
IN_HALF = frozenset(
    """tensor as_tensor scalar_tensor new_tensor arange full full_like new_full fill fill_
    index_fill masked_fill clamp clamp_min clamp_max hardtanh threshold pad rsub mean nanmean nansum normalize
    cosine_similarity layer_norm batch_norm group_norm rms_norm gaussian_nll_loss""".split()
)
WORD = re.compile(r"[A-Za-z]\w*")
LOOPS = frozenset(("for", "while"))
MULTIPLIES = re.compile(r"\*|@|pow|square|mul|mm\(")
GROWTH = re.compile(
    r"(?:^|[:;])[ \t]*(?:self\.)?(\w+)\s*(?:[*@]=\s*\1\b|\*\*=|=[^=\n]*\b\1\s*[*@]\s*\1\b"
    r"|=[^=\n]*\b\1\s*\*\*|=.*(?:\b\1\.(?:square|pow|mul|matmul|mm)\("
    r"|\b(?:square|pow|mul|matmul|mm)\(\s*\1\b))|\.(?:square_|pow_)\(|\b(\w+)\.mul_\(\s*\2\b",
    re.MULTILINE,
)
# where what comes out of a name is used: called, but for a method of its own, or taken out of a module
CALL = re.compile(r"\s*\(")
OWN = ("def ", "self.", "super().")
DOTTED = re.compile(r"(?:\w+\.)+\Z")
# a selection that may be empty is by a mask, and a mask is made by a test
REDUCTIONS = frozenset("mean std var median std_mean var_mean logsumexp min max amin amax quantile".split())
LOSSES = ("_loss", "_entropy", "Loss")
INDEX = re.compile(r"\[(?<=\w\[)([^\]\n]*)\]|(_select|nonzero)")
TEST = (
    r"[=!]=|<|(?<!-)>|~|\bis(?:nan|finite|inf)\(|logical_|where\(|\beq\(|\bne\(|nonzero|_select|\.bool\b"
    r"|BoolTensor|Bool\["
)
ASSIGNED = re.compile(r"[ \t]*([\w, ]+?)\s*(?::[^=\n]*)?=(?!=)([^\n]*)")
BOOLEANS = re.compile(r"(\w+): *(?:\w+\.)*(?:BoolTensor|Bool\[)")
# what stands behind a slash: numbers and names in parentheses, or else a dotted name with the bracket that follows it
DIVISOR = re.compile(r"/(?<![/:]/)=?(?![/=])\s*(?:\(([\w\s+*-]+)\)(?!\.|\[)|(?!\d)([A-Za-z_(\-][\w.]*[(\[]?))")
SIZE = re.compile(r"(?:len|int|float|math\.\w+)\($|[\w.]+\.(?:shape\[|size\(|numel\(|ndim$)")
NUMBERS = re.compile(
    r"\b(\w+)\s*:\s*(?:Optional\[)?(?:int|float)\b|^[ \t]*([\w, ]+?)\s*=\s*\w+\.(?:shape|size\()"
    r"|^[ \t]*(?:self\.)?(\w+)\s*=\s*(?:(?:len|int|float)\(|[\w.]+\s*//)",
    re.MULTILINE,
)
POWER = re.compile(r"\*\*=?(?!\s*\d*[02468]\b(?!\.))")
BASE = re.compile(r"(?:\b([A-Za-z_]\w*)|[)\]])\s?\Z")
IS_TEST = re.compile(TEST)
INFINITE = frozenset(("inf", "Inf", "infty", "Infinity", "infinity"))
HOLDS_INFINITY = re.compile(r"(\w+)\s*(?::[^=\n]*)?=(?!=)[^\n]*\b[Ii]nf(?:ty|inity)?\b")
MULTIPLIED = re.compile(r"[\w)\]]\s*\*=?(?!\*)|\bmul(?:tiply)?_?\(")
# a criterion with class weights, which methods call by a name of their own
WEIGHTED = re.compile(r"Loss\((?:(?<=CrossEntropyLoss\()|(?<=NLLLoss\())[^)]*weight")
# criteria that are a hazard by what goes in or how they are made, and how methods call them
CRITERIA = ("CrossEntropyLoss(", "WithLogitsLoss(", "NLLLoss(", "KLDivLoss(", "CTCLoss(")
CRITERION = re.compile(r"\bself\.\w*(?i:loss|criterion|entropy)\w*\(")
MODULES = frozenset({"torch", "numpy", "math"})
IMPORTED = re.compile(r"(?:^|[,(])\s*(\w+)")
FROM_TORCH = re.compile(r"^[^\S\n]*from\s+(torch[\w.]*)\s+import\s+(\([^)]*\)|[^\n(]+)", re.MULTILINE)


class _Signs(Data):
    """How code shows that it holds an op: `words` name one, `sites` have patterns, searched beside words of theirs."""

    words: frozenset[str]
    sites: tuple[tuple[frozenset[str], str], ...]


@lru_cache(maxsize=64)
def _signs(listened: frozenset[str], masks: bool) -> _Signs:
    """The signs by which code shows that it holds one of these, in a file that masks logits or does not."""
    words: set[str] = set()
    quiet = SILENT | LAYERS
    if "complex-backward" not in listened:
        quiet |= IN_HALF if masks else IN_HALF | MASKABLE
    spelled = _spelled()
    words.update(*(spelled[op] for op in listened - quiet if op in spelled))
    return _Signs(frozenset(words), tuple((_needed(site), site) for site in SITES if site in listened))


@cache
def _spelled() -> dict[str, set[str]]:
    """By op: the words that name it."""
    spelled: dict[str, set[str]] = {}
    for op in LINES:
        words = spelled.setdefault(op.name, set())
        for spelling in op.spellings:
            word = spelling[spelling.rfind(".") + 1 :].rstrip("_")
            bare = word.lstrip("_")
            words |= {word, bare, word + "_", bare + "_"}
    return spelled


@cache
def _needed(site: str) -> frozenset[str]:
    return frozenset(SITES[site][0].split())


@cache
def _patterns(site: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.MULTILINE) for pattern in SITES[site][1])


def _masks(text: str) -> bool:
    words = any(word in text for word in MASKS) or any(infinity.search(text) for infinity in INFINITIES)
    return words or ("softmax" in text and MASK_ADDED.search(text) is not None)


def _is_sign(target: str, words: frozenset[str], listened: frozenset[str]) -> bool:
    """What is imported from there is an op or optimizer that is listened to."""
    module, _, name = target.rpartition(".")
    return name in words or ("optimizer" in listened and module == "torch.optim")


def _uses(name: str, code: str, modules: frozenset[str]) -> bool:
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


def _goes_on(code: str, at: int) -> bool:
    """A word has a letter there."""
    return code[at : at + 1].isalnum() or code[at : at + 1] == "_"


def triggers(listened: frozenset[str], index: Index) -> Callable[[str], bool]:
    """A test of a definition's code: could a rule that listens to these ops have anything to say of it?"""
    signs, imports = _signs(listened, _masks(index.source.text)), index.imports
    imported = frozenset(name for name, target in imports.items() if _is_sign(target, signs.words, listened))
    modules = frozenset(name for name, target in imports.items() if target.partition(".")[0] in MODULES)
    names = signs.words | imported
    # most patterns are found nowhere in a file
    text = index.source.bare
    spoken_of = [sign for sign in signs.sites if not sign[0] or not sign[0].isdisjoint(index.source.words)]
    shown = [(needed, left) for needed, site in spoken_of if (left := [p for p in _patterns(site) if p.search(text)])]
    grows = "loop-growth" in listened
    weighted = "cross_entropy" in listened and WEIGHTED.search(index.source.text) is not None
    asked = not listened.isdisjoint(("multilabel_soft_margin_loss", "ctc_loss"))
    measures = asked and any(text in index.source.text for text in CRITERIA)
    diverges = "kl_div" in listened and "KLDivLoss" in index.source.text
    divides, powers = "div" in listened, "pow" in listened
    averages: set[str] = set()
    if "empty-reduction" in listened:
        averages.update(filter(reduces, index.source.words), ("self",) if "Loss(" in index.source.text else ())
    has_infinity = "mul" in listened and "inf" in text.lower()
    unfilled = _left_as_made(index.source.text) if "uninitialised-parameter" in listened else frozenset()
    infinite = _infinite(index.source.bare_rows) if has_infinity else frozenset()

    def shows(code: str) -> bool:
        words = words_of(code)
        spoken = names & words
        if spoken:
            if words >= {"import", "def"}:
                return True  # a name that is bound within the function
            if not spoken.isdisjoint(imported) or any(_uses(name, code, modules) for name in spoken):
                return True
        for needed, patterns in shown:
            if (not needed or not needed.isdisjoint(words)) and any(pattern.search(code) for pattern in patterns):
                return True
        return (
            grows and not LOOPS.isdisjoint(words) and _grows(code)
            or divides and _divides_by_more_than_numbers(code)
            or powers and _raises_more_than_numbers(code)
            or not averages.isdisjoint(words) and _selects(code)
            or measures and CRITERION.search(code) is not None
            or (weighted or diverges) and "self" in words
            or not unfilled.isdisjoint(words) and "Parameter" in words
            or not infinite.isdisjoint(words) and MULTIPLIED.search(code) is not None
        )  # fmt: skip

    aliases = {name: target for name, target in imports.items() if target in NAMESPACES}
    if "unknown-name" not in listened or not any(target.startswith("torch") for target in imports.values()):
        return shows
    absent = [
        alias + rest
        for alias, target in (aliases or {"torch": "torch"}).items()
        for rest in set(re.findall(rf"{alias}(?<=\b{alias})((?:\.[A-Za-z]\w*)+)", text))
        if _absent(target, rest)
    ]

    def test(code: str) -> bool:
        if shows(code) or any(name in code for name in absent):
            return True
        return "torch" in code and any(
            is_absent(f"{module}.{name}")
            for module, names in FROM_TORCH.findall(code)
            for name in IMPORTED.findall(names)
        )

    return test


def _grows(code: str) -> bool:
    """Some row multiplies a name with itself."""
    rows = code.split("\n")
    pairs = zip(("", *rows), rows, strict=False)
    return any(MULTIPLIES.search(row) and GROWTH.search(f"{before}\n{row}") for before, row in pairs)


def _numbers(code: str) -> set[str]:
    """The names that are plainly numbers: annotated so, or made from a shape, a length or a floor division."""
    return {name for names in NUMBERS.findall(code) for name in WORD.findall(" ".join(names))}


def _raises_more_than_numbers(code: str) -> bool:
    """Some base of a power is not plainly a number; even powers are defined everywhere."""
    powers = POWER.finditer(code) if "**" in code else ()
    bases = [base[1] or "" for power in powers if (base := BASE.search(code[: power.start()][-80:]))]
    return bool(bases) and not _numbers(code).issuperset(bases)


def _divides_by_more_than_numbers(code: str) -> bool:
    """Some divisor is not plainly a number: a literal, a length, a shape, a name that is annotated or made as one."""
    divisors = DIVISOR.findall(code) if "/" in code else ()
    left = [(group, name) for group, name in divisors if not (name and SIZE.match(name))]
    if not left:
        return False
    numbers = _numbers(code)
    return not all(name in numbers if name else numbers.issuperset(WORD.findall(group)) for group, name in left)


def _infinite(rows: Iterable[str]) -> frozenset[str]:
    """The words for infinity, and the names to which the file gives it: `self.blocked = float("-inf")`."""
    return INFINITE.union(*(HOLDS_INFINITY.findall(row) for row in rows if "inf" in row or "Inf" in row))


def _left_as_made(text: str) -> frozenset[str]:
    """The parameters that nothing in the file initialises."""
    # it brings along what evaluates code, which most files need not
    from nanlint.facts.uninitialised import parameters

    return frozenset(parameters(text).values())


def reduces(word: str) -> bool:
    """It names what gives nan for a tensor without elements."""
    return word in REDUCTIONS or word.endswith(LOSSES)


def _selects(code: str) -> bool:
    """It indexes by a test or by a name that holds one: a selection by a mask may be empty."""
    indices = [inside + other for inside, other in INDEX.findall(code)]
    if any(IS_TEST.search(inside) for inside in indices):
        return True
    if not indices:
        return False
    used = set(WORD.findall(" ".join(indices)))
    if "Bool" in code and not used.isdisjoint(BOOLEANS.findall(code)):
        return True
    assigned = (ASSIGNED.match(row) for row in code.split("\n") if "=" in row)
    return any(a and IS_TEST.search(a[2]) and not used.isdisjoint(WORD.findall(a[1])) for a in assigned)


def _absent(name: str, rest: str) -> bool:
    """Some step from `name` along the attributes `.rest` is none that torch has."""
    for part in rest.split(".")[1:]:
        name = f"{name}.{part}"
        if is_absent(name):
            return True
    return False
