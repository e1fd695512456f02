"""Which definitions are worth a look at all, judged by their text before any syntax tree of them is built."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from nanlint.ops import LINES
from nanlint.ops.names import NAMESPACES, is_absent

if TYPE_CHECKING:
    from nanlint.rule import Rule
    from nanlint.source import Definition, Source
    from nanlint.source.index import Index

# these are no hazard by themselves: what makes them one (a log, an exp, a division) is a trigger of its own
SILENT = frozenset(
    "add sub mul where masked_fill nan_to_num clamp sum matmul normal sample rsample eq ne isin".split()
)  # fmt: skip
# no hazard either but for what goes in, of which the sign of "model-call" speaks
LAYERS = frozenset(
    """linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d rnn rnn_cell lstm
    lstm_cell gru gru_cell multi_head_attention""".split()
)
# hazards beside -inf alone
MASKABLE = frozenset({"softmax", "log_softmax", "logsumexp"})
MASKS = ("masked_fill", "finfo", "_mask")
# the first letters stand in front of what has to be before them: text is searched for them alone, which is fast
INFINITIES = tuple(re.compile(rf"{inf}(?<=\b{inf})(?:ty|inity)?\b") for inf in ("inf", "Inf"))
# hazards in half precision alone, which has signs of its own
IN_HALF = frozenset(
    """tensor as_tensor scalar_tensor new_tensor arange full full_like new_full fill fill_
    index_fill masked_fill clamp clamp_min clamp_max hardtanh threshold pad rsub mean nanmean nansum normalize
    cosine_similarity""".split()
)
# nor these, unless they are told to do without an eps
NORMALISING = frozenset(
    "layer_norm batch_norm group_norm rms_norm normalize cosine_similarity gaussian_nll_loss".split()
)
# by site or operator: the words of which code must hold one, and the patterns of which it must then show one. Patterns
# that start with a literal are found fast, an alternation is not.
SITES: dict[str, tuple[str, tuple[str, ...]]] = {
    "lt": ("", ("<",)),
    "gt": ("", ("(?<!-)>",)),
    "identity-test": (
        "nan NaN NAN",
        (
            r"[!=]=[^\n]*(?i:nan)\b", r"(?i:\bnan)\W*?[!=]=", r"(?i:\bnan)\W* (?:not )?in\b",
            r"\b(?:is|in)\b[^\n]*(?i:\bnan)\b", r"\b(?:eq|ne|isin|not_equal)\([^\n]*(?i:\bnan)\b",
            r"^\s*\w+ = (?:float\(|\w+\.)?\W?(?i:nan)\W*$",
        ),
    ),
    "training-step": (
        "",
        (
            r"\.step\(", r"backward\(", r"def training_step\b", r"register_hook\(", r"backward_hook\(", r"grad_hook\(",
            r"Trainer\(", r"clip_\w*grad", r"grad\w*_clip", r"optimizer_step\(",
        ),
    ),
    "optimizer": (
        "", (r"optim\.\w*\(", r"SGD\w*\(", r"Ada\w*\(", r"Adam\w*\(", r"RMSprop\w*\(", r"Rprop\w*\(", r"LBFGS\w*\(")
    ),
    "loop-growth": (
        "for while",
        (
            (r"(?:^|[:;])[ \t]*(?:self\.)?(\w+)\s*(?:[*@]=\s*\1\b|\*\*=|=[^=\n]*\b\1\s*[*@]\s*\1\b"
            r"|=[^=\n]*\b\1\s*\*\*|=.*(?:\b\1\.(?:square|pow|mul|matmul|mm)\("
            r"|\b(?:square|pow|mul|matmul|mm)\(\s*\1\b))"),
            r"\.(?:square_|pow_)\(",
            r"\b(\w+)\.mul_\(\s*\1\b",
        ),
    ),
    # a file that speaks of complex numbers: what is called need not say what it is, as in self.act(self.conv(x))
    "complex-backward": (
        "",
        (
            r"\.backward\(", r"(?<![A-Za-z])(?:[Cc]omplex|polar)", r"cfloat", r"cdouble", r"fft", r"\d[jJ]\b",
            r"\bself\.\w+\(", r"(?<![A-Za-z])(?i:act|loss|criterion|model|net)\w*\(",
        ),
    ),
    "normal": ("normal", (r"\bnormal\(",)),  # nn.init.normal_ is in every other file
    # modules are called by names of their own, `self.attend(scores)`: what they are given shows
    "softmax": ("inf Inf infty", ("fill", r"where\(", r"\]\s*=")),
    "log_softmax": ("softmax log_softmax", (r"softmax\([\s\S]*?softmax\(",)),
    "multi_head_attention": ("key_padding_mask attn_mask", (r"_mask\s*=",)),
    # casts to half; what is made in half or computed under autocast says so too
    "cast": ("", (r"\.half\b", r"float16\b", r"autocast\b", r"HalfTensor\b")),
    "module-made": ("eps", (r"eps\s*=\s*0(?:\.0*)?(?![\d.e])",)),
    # of gradients; elsewhere it is the cure that somebody chose
    "nan_to_num": ("nan_to_num nan_to_num_", (r"\.grad\b",)),
    "model-call": ("rand randn rand_like randn_like", (r"\d{3}|\d_\d|\d\.?[eE]\+?\d|\*\*",)),
}  # fmt: skip
WORD = re.compile(r"[A-Za-z]\w*")
CALLED = re.compile(r"([A-Za-z]\w*)\(")
# a selection that may be empty is by a mask, and a mask is made by a test
REDUCTIONS = frozenset("mean std var median std_mean var_mean logsumexp min max amin amax quantile".split())
LOSSES = ("_loss", "_entropy", "Loss")
INDEX = re.compile(r"\w\[([^\]\n]*)\]|(_select|nonzero)")
TEST = (
    r"[=!]=|<|(?<!-)>|~|\bis(?:nan|finite|inf)\(|logical_|where\(|\beq\(|\bne\(|nonzero|_select|\.bool\b"
    r"|BoolTensor|Bool\["
)
ASSIGNED = re.compile(r"^[ \t]*([\w, ]+?)\s*(?::[^=\n]*)?=(?!=)([^\n]*)", re.MULTILINE)
BOOLEANS = re.compile(r"(\w+): *(?:\w+\.)*(?:BoolTensor|Bool\[)")
# what stands behind a slash: numbers and names in parentheses, or else a dotted name with the bracket that follows it
DIVISOR = re.compile(r"(?<![/:])/=?(?![/=])\s*(?:\(([\w\s+*-]+)\)(?!\.|\[)|(?!\d)([A-Za-z_(\-][\w.]*[(\[]?))")
SIZE = re.compile(r"(?:len|int|float|math\.\w+)\($|[\w.]+\.(?:shape\[|size\(|numel\(|ndim$)")
NUMBERS = re.compile(
    r"\b(\w+)\s*:\s*(?:Optional\[)?(?:int|float)\b|^[ \t]*([\w, ]+?)\s*=\s*\w+\.(?:shape|size\()"
    r"|^[ \t]*(?:self\.)?(\w+)\s*=\s*(?:(?:len|int|float)\(|[\w.]+\s*//)",
    re.MULTILINE,
)
POWER = re.compile(r"(?:\b([A-Za-z_]\w*)|[)\]])\s?\*\*=?(?!\s*\d*[02468]\b(?!\.))")
IS_TEST = re.compile(TEST)
INFINITE = frozenset(("inf", "Inf", "infty", "Infinity", "infinity"))
HOLDS_INFINITY = re.compile(r"(\w+)\s*(?::[^=\n]*)?=(?!=)[^\n]*\b[Ii]nf(?:ty|inity)?\b")
MULTIPLIED = re.compile(r"[\w)\]]\s*\*=?(?!\*)|\bmul(?:tiply)?_?\(")
# a criterion with class weights, which methods call by a name of their own
WEIGHTED = re.compile(r"Loss\((?:(?<=CrossEntropyLoss\()|(?<=NLLLoss\())[^)]*weight")
# criteria that are a hazard by what goes in or how they are made, and how methods call them
CRITERIA = ("CrossEntropyLoss(", "WithLogitsLoss(", "NLLLoss(", "KLDivLoss(", "CTCLoss(")
CRITERION = re.compile(r"\bself\.\w*(?i:loss|criterion|entropy)\w*\(")
HELPER_ROWS = 12
# methods that are called without their name, or whose callers are everywhere
ANYWHERE = frozenset({"forward", "__init__", "__call__", "update", "compute", "step"})
MODULES = frozenset({"torch", "numpy", "math"})
PARTS = re.compile(r"\.(backward|manual_backward|step)\(")
IMPORTED = re.compile(r"(?:^|[,(])\s*(\w+)")
FROM_TORCH = re.compile(r"^[^\S\n]*from\s+(torch[\w.]*)\s+import\s+(\([^)]*\)|[^\n(]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Signs:
    """How code shows that it holds an op: `words` name one, `patterns` are searched where a word of theirs stands."""

    words: frozenset[str]
    patterns: tuple[tuple[frozenset[str], tuple[re.Pattern[str], ...]], ...]


@lru_cache(maxsize=64)
def _signs(listened: frozenset[str], masks: bool) -> _Signs:
    """The signs by which code shows that it holds one of these, in a file that masks logits or does not."""
    words: set[str] = set()
    quiet = SILENT | LAYERS
    if "complex-backward" not in listened:
        quiet |= IN_HALF | NORMALISING if masks else IN_HALF | NORMALISING | MASKABLE
    for op in LINES:
        if op.name in listened - quiet:
            words.update(spelling.rsplit(".", 1)[-1].rstrip("_") for spelling in op.spellings)
    words |= {word + "_" for word in words}
    patterns = [
        (frozenset(needed.split()), tuple(re.compile(pattern, re.MULTILINE) for pattern in some))
        for site, (needed, some) in SITES.items()
        if site in listened
    ]
    return _Signs(frozenset(words), tuple(patterns))


def _masks(text: str) -> bool:
    return any(word in text for word in MASKS) or any(infinity.search(text) for infinity in INFINITIES)


def _is_sign(target: str, words: frozenset[str], listened: frozenset[str]) -> bool:
    """What is imported from there is an op or optimizer that is listened to."""
    module, _, name = target.rpartition(".")
    return name in words or ("optimizer" in listened and module == "torch.optim")


@lru_cache(maxsize=256)
def _uses(imported: frozenset[str], modules: frozenset[str]) -> re.Pattern[str]:
    """Finds the names that code calls or takes out of torch; those of methods of its own are seen in their bodies."""
    parts = [r"(?<!\bdef )(?<!\bself\.)(?<!\bsuper\(\)\.)\b([A-Za-z]\w*)\s*\("]
    if modules:
        parts.append(rf"\b(?:{'|'.join(map(re.escape, sorted(modules)))})(?:\.\w+)*\.(\w+)")
    if imported:
        parts.append(rf"\b({'|'.join(map(re.escape, sorted(imported)))})\b")
    return re.compile("|".join(f"(?:{part})" for part in parts))


def mentioned(rules: Iterable[Rule], definitions: Iterable[Definition]) -> list[Rule]:
    """The rules that have something to do with what the code speaks of, whatever its docstrings and comments do."""
    code = "\n".join(definition.code for definition in definitions)
    return [rule for rule in rules if not rule.mentions or any(_stands(text, code) for text in rule.mentions)]


def _stands(text: str, code: str) -> bool:
    """The text starts a word or a part of one: `polar` in `to_polar`, not in `bipolar`."""
    before = r"(?<![A-Za-z])" if text[0].isalnum() else ""
    return text in code and re.search(before + re.escape(text), code) is not None


def triggers(listened: frozenset[str], index: Index) -> Callable[[str], bool]:
    """A test of a definition's code: could a rule that listens to these ops have anything to say of it?"""
    signs, imports = _signs(listened, _masks(index.source.text)), index.imports
    imported = frozenset(name for name, target in imports.items() if _is_sign(target, signs.words, listened))
    modules = frozenset(name for name, target in imports.items() if target.partition(".")[0] in MODULES)
    uses = _uses(imported, modules)
    names = signs.words | imported
    weighted = "cross_entropy" in listened and WEIGHTED.search(index.source.text) is not None
    asked = not listened.isdisjoint(("multilabel_soft_margin_loss", "ctc_loss"))
    measures = asked and any(text in index.source.text for text in CRITERIA)
    diverges = "kl_div" in listened and "KLDivLoss" in index.source.text
    divides, powers = "div" in listened, "pow" in listened
    averages, criteria = "empty-reduction" in listened, {"self"} if "Loss(" in index.source.text else set()
    infinite = _infinite(index.definitions) if "mul" in listened and "inf" in index.source.text.lower() else frozenset()

    def shows(code: str) -> bool:
        words = set(WORD.findall(code))
        if not names.isdisjoint(words):
            if words >= {"import", "def"}:
                return True  # a name that is bound within the function
            if any(name in names for found in uses.findall(code) for name in found if name):
                return True
        for needed, patterns in signs.patterns:
            if (not needed or not needed.isdisjoint(words)) and any(pattern.search(code) for pattern in patterns):
                return True
        return (
            divides and _divides_by_more_than_numbers(code)
            or powers and _raises_more_than_numbers(code)
            or averages and (_reduces(words) or not criteria.isdisjoint(words)) and _selects(code)
            or measures and CRITERION.search(code) is not None
            or (weighted or diverges) and "self" in words
            or not infinite.isdisjoint(words) and MULTIPLIED.search(code) is not None
        )  # fmt: skip

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


