"""Which definitions are worth a look at all, judged by their text before any syntax tree of them is built."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from nanlint.ops import LINES
from nanlint.ops.names import NAMESPACES, is_absent

if TYPE_CHECKING:
    from nanlint.source import Definition, Source

# these are no hazard by themselves: what makes them one (a log, an exp, a division) is a trigger of its own
SILENT = frozenset({"add", "sub", "mul", "where", "masked_fill", "nan_to_num", "clamp", "sum", "matmul"})
# no hazard either but for what goes in, of which the sign of "model-call" speaks
LAYERS = frozenset(
    """linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d rnn rnn_cell lstm
    lstm_cell gru gru_cell""".split()
)
OPERATORS = {
    "lt": r"<",
    "gt": r"(?<!-)>",
    "pow": r"(?:\b[A-Za-z_]\w*|[)\]])\s?\*\*=?(?!\s*\d*[02468]\b(?!\.))",
}
# by site: the words of which code must hold one, and the pattern that it must then show
SITES = {
    "training-step": (
        "",
        r"\.step\(|backward\(|def training_step\b|_hook\(|\bTrainer\(|clip_\w*grad|grad\w*_clip|optimizer_step\(",
    ),
    "optimizer": (
        "",
        r"\blr=|\b(?:optim\.|SGD|Adam|AdamW|NAdam|RAdam|Adamax|Adagrad|Adadelta|RMSprop|Rprop|LBFGS)\w*\(",
    ),
    "loop-growth": (
        "for while",
        (
            r"\b(\w+)\s*(?:[*@]=\s*\1\b|\*\*=|=[^=\n]*\b\1\s*[*@]\s*\1\b|=[^=\n]*\b\1\s*\*\*"
            r"|=.*\b(?:square|pow|mul|matmul|mm)\b)|\.(?:square_|pow_|mul_)\("
        ),
    ),
    "mul": ("", r"\b[Ii]nf(?:ty|inity)?\b"),
    "nan-check": ("", r"isnan|isfinite|isinf|!="),
    # a file that speaks of complex numbers: what is called need not say what it is, as in self.act(self.conv(x))
    "complex-backward": (
        "",
        (
            r"\.backward\(|(?i:complex)|cfloat|cdouble|fft|polar|\d[jJ]\b|\bself\.\w+\("
            r"|(?i:act|loss|criterion|model|net)\w*\("
        ),
    ),
    "model-call": ("rand randn rand_like randn_like", r"\d{3}|\d_\d|\d\.?[eE]\+?\d|\*\*"),
}
# the texts of `float("inf")` stay
STRING = re.compile(r"(['\"][-+]?[Ii]nf(?:inity)?['\"])|'[^'\\\n]*'|\"[^\"\\\n]*\"")
WORD = re.compile(r"[A-Za-z]\w*")
# a selection that may be empty is by a mask, and a mask is made by a test
REDUCTION = re.compile(
    r"\b(?:mean|std|var|median|std_mean|var_mean|logsumexp|min|max|amin|amax|quantile)\b|(?:_loss|_entropy|Loss)\b"
)
INDEX = re.compile(r"\w\[([^\]\n]*)\]|(_select|nonzero)")
TEST = (
    r"[=!]=|<|(?<!-)>|~|\bis(?:nan|finite|inf)\(|logical_|where\(|\beq\(|\bne\(|nonzero|_select|\.bool\b"
    r"|BoolTensor|Bool\["
)
TESTED = re.compile(
    rf"^[ \t]*([\w, ]+?)\s*(?::[^=\n]*)?=(?!=)[^\n]*?(?:{TEST})|(\w+): *(?:\w+\.)*(?:BoolTensor|Bool\[)", re.MULTILINE
)
# what stands behind a slash: numbers and names in parentheses, or else a dotted name with the bracket that follows it
DIVISOR = re.compile(r"(?<![/:])/=?(?![/=])\s*(?:\(([\w\s+*-]+)\)(?!\.|\[)|(?!\d)([A-Za-z_(\-][\w.]*[(\[]?))")
SIZE = re.compile(r"(?:len|int|float|math\.\w+)\($|[\w.]+\.(?:shape\[|size\(|numel\(|ndim$)")
NUMBERS = re.compile(
    r"\b(\w+)\s*:\s*(?:Optional\[)?(?:int|float)\b|^[ \t]*([\w, ]+?)\s*=\s*\w+\.(?:shape|size\()"
    r"|^[ \t]*(\w+)\s*=\s*(?:len|int|float)\(",
    re.MULTILINE,
)
IS_TEST = re.compile(TEST)
HELPER_ROWS = 12
PARTS = re.compile(r"\.(backward|manual_backward|step)\(")
IMPORTED = re.compile(r"(?:^|[,(])\s*(\w+)")
FROM_TORCH = re.compile(r"^[^\S\n]*from\s+(torch[\w.]*)\s+import\s+(\([^)]*\)|[^\n(]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Sign:
    """Code shows it by one of the words, where there are any, and then by each of the patterns."""

    words: frozenset[str]
    patterns: tuple[re.Pattern[str], ...] = ()


@lru_cache(maxsize=64)
def _signs(listened: frozenset[str]) -> tuple[_Sign, ...]:
    """The signs by which code shows that it holds one of these."""
    words: set[str] = set()
    patterns: list[str] = []
    signs: list[_Sign] = []
    for op in LINES:
        if op.name in listened and op.name not in SILENT and op.name not in LAYERS:
            words.update(spelling.rsplit(".", 1)[-1].rstrip("_") for spelling in op.spellings)
            if op.name in OPERATORS:
                patterns.append(OPERATORS[op.name])
    words |= {word + "_" for word in words}
    for site, (needed, pattern) in SITES.items():
        if site in listened and needed:
            signs.append(_Sign(frozenset(needed.split()), (re.compile(pattern, re.MULTILINE),)))
        elif site in listened:
            patterns.append(pattern)
    if patterns:
        signs.append(_Sign(frozenset(), (re.compile("|".join(dict.fromkeys(patterns)), re.MULTILINE),)))
    return (_Sign(frozenset(words)), *signs)


def triggers(listened: frozenset[str], imports: Mapping[str, str]) -> Callable[[str], bool]:
    """A test of a definition's code: could a rule that listens to these ops have anything to say of it?"""
    first, *others = _signs(listened)
    called_otherwise = {name for name, target in imports.items() if target.rpartition(".")[2] in first.words}
    signs = (_Sign(first.words | called_otherwise), *others) if called_otherwise else (first, *others)

    averages, divides = "empty-reduction" in listened, "div" in listened

    def shows(code: str) -> bool:
        code = STRING.sub(r"''\1", code)
        words = set(WORD.findall(code))
        for sign in signs:
            if sign.words and sign.words.isdisjoint(words):
                continue
            if all(pattern.search(code) for pattern in sign.patterns):
                return True
        return divides and _divides_by_more_than_numbers(code) or averages and _averages_a_selection(code)

    aliases = {name: target for name, target in imports.items() if target in NAMESPACES}
    if "unknown-name" not in listened or not any(target.startswith("torch") for target in imports.values()):
        return shows
    dotted = re.compile(rf"\b({'|'.join(map(re.escape, aliases)) or 'torch'})((?:\.[A-Za-z]\w*)+)")

    def test(code: str) -> bool:
        if shows(code):
            return True
        if any(_absent(aliases.get(alias, alias), rest) for alias, rest in dotted.findall(code)):
            return True
        return any(
            is_absent(f"{module}.{name}")
            for module, names in FROM_TORCH.findall(code)
            for name in IMPORTED.findall(names)
        )

    return test


