"""Whether code names an op: calls it, hands it on, or imports it, judged by its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Set
from functools import cache
from typing import TYPE_CHECKING

from nanlint.ops import BY_WORD, by_spelling
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
    imports = index.imports
    words = {word for word in _words() & index.source.words for op in BY_WORD[word.rstrip("_")] if op.name in ops}
    imported: set[str] = set()
    modules: set[str] = set()
    numeric: set[str] = set()
    for name, target in imports.items():
        module, _, last = target.rpartition(".")
        if "math" in (module, target):
            numeric.add(name)
        elif ("optimizer" in ops and _is_optimizer(module, last)) or any(
            op.name in ops for op in BY_WORD.get(last.rstrip("_"), ())
        ):
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
def _words() -> frozenset[str]:
    """The words that name ops, those that work in place included."""
    return frozenset(BY_WORD).union([f"{word}_" for word in BY_WORD])


@cache
def _takes_arguments(name: str) -> bool | None:
    """A method of that name takes arguments, as those do not that also work in place; None where it is no op."""
    takes: bool | None = None
    for op in BY_WORD.get(name.rstrip("_"), ()):
        for owner in ("torch.Tensor", "torch.distributions.Distribution"):
            if f"{owner}.{name}" in op.spellings:
                is_elementwise = len(op.parameters) == 1 and by_spelling(f"{owner}.{name.rstrip('_')}_") is not None
                takes = takes or not is_elementwise
    return takes


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
    takes_arguments = _takes_arguments(name)
    return takes_arguments is not None and (takes_arguments or EMPTY_CALL.match(code, at) is not None)


def _is_harmless(name: str, code: str, at: int) -> bool:
    return name in HARMLESS and HARMLESS[name].match(code, at) is not None


def _renames(code: str, modules: Set[str]) -> bool:
    """It gives a module another name: `functional = torch.nn.functional`."""
    return not modules.isdisjoint(RENAMED.findall(code))


def _goes_on(code: str, at: int) -> bool:
    """A word has a letter there."""
    return code[at : at + 1].isalnum() or code[at : at + 1] == "_"