def _numbers(code: str) -> set[str]:
    """The names that are plainly numbers: annotated so, or made from a shape, a length or a floor division."""
    return {name for names in NUMBERS.findall(code) for name in WORD.findall(" ".join(names))}


def _raises_more_than_numbers(code: str) -> bool:
    """Some base of a power is not plainly a number; even powers are defined everywhere."""
    bases = POWER.findall(code) if "**" in code else ()
    return bool(bases) and not _numbers(code).issuperset(bases)


def _divides_by_more_than_numbers(code: str) -> bool:
    """Some divisor is not plainly a number: a literal, a length, a shape, a name that is annotated or made as one."""
    divisors = DIVISOR.findall(code) if "/" in code else ()
    if not divisors:
        return False
    numbers = _numbers(code)
    for group, name in divisors:
        if not (SIZE.match(name) if name else numbers.issuperset(WORD.findall(group))) and name not in numbers:
            return True
    return False


def _infinite(definitions: Iterable[Definition]) -> frozenset[str]:
    """The words for infinity, and the names to which the file gives it: `self.blocked = float("-inf")`."""
    rows = (row for definition in definitions for row in definition.code.split("\n") if "inf" in row or "Inf" in row)
    return INFINITE.union(*map(HOLDS_INFINITY.findall, rows))


