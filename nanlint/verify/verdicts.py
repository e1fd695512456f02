"""A verdict for each finding: search in one child process, and run the script that shows it in another. No torch."""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from nanlint.cache import Cache
from nanlint.finding import Finding, Verdict
from nanlint.run import rules_of
from nanlint.verify.isolate.worker import Lost, Worker
from nanlint.verify.place import module_of
from nanlint.verify.verdict_cache import VerdictCache

# The kinds of rules that a proof of finite values answers.
OF_VALUES = ("domain", "division", "overflow", "loss")
CHILD = "nanlint.verify.child"
# Operations that make a value that is not finite of values that are, each by its own.
ELEMENTWISE = frozenset(
    """log log2 log10 log1p sqrt rsqrt pow div reciprocal exp exp2 expm1 acos asin acosh atanh logit lgamma digamma
    std var mean""".split()
)


class TorchMissing(Exception):
    """There is no torch to run anything with."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of wall time after which a child is killed: for an import, for a search, for a script."""

    import_s: float = 120
    search_s: float = 40
    script_s: float = 60


class Verifier:
    """Two children, one that searches and keeps what it imports, and one that runs scripts, each from fresh.

    Findings of one folder of modules should follow each other: for another, the searching child is started anew.
    """

    def __init__(self, limits: Limits | None = None, cache: Cache | None = None) -> None:
        """Raises TorchMissing."""
        if importlib.util.find_spec("torch") is None:
            raise TorchMissing("torch is not installed here: pip install 'nanlint[verify]'")
        self._limits = limits or Limits()
        self._known = VerdictCache(cache, repr(self._limits)) if cache else None
        self._folder = tempfile.TemporaryDirectory(prefix="nanlint-verify-", ignore_cleanup_errors=True)
        self._scratch = Path(self._folder.name).resolve()
        self._searcher = Worker(CHILD, self._scratch)
        self._runner = Worker(CHILD, self._scratch)
        self._root: str | None = None
        self._imports: dict[str, str] = {}

    def __enter__(self) -> Verifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._searcher.close()
        self._runner.close()
        self._folder.cleanup()

    def prepare(self, finding: Finding) -> str:
        """Import the file of a finding; why it cannot be, or ""."""
        path = Path(finding.path).resolve()
        if finding.path == "-" or not path.is_file():
            return "import: there is no file to import"
        return self._import(self._where(path))

    def verdict(self, finding: Finding) -> Verdict:
        """Never raises for what the user's code does."""
        if self._known and (known := self._known.get(finding)):
            return known
        verdict, files = self._searched(finding)
        if self._known:
            self._known.put(finding, verdict, files)
        return verdict

    def _searched(self, finding: Finding) -> tuple[Verdict, dict[str, str] | None]:
        """A verdict, and the files that it rests on; None where the next run shall try again."""
        if reason := self.prepare(finding):
            return Verdict("not-runnable", reason), None
        path = Path(finding.path).resolve()
        where = self._where(path)
        try:
            title = f"{finding.code} {finding.name} at {finding.path}:{finding.start.row}: {finding.message}"
            name = f"{path.stem}_{finding.start.row}_{finding.code}"
            question = {
                "do": "search",
                **where,
                "start": finding.start,
                "end": finding.end,
                "foreign": _foreign(finding),
                "precise": _kind(finding) == "precision",
                "title": title,
                "name": name,
            }
            answer = self._searcher.ask(question, self._limits.search_s)
        except Lost as lost:
            self._imports.clear()
            return Verdict("not-runnable", str(lost)), None
        files = answer["files"]
        if "reason" in answer:
            return Verdict("not-runnable", answer["reason"]), files
        if "script" not in answer:
            if "proved" in answer and _is_of_values(finding):
                return Verdict("proved", answer["proved"]), files
            return Verdict("not-reproduced", _tried(answer)), files
        verdict = self._confirmed(answer)
        return verdict, files if verdict.is_confirmed else None

    def _where(self, path: Path) -> dict[str, str]:
        """How to import a file, in a child that has imported nothing from other folders."""
        folder, module = module_of(path)
        root = str(folder)
        if root != self._root:
            self._searcher.close()
            self._imports.clear()
            self._root = root
        return {"path": str(path), "root": root, "module": module}

    def _import(self, where: dict[str, str]) -> str:
        """Why a file cannot be imported, "" where it can. A file that killed the child is not tried again."""
        path = where["path"]
        if path not in self._imports:
            self._imports[path] = "import: the process died of it"
            try:
                answer = self._searcher.ask({"do": "import", **where}, self._limits.import_s)
            except Lost as lost:
                reasons = {**self._imports, path: f"import: {lost}"}
                self._imports = {each: reason for each, reason in reasons.items() if reason}
                return self._imports[path]
            self._imports[path] = answer.get("reason", "")
        return self._imports[path]

    def _confirmed(self, answer: dict[str, Any]) -> Verdict:
        """Believe what the search found once its script fails by itself."""
        script = self._scratch / "reproducer.py"
        script.write_text(answer["script"], encoding="utf-8")
        try:
            again = self._runner.ask({"do": "script", "path": str(script)}, self._limits.script_s)
        except Lost as lost:
            again = {"failed": False, "message": str(lost)}
        if not again["failed"]:
            text = f"{answer['what']} in the search, but not when run alone: {again['message']}"
            return Verdict("not-reproduced", text)
        return Verdict(
            "confirmed-extreme" if answer["extreme"] else "confirmed",
            answer["what"],
            tuple(answer["witness"]),
            answer["script"],
        )


def _is_of_values(finding: Finding) -> bool:
    """Whether the finding's rule is about a value that is not finite, and not about a gradient or something else."""
    return _kind(finding) in OF_VALUES


def _kind(finding: Finding) -> str:
    """The kind of the finding's rule; "" for one of a pack that is not installed."""
    return next((rule.kind for rule in rules_of(()) if rule.code == finding.code), "")


def _foreign(finding: Finding) -> list[str]:
    """The operations whose failure is another finding than this one."""
    own = next((set(rule.at) for rule in rules_of(()) if rule.code == finding.code), set())
    return sorted(ELEMENTWISE - own) if own & ELEMENTWISE and _is_of_values(finding) else []


def _tried(answer: dict[str, Any]) -> str:
    if "unwritable" in answer:
        return f"it failed, but the arguments cannot be written down: {answer['unwritable']}"
    trials = answer["trials"]
    listed = ", ".join(f"{number} {family}" for family, number in trials.items())
    what = "was as in float64" if answer["precise"] else "stayed finite"
    return f"the line ran and {what} in {sum(trials.values())} calls ({listed})"