def _divides_by_more_than_numbers(code: str) -> bool:
    """Some divisor is not plainly a number: a literal, a length, a shape, a name that is annotated or made as one."""
    divisors = DIVISOR.findall(code)
    if not divisors:
        return False
    numbers = {name for names in NUMBERS.findall(code) for name in WORD.findall(" ".join(names))}
    for group, name in divisors:
        if not (SIZE.match(name) if name else numbers.issuperset(WORD.findall(group))) and name not in numbers:
            return True
    return False


def _averages_a_selection(code: str) -> bool:
    """It reduces something, and indexes by a test or by a name that holds one: a selection by a mask may be empty."""
    if REDUCTION.search(code) is None:
        return False
    indices = [inside + other for inside, other in INDEX.findall(code)]
    if any(IS_TEST.search(inside) for inside in indices):
        return True
    if not indices:
        return False
    used = set(WORD.findall(" ".join(indices)))
    return any(not used.isdisjoint(WORD.findall(names + other)) for names, other in TESTED.findall(code))


def _absent(name: str, rest: str) -> bool:
    """Some step from `name` along the attributes `.rest` is none that torch has."""
    for part in rest.split(".")[1:]:
        name = f"{name}.{part}"
        if is_absent(name):
            return True
    return False


def _calls(names: set[str]) -> Callable[[str], bool]:
    """A test of code: does it call a function of one of these names?"""
    if not names:
        return lambda code: False
    calls = re.compile(rf"(?<!def )\b(?:{'|'.join(sorted(map(re.escape, names)))})\(")
    return lambda code: calls.search(code) is not None


def drivers(listened: frozenset[str], source: Source) -> Callable[[str], bool]:
    """A test of a definition's code: does it call a function with a part of a training step, such as backward alone?"""
    if "training-step" not in listened or "backward(" not in source.text:
        return lambda code: False
    names: set[str] = set()
    for definition in source.index.definitions:
        parts = set(PARTS.findall(definition.code))
        if definition.kind == "function" and len(parts & {"backward", "manual_backward"}) != len(parts & {"step"}):
            names.add(definition.name)
    names -= {"forward", "__init__", "__call__"}
    return _calls(names)


def callers(definitions: Iterable[Definition], hazardous: Container[Definition]) -> Callable[[str], bool]:
    """A test of a definition's code: does it call a short function that does what may be a hazard to its argument?"""
    names = {
        d.name
        for d in definitions
        if d.kind == "function" and d.owner is None and d.code.count("\n") <= HELPER_ROWS
        if d in hazardous or REDUCTION.search(d.code)
    }
    return _calls(names)
