"""What the text of code shows of its arithmetic: divisions, powers, growth, infinities, selections by a mask."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nanlint.patterns import pattern
from nanlint.source.lex import APART

if TYPE_CHECKING:
    from nanlint.source import Source

WORD = pattern(r"[A-Za-z]\w*")
# the names that a row assigns to, alone or together, or an attribute, and what
ASSIGNED = pattern(r"^[ \t]*(self\.)?(\w[\w, ]*)(?::[^=\n]*)?=(?!=) *([^\n]*)", re.MULTILINE)
MULTIPLYING = ("*", "@", "pow", "square", "mul", "mm(")
GROWTH = pattern(
    r"(?:^|[:;])[ \t]*(?:self\.)?(\w+)\s*(?:[*@]=\s*\1\b|\*\*=|=[^=\n]*\b\1\s*(?:[*@]\s*\1\b|\*\*))", re.MULTILINE
)
CALLS = ("square(", "pow(", "mul(", "mm(")
GROWTH_BY_CALL = pattern(
    r"(?:^|[:;])[ \t]*(?:self\.)?(\w+)\s*=.*(?:\b\1\.(?:square|pow|mul|matmul|mm)\("
    r"|\b(?:square|pow|mul|matmul|mm)\(\s*\1\b)",
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
# what stands behind a slash: numbers and names in parentheses, or else a dotted name with the bracket that follows it
DIVISOR = pattern(r"/(?<![/:]/)=?(?![/=])\s*(?:\(((?:[\w\s+*-]|math\.pi|\d\.)+)\)(?!\.|\[)|([A-Za-z_(\-][\w.]*[(\[]?))")
CLAMPS = (".clamp(", ".clamp_(", ".clamp_min(", ".clamp_min_(")
ONE_OR_MORE = pattern(r"(?:min=)?[1-9]\d*(?:\.\d*)?[,)]")
EVEN = frozenset("02468")
CONVERSIONS = frozenset({"len(", "int(", "float("})
SIZES_OF = (".shape[", ".size(", ".numel(", ".ndim")
MADE_AS_NUMBER = (".shape", ".size(", "len(", "int(", "float(", "//")
ANNOTATED = pattern(r"\b(\w+)\s*:\s*(?:Optional\[)?(?:int|float)\b")
SIZES = pattern(r"\w+\.(?:shape|size\()")
NUMBER = pattern(r"(?:len|int|float)\(|[\w.]+\s*//")
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
                both = f"{before}\n{row}"
                if _is_operand(both) and GROWTH.search(both):
                    return True
                if any(call in both for call in CALLS) and GROWTH_BY_CALL.search(both):
                    return True
                if "_(" in row and GROWTH_IN_PLACE.search(row):
                    return True
                break
        if row and not row.isspace():
            before = row
    return False


def _is_operand(code: str) -> bool:
    """Some star stands behind a name: it stands before one that is handed on as `*arguments`."""
    return any(_is_letter(before.rstrip()[-1:]) for star in "*@" for before in code.split(star)[:-1])


def _is_letter(character: str) -> bool:
    """It may stand in a name."""
    return character.isalnum() or character == "_"


def _are_numbers(names: Iterable[str], code: str) -> bool:
    """The names are plainly numbers: annotated so, or made from a shape, a length or a floor division."""
    left = set(names)
    if not left:
        return True
    if "int" in code or "float" in code:
        left.difference_update(ANNOTATED.findall(code))
    may_be_made = left and any(sign in code for sign in MADE_AS_NUMBER)
    for _, targets, value in ASSIGNED.findall(code) if may_be_made else ():
        if SIZES.match(value):
            left.difference_update(targets.translate(APART).split())
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
    """The names that are raised to powers that are no even numbers; None where something else is."""
    if "**" not in code:
        return []
    names: list[str] = []
    at = code.find("**")
    while at >= 0:
        before, exponent = code[max(at - 80, 0) : at], code[at + 2 : at + 40].lstrip()
        before = before[:-1] if before[-1:].isspace() else before
        behind = exponent.lstrip("0123456789")
        number = exponent[: len(exponent) - len(behind)]
        is_even = number[-1:] in EVEN and not _is_letter(behind[:1]) and behind[:1] != "."
        if before.endswith((")", "]")) and not is_even:
            return None
        word = before.translate(APART).rpartition(" ")[2]
        if word and not word[0].isdigit() and not is_even:
            names.append(word)
        at = code.find("**", at + 2)
    return names


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
    for found in DIVISOR.finditer(code) if "/" in code.replace("//", "") else ():
        group, name = found.groups()
        if not name:
            words = group.replace("math.pi", "").translate(APART).split()
            names += [word for word in words if not word[0].isdigit()]
        elif name.isidentifier():
            names.append(name)
        elif not (_is_size(name) or (name.endswith(CLAMPS) and ONE_OR_MORE.match(code, found.end()))):
            return None
    return names


def _is_size(divisor: str) -> bool:
    """A name with the bracket behind it that plainly gives a number."""
    if divisor in CONVERSIONS or divisor == "math.pi" or (divisor.startswith("math.") and divisor.endswith("(")):
        return True
    return divisor[0] not in "(-" and divisor.endswith(SIZES_OF)


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
