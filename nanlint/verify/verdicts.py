"""A verdict for each finding: search in one child process, and run the script that shows it in another. No torch."""

from __future__ import annotations

import ast
import importlib.util
import tempfile
import tokenize
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from nanlint.cache import Cache
from nanlint.finding import Finding, FixVerdict, Verdict
from nanlint.fixes.edits import apply, merged
from nanlint.slotted import replace
from nanlint.source import Source
from nanlint.verify.devices import CHILD, Device
from nanlint.verify.isolate.worker import Lost, Worker
from nanlint.verify.place import Flagged, place_of
from nanlint.verify.program.slicing import Unreached, check_goes_on
from nanlint.verify.question import import_of, is_of_values, question_of
from nanlint.verify.script import NEEDS_DEVICE, NOTHING_WRONG
from nanlint.verify.standing_in import with_file
from nanlint.verify.verdict_cache import VerdictCache


class TorchMissing(Exception):
    """There is no torch to run anything with."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of wall time after which a child is killed: for an import, for a search, for a script."""

    import_s: float = 120
    search_s: float = 40
    script_s: float = 60


@dataclass(frozen=True, slots=True)
class Searched:
    """A verdict, and the `files` that it rests on; None where the next run shall try again.

    Where `half_is_left`, half precision is still to be tried on a device: then `answer` is what the search said, `note`
    what the text of the verdict says besides, and `alone` whether the file is known not to import.
    """

    verdict: Verdict
    files: dict[str, str] | None = None
    half_is_left: bool = False
    answer: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    alone: bool = False

    def not_tried(self, device: str, reason: str, files: dict[str, str] | None = None) -> Searched:
        """The same for want of the device."""
        text = f"{self.verdict.text}; not tried in reduced precision on {device}: {reason}"
        return Searched(replace(self.verdict, text=text), files)


