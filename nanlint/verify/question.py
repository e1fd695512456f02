"""What a search is asked about a finding. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nanlint.finding import Finding
from nanlint.run import rules_of
from nanlint.verify.place import module_of

# The kinds of rules that a proof of finite values answers.
OF_VALUES = ("domain", "division", "overflow", "loss")
# Operations that make a value that is not finite of values that are, each by its own.
ELEMENTWISE = frozenset(
    """log log2 log10 log1p sqrt rsqrt pow div reciprocal exp exp2 expm1 acos asin acosh atanh logit lgamma digamma
    std var mean""".split()
)


def question_of(finding: Finding, *, alone: bool) -> dict[str, Any]:
    """All but how to import the file, as `search.search` takes it; `alone`: the file does not import as a whole."""
    return {
        "do": "search",
        "alone": alone,
        "start": finding.start,
        "end": finding.end,
        "foreign": _foreign(finding),
        "precise": _kind(finding) == "precision",
        "title": f"{finding.code} {finding.name} at {finding.path}:{finding.start.row}: {finding.message}",
        "name": f"{Path(finding.path).stem}_{finding.start.row}_{finding.code}",
    }


def import_of(path: Path) -> dict[str, str]:
    """How to import a file: its path, the folder to import from and its name there."""
    folder, module = module_of(path)
    return {"path": str(path), "root": str(folder), "module": module}


def is_of_values(finding: Finding) -> bool:
    """Whether the finding's rule is about a value that is not finite, and not about a gradient or something else."""
    return _kind(finding) in OF_VALUES


def _kind(finding: Finding) -> str:
    """The kind of the finding's rule; "" for one of a pack that is not installed."""
    return next((rule.kind for rule in rules_of(()) if rule.code == finding.code), "")


def _foreign(finding: Finding) -> list[str]:
    """The operations whose failure is another finding than this one, or than those that its rule stands for."""
    rules = rules_of(())
    names = {name for rule in rules if rule.code == finding.code for name in (rule.name, *rule.over)}
    own = {op for rule in rules if rule.name in names for op in rule.at}
    return sorted(ELEMENTWISE - own) if own & ELEMENTWISE and is_of_values(finding) else []