def _reduces(words: set[str]) -> bool:
    return not words.isdisjoint(REDUCTIONS) or any(word.endswith(LOSSES) for word in words)


def _selects(code: str) -> bool:
    """It indexes by a test or by a name that holds one: a selection by a mask may be empty."""
    indices = [inside + other for inside, other in INDEX.findall(code)]
    if any(IS_TEST.search(inside) for inside in indices):
        return True
    if not indices:
        return False
    used = set(WORD.findall(" ".join(indices)))
    return not used.isdisjoint(BOOLEANS.findall(code)) or any(
        not used.isdisjoint(WORD.findall(names)) and IS_TEST.search(given) for names, given in ASSIGNED.findall(code)
    )


def _absent(name: str, rest: str) -> bool:
    """Some step from `name` along the attributes `.rest` is none that torch has."""
    for part in rest.split(".")[1:]:
        name = f"{name}.{part}"
        if is_absent(name):
            return True
    return False


def _calls(names: set[str], before: str = r"(?<!def )\b", behind: str = "") -> Callable[[str], bool]:
    """A test of code: does it call a function of one of these names?"""
    if not names:
        return lambda code: False
    calls = re.compile(rf"{before}(?:{'|'.join(sorted(map(re.escape, names)))})\({behind}")
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
    names: set[str] = set()
    methods: set[str] = set()
    for d in definitions:
        if d.kind == "function" and d.code.count("\n") <= HELPER_ROWS:
            if d.owner is None and (d in hazardous or _reduces(set(CALLED.findall(d.code)))):
                names.add(d.name)
            elif d in hazardous and d.name not in ANYWHERE:
                methods.add(d.name)
    functions, own = _calls(names), _calls(methods, r"\bself\.", r"(?!\))")
    return lambda code: functions(code) or own(code)