class Verifier:
    """Two children, one that searches and keeps what it imports, and one that runs scripts, each from fresh.

    Findings of one folder of modules should follow each other: for another, the searching child is started anew. With
    a `device`, two more (`Device`) try half precision there; where `half_is_left`, it is left to another verifier.
    """

    def __init__(
        self, limits: Limits | None = None, cache: Cache | None = None, *, device: str = "", half_is_left: bool = False
    ) -> None:
        """Raises TorchMissing, and DeviceMissing."""
        if importlib.util.find_spec("torch") is None:
            raise TorchMissing("torch is not installed here: pip install 'nanlint[verify]'")
        self._limits = limits or Limits()
        self._half_is_left = half_is_left or bool(device)
        self._folder = tempfile.TemporaryDirectory(prefix="nanlint-verify-", ignore_cleanup_errors=True)
        self._scratch = Path(self._folder.name).resolve()
        self._searcher = Worker(CHILD, self._scratch)
        self._runner = Worker(CHILD, self._scratch)
        self._device = Device(device, self._scratch) if device else None
        self._root: str | None = None
        self._failed: dict[str, str] = {}
        self._lost: dict[str, str] = {}
        with ExitStack() as undo:
            undo.callback(self.close)
            model = self._device.start() if self._device else ""
            undo.pop_all()
        self._known = cache_of(cache, self._limits, model)

    def __enter__(self) -> Verifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the children, and remove what they wrote."""
        for child in (self._searcher, self._runner, self._device):
            if child:
                child.close()
        self._folder.cleanup()

    @property
    def starts(self) -> int:
        """How often a child that searches was started."""
        return self._searcher.starts

    def prepare(self, finding: Finding) -> None:
        """Import the file of a finding, or run what its function needs alone."""
        path = Path(finding.path).resolve()
        if path.is_file():
            self._unimportable(path, finding.start.row)

    def verdict(self, finding: Finding) -> Verdict:
        """Never raises for what the user's code does."""
        if self._known and (known := self._known.get(finding)):
            return known
        found = self.searched(finding)
        if self._device and found.half_is_left:
            found = self.on_device(finding, found)
        if self._known:
            self._known.put(finding, found.verdict, found.files)
        return found.verdict

    def searched(self, finding: Finding) -> Searched:
        """What is found on the CPU."""
        path = Path(finding.path).resolve()
        if finding.path == "-" or not path.is_file():
            return Searched(Verdict("not-runnable", "import: there is no file to import"))
        word, unimportable, alone = self._unimportable(path, finding.start.row)
        if alone:
            return Searched(Verdict("not-runnable", alone))
        half = {"half": not self._half_is_left}
        question = {**question_of(finding, alone=bool(unimportable)), **self._where(path), **half}
        try:
            answer = self._searcher.ask(question, self._limits.search_s)
            verdict = self._judged(finding, answer)
            if "script" in answer and not verdict.is_confirmed and not answer["plain"]:
                # an example may depend on more than is written down of it
                answer = self._searcher.ask({**question, "plain": True}, self._limits.search_s)
                verdict = self._judged(finding, answer)
        except Lost as lost:
            return Searched(Verdict("not-runnable", str(lost)))
        files = answer.pop("files")
        if unimportable or ("script" in answer and not verdict.is_confirmed):
            files = None
        note = f" ({unimportable}; what `{word}` needs of the module was run)" if unimportable else ""
        if unimportable not in verdict.text:
            verdict = replace(verdict, text=verdict.text + note)
        # a line at module level is run in its program, whose tensors lie where that puts them
        half_is_left = self._half_is_left and bool(word) and not {"reason", "script", "unwritable"} & answer.keys()
        return Searched(verdict, files, half_is_left, answer, note, bool(unimportable))

    def on_device(self, finding: Finding, found: Searched) -> Searched:
        """The same with half precision, tried on the device. What is lost there costs that part alone."""
        assert self._device is not None
        path = Path(finding.path).resolve()
        try:
            answer = self._device.search(
                {**question_of(finding, alone=found.alone), **import_of(path)}, self._limits.search_s
            )
        except Lost as lost:
            answer = {"reason": str(lost), "poisoned": True}
        read = None if "poisoned" in answer else answer.pop("files")
        files = None if found.files is None or read is None else {**found.files, **read}
        if "script" in answer:
            verdict = self._confirmed(answer, self._device)
            return Searched(verdict, files if verdict.is_confirmed else None)
        if "reason" in answer:
            return found.not_tried(self._device.name, answer["reason"], files)
        verdict = self._judged(finding, {**found.answer, **answer, "trials": found.answer["trials"] | answer["trials"]})
        return Searched(replace(verdict, text=verdict.text + found.note), files)

    def _judged(self, finding: Finding, answer: dict[str, Any]) -> Verdict:
        if "reason" in answer:
            return Verdict("not-runnable", answer["reason"])
        if "script" not in answer:
            if "proved" in answer and is_of_values(finding):
                return Verdict("proved", answer["proved"])
            unproved = answer.get("unproved", "") if is_of_values(finding) else ""
            return Verdict("not-reproduced", _tried(answer), unproved=unproved)
        return self._confirmed(answer, self._runner)

    def _where(self, path: Path) -> dict[str, str]:
        """How to import a file, in a child that has imported nothing from other folders."""
        where = import_of(path)
        if where["root"] != self._root:
            self._searcher.close()
            self._root = where["root"]
        return where

    def _unimportable(self, path: Path, row: int) -> tuple[str, str, str]:
        """The name of the file's around a row, why the file cannot be imported, and why what the name needs of it
        cannot be run alone either; "" for the last ones where it can, for all three at module level.

        Nothing of a file is run any more where that lost a child once, be it after a limit of time.
        """
        where, file, program = self._where(path), str(path), _parsed(path)
        word = _defined(program, row)
        if word and (never := _endless([each for each in program.body if (each.end_lineno or 0) < row])):
            return word, never, never
        whole = (_endless(program.body) or self._once({"do": "import", **where}, file)) if word else ""
        if not whole:
            return word, "", ""
        alone = self._lost.get(file) or self._once({"do": "define", **where, "name": word}, f"{file} {word}", file)
        if not alone or alone == whole:
            return word, whole, alone
        return word, whole, f"{whole}; what `{word}` needs of it: {alone}"

    def fix_verdict(self, finding: Finding, verdict: Verdict) -> FixVerdict | None:
        """Whether the finding's fix mends what the verdict confirmed, and nothing else changes. Writes no file."""
        path = Path(finding.path).resolve()
        if not finding.fixes or not verdict.is_confirmed or not path.is_file():
            return None
        if "nanlint.verify.program" in verdict.script:
            return FixVerdict("fix-failed", "not run: only a file that can be imported is fixed for a trial")
        data = path.read_bytes()
        source = Source(data, str(path))
        changed = apply(data, merged([finding.fixes[0].edits]), source.encoding)
        script = self._scratch / "fixed.py"
        script.write_text(with_file(verdict.script, str(path), changed), encoding="utf-8")
        try:
            runner = self._device if self._device and NEEDS_DEVICE in verdict.script else self._runner
            witness = runner.ask({"do": "script", "path": str(script)}, self._limits.script_s)
            if witness["failed"] or witness["message"] != NOTHING_WRONG:
                return FixVerdict("fix-failed", f"with the arguments that fail: {witness['message']}")
            text = Source(changed, str(path)).text
            question = {
                "do": "compare", **self._where(path), "start": finding.start, "end": finding.end, "fixed": text,
            }  # fmt: skip
            answer = self._searcher.ask(question, self._limits.search_s)
        except Lost as lost:
            return FixVerdict("fix-failed", f"not run: {lost}")
        if "differs" in answer or not answer.get("agreed"):
            said = answer.get("differs") or answer.get("reason") or "no ordinary input was finite before"
            return FixVerdict("fix-failed", f"finite with the arguments that failed, but {said}")
        return FixVerdict(
            "fix-proved", f"finite with the arguments that failed, the same in {answer['agreed']} ordinary calls"
        )

    def _once(self, question: dict[str, Any], key: str, file: str = "") -> str:
        """Why a child cannot do something, "" where it can. What failed is not tried again, by no child."""
        if key not in self._failed:
            try:
                answer = self._searcher.ask(question, self._limits.import_s)
            except Lost as lost:
                self._failed[key] = f"import: {lost}"
                if file:
                    self._lost[file] = self._failed[key]
                return self._failed[key]
            if "reason" not in answer:
                return ""
            self._failed[key] = answer["reason"]
        return self._failed[key]

    def _confirmed(self, answer: dict[str, Any], runner: Worker | Device) -> Verdict:
        """Believe what the search found once its script fails by itself, in a process of the runner's."""
        script = self._scratch / "reproducer.py"
        script.write_text(answer["script"], encoding="utf-8")
        try:
            again = runner.ask({"do": "script", "path": str(script)}, self._limits.script_s)
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


