"""What the text of code shows of its arithmetic: divisions, powers, growth, infinities, selections by a mask."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nanlint.patterns import pattern

if TYPE_CHECKING:
    from nanlint.source import Source

WORD = pattern(r"[A-Za-z]\w*")
NAME = pattern(r"\b[A-Za-z_]\w*")
# the names that a row assigns to, alone or together, or an attribute, and what
ASSIGNED = pattern(r"^[ \t]*(self\.)?(\w[\w, ]*)(?::[^=\n]*)?=(?!=) *([^\n]*)", re.MULTILINE)
MULTIPLYING = ("*", "@", "pow", "square", "mul", "mm(")
GROWTH = pattern(
    r"(?:^|[:;])[ \t]*(?:self\.)?(\w+)\s*(?:[*@]=\s*\1\b|\*\*=|=[^=\n]*\b\1\s*[*@]\s*\1\b"
    r"|=[^=\n]*\b\1\s*\*\*|=.*(?:\b\1\.(?:square|pow|mul|matmul|mm)\("
    r"|\b(?:square|pow|mul|matmul|mm)\(\s*\1\b))",
    re.MULTILINE,
)
GROWTH_IN_PLACE = pattern(r"\.(?:square_|pow_)\(|\b(\w+)\.mul_\(\s*\1\b")
# a selection that may be empty is by a mask, and a mask is made by a test
REDUCTIONS = frozenset("mean std var median std_mean var_mean logsumexp min max amin amax quantile".split())
LOSSES = ("_loss", "_entropy", "Loss")
INDEX = pattern(r"\[(?<=[\w)\]]\[)([^\]\n]*)\]")
IS_TEST = pattern(
    r"[=!]=|<|(?<!-)>|~|\bis(?:nan|finite|inf)\(|logical_|where\(|\beq\(|\bne\(|nonzero|_select|\.bool\b"
    r"|BoolTensor|Bool\["
)
BOOLEANS = pattern(r"(\w+): *(?:\w+\.)*(?:BoolTensor|Bool\[)")
# what stands behind a slash: numbers and names in parentheses, or else a dotted name with the bracket that follows it,
# and with what it is clamped to where that is 1 or more
DIVISOR = pattern(
    r"/(?<![/:]/)=?(?![/=])\s*(?:\(((?:[\w\s+*-]|math\.pi|\d\.)+)\)(?!\.|\[)"
    r"|(?!\d)([A-Za-z_(\-](?:[\w.]*\.clamp(?:_min)?_?\((?:min=)?[1-9]\d*(?:\.\d*)?[,)]|[\w.]*[(\[]?)))"
)
SIZE = pattern(r"(?:len|int|float|math\.\w+)\($|math\.pi$|[\w.]+\.(?:shape\[|size\(|numel\(|ndim$|clamp(?:_min)?_?\(.)")
ANNOTATED = pattern(r"\b(\w+)\s*:\s*(?:Optional\[)?(?:int|float)\b")
SIZES = pattern(r"\w+\.(?:shape|size\()")
NUMBER = pattern(r"(?:len|int|float)\(|[\w.]+\s*//")
# behind a base; `**options` have none
POWER = pattern(r"\*\*(?:(?<=[\w)\]]\*\*)|(?<=[\w)\]]\s\*\*))=?(?!\s*\d*[02468]\b(?!\.))")
BASE = pattern(r"(?:\b([A-Za-z_]\w*)|[)\]])\s?\Z")
INFINITE = frozenset(("inf", "Inf", "infty", "Infinity", "infinity"))
HOLDS_INFINITY = pattern(r"(\w+)\s*(?::[^=\n]*)?=(?!=)[^\n]*\b[Ii]nf(?:ty|inity)?\b")


def grows(code: str) -> bool:
    """Some row multiplies a name with itself."""
    signs = [sign for sign in MULTIPLYING if sign in code]
    before = ""
    for row in code.split("\n") if signs else ():
        for sign in signs:
            if sign in row and ("=" in row or "=" in before or "_(" in row):
                # the name may stand in the row above
                if GROWTH.search(f"{before}\n{row}") or ("_(" in row and GROWTH_IN_PLACE.search(row)):
                    return True
                break
        before = row
    return False


def _are_numbers(names: Iterable[str], code: str) -> bool:
    """The names are plainly numbers: annotated so, or made from a shape, a length or a floor division."""
    left = set(names)
    if not left:
        return True
    left.difference_update(ANNOTATED.findall(code))
    for _, targets, value in ASSIGNED.findall(code) if left else ():
        if SIZES.match(value):
            left.difference_update(NAME.findall(targets))
        elif NUMBER.match(value):
            left.discard(targets.strip())
    return not left


def raises_more_than_numbers(code: str) -> bool:
    """Some base of a power is not plainly a number; even powers are defined everywhere."""
    bases = _bases(code)
    return bases is None or not _are_numbers(bases, code)


def raises(code: str) -> bool:
    """Some base of a power may be more than a number, for all that its names tell."""
    return _bases(code) != []


def _bases(code: str) -> list[str] | None:
    """The names that are raised to a power; None where something else is."""
    if "**" not in code:
        return []
    starts = [power.start() for power in POWER.finditer(code)]
    bases = [base[1] for at in starts if (base := BASE.search(code[max(at - 80, 0) : at]))]
    return None if None in bases else bases


def divides_by_more_than_numbers(code: str) -> bool:
    """Some divisor is not plainly a number: a literal, a length, a shape, a name that is annotated or made as one."""
    names = _divisors(code)
    return names is None or not _are_numbers(names, code)


def divides(code: str) -> bool:
    """Some divisor may be more than a number, for all that its names tell."""
    return _divisors(code) != []


def _divisors(code: str) -> list[str] | None:
    """The names that stand in divisors; None where one is more than names and numbers."""
    names: list[str] = []
    for group, name in DIVISOR.findall(code) if "/" in code else ():
        if not name:
            names += NAME.findall(group.replace("math.pi", ""))
        elif name.isidentifier():
            names.append(name)
        elif not SIZE.match(name):
            return None
    return names


def infinite(rows: Iterable[str]) -> frozenset[str]:
    """The words for infinity, and the names to which these rows give it: `self.blocked = float("-inf")`."""
    holding = (row for row in rows if ("inf" in row or "Inf" in row) and "=" in row)
    return INFINITE.union(*map(HOLDS_INFINITY.findall, holding))


def reducers(source: Source) -> frozenset[str]:
    """The words of a file that name what gives nan for a tensor without elements."""
    losses = any(loss in source.vocabulary for loss in LOSSES)
    found = [word for word in source.words if word.endswith(LOSSES)] if losses else ()
    return REDUCTIONS.intersection(source.words).union(found)


def selects(code: str) -> bool:
    """It indexes by a test or by a name that holds one: a selection by a mask may be empty."""
    if "_select" in code or "nonzero" in code:
        return True
    inside = "\n".join(INDEX.findall(code))
    if not inside:
        return False
    if IS_TEST.search(inside):
        return True
    used = set(WORD.findall(inside))
    if "Bool" in code and not used.isdisjoint(BOOLEANS.findall(code)):
        return True
    return any(
        not attribute and not used.isdisjoint(WORD.findall(targets)) and IS_TEST.search(value)
        for attribute, targets, value in ASSIGNED.findall(code)
    )
