"""Whether code names an op: calls it, hands it on, or imports it, judged by its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Set
from functools import cache
from typing import TYPE_CHECKING

from nanlint.ops import LINES
from nanlint.patterns import pattern
from nanlint.slotted import Data
from nanlint.source.lex import words_of

if TYPE_CHECKING:
    from nanlint.source.index import Index

IMPORT = pattern(r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(?:\([^)]*\)|(?:\\\n|[^\n;])*)", re.MULTILINE)
# where what comes out of a name is used: called, but for a method of its own, or taken out of a module
CALL = pattern(r"\s*\(")
EMPTY_CALL = pattern(r"\s*\(\s*\)")
# what is defined for every tensor: even powers, and divisions by a plain number
EVEN = pattern(r"\s*\((?:[^(),]*,)?\s*\d*[02468](?:\.0*)?\s*\)")
BY_NUMBER = pattern(r"\s*\(\s*(?:math\.\w+|len|int|float)\(|\s*\(\s*[1-9][\d.]*\s*\)")
HARMLESS = {"pow": EVEN, "pow_": EVEN, "div": BY_NUMBER, "div_": BY_NUMBER}
OWN = ("def ", "self.", "super().")
DOTTED = pattern(r"(?:\w+\.)+\Z")
RENAMED = pattern(r"= *(\w+)[\w.]* *$", re.MULTILINE)
MODULES = frozenset({"torch", "numpy"})


class _Bound(Data):
    """The names of a file: all that are bound in it, those of torch, numpy or what is in them, those of math.

    With `stars`, others may be bound as well.
    """

    names: Set[str]
    modules: Set[str]
    numeric: Set[str]
    stars: bool


def naming(ops: Set[str], index: Index) -> Callable[[str], bool]:
    """A test of a definition's code: does it name one of these ops?"""
    imports, named = index.imports, _named()
    words = {word for word in named.keys() & index.source.words if not ops.isdisjoint(named[word])}
    imported: set[str] = set()
    modules: set[str] = set()
    numeric: set[str] = set()
    for name, target in imports.items():
        module, _, last = target.rpartition(".")
        if "math" in (module, target):
            numeric.add(name)
        elif not ops.isdisjoint(named.get(last, ())) or ("optimizer" in ops and _is_optimizer(module, last)):
            imported.add(name)
        if target.partition(".")[0] in MODULES:
            modules.add(name)
    of_file = _Bound(imports.keys() | index.bound.keys(), modules, numeric, bool(index.stars))

    def names(code: str) -> bool:
        bound = of_file
        if "import " in code and "def " in code:
            # a name that is bound within the function
            own = words_of(" ".join(IMPORT.findall(code)))
            if not own.isdisjoint(words):
                return True
            bound = _Bound(own | of_file.names, own | modules, numeric, of_file.stars)
        return has_word(code, imported) or any(word in code and _uses(word, code, bound) for word in words)

    return names


def has_word(code: str, words: Iterable[str]) -> bool:
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


@cache
def _named() -> dict[str, tuple[str, ...]]:
    """By word: the ops that it names."""
    named: dict[str, tuple[str, ...]] = {}
    for op in LINES:
        words = {spelling[spelling.rfind(".") + 1 :].rstrip("_") for spelling in op.spellings}
        words.update([word.lstrip("_") for word in words if word[0] == "_"])
        of = (op.name,)
        for word in words:
            for name in (word, f"{word}_"):
                known = named.setdefault(name, of)
                if known is not of:
                    named[name] = known + of
    return named


@cache
def _methods() -> dict[str, bool]:
    """By name, the methods that are ops: whether they take arguments, as those that also work in place do not."""
    spelled = {spelling: op for op in LINES for spelling in op.spellings}
    methods: dict[str, bool] = {}
    for spelling, op in spelled.items():
        owner, _, name = spelling.rpartition(".")
        if owner.rpartition(".")[2][:1].isupper():
            is_elementwise = len(op.parameters) == 1 and f"{owner}.{name.rstrip('_')}_" in spelled
            methods[name] = methods.get(name, False) or not is_elementwise
    return methods


def _is_optimizer(module: str, name: str) -> bool:
    """It is an optimizer of torch, and not what they derive from."""
    return module == "torch.optim" and name[:1].isupper() and name != "Optimizer"


def _uses(name: str, code: str, bound: _Bound) -> bool:
    """Code calls the name or takes it out of a module; methods of its own are seen there, math computes numbers."""
    at = code.find(name)
    while at >= 0:
        end = at + len(name)
        before = code[max(code.rfind("\n", 0, at) + 1, at - 80) : at]
        if not before[-1:].isidentifier() and not before[-1:].isdigit() and not _goes_on(code, end):
            of_owner = before.endswith(".")
            chain = DOTTED.search(before) if of_owner else None
            owners = chain[0].split(".") if chain is not None else [""]
            if (owners[0] if of_owner else name) not in bound.numeric:
                if CALL.match(code, end) and not before.endswith(OWN) and not _is_harmless(name, code, end):
                    of_value = of_owner and not bound.stars and owners[0] not in bound.names
                    if not of_value or _is_method(name, code, end) or _renames(code, bound.modules):
                        return True
                taken = not bound.modules.isdisjoint(owners)
                if taken and not (code[end : end + 1] == "." and _goes_on(code, end + 1)):
                    return True
        at = code.find(name, end)
    return False


def _is_method(name: str, code: str, at: int) -> bool:
    """Tensors or distributions have a method of that name, and it takes what the call there gives."""
    takes_arguments = _methods().get(name)
    return takes_arguments is not None and (takes_arguments or EMPTY_CALL.match(code, at) is not None)


def _is_harmless(name: str, code: str, at: int) -> bool:
    return name in HARMLESS and HARMLESS[name].match(code, at) is not None


def _renames(code: str, modules: Set[str]) -> bool:
    """It gives a module another name: `functional = torch.nn.functional`."""
    return not modules.isdisjoint(RENAMED.findall(code))


def _goes_on(code: str, at: int) -> bool:
    """A word has a letter there."""
    return code[at : at + 1].isalnum() or code[at : at + 1] == "_"