def cache_of(cache: Cache | None, limits: Limits, model: str) -> VerdictCache | None:
    """The verdicts that were found with these limits, and on a device of this model, "" for none."""
    return VerdictCache(cache, f"{limits} {model}") if cache else None


def _parsed(path: Path) -> ast.Module:
    try:
        with tokenize.open(path) as stream:
            return ast.parse(stream.read())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def _defined(program: ast.Module, row: int) -> str:
    """The function or class at the top of a file around a row; "" where that stands at module level."""
    try:
        return place_of(program, Flagged(row, 1, row, 1)).qualname.split(".")[0]
    except ValueError:
        return ""


def _endless(body: Sequence[ast.stmt]) -> str:
    """Why running these statements never comes to their end, "" where nothing in their text says so."""
    try:
        check_goes_on(body)
    except Unreached as error:
        return f"import: {error}"
    return ""


def _tried(answer: dict[str, Any]) -> str:
    if "unwritable" in answer:
        return f"it failed, but the arguments cannot be written down: {answer['unwritable']}"
    trials = answer["trials"]
    listed = ", ".join(f"{number} {family}" for family, number in trials.items())
    what = "was as in float64" if answer["precise"] else "stayed finite"
    return f"the line ran and {what} in {sum(trials.values())} calls ({listed})"
