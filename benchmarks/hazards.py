"""Known hazards as functions, verified from their source alone: `python -m benchmarks.hazards`.

Two files of `fixtures/hazards` hold expressions of torch that fail (`unsafe`) and what to write instead (`stable`).
What the latter is meant for stands in its function: `stable_assumes` are ranges, `stable_asserts` conditions that are
no ranges. They leave out what has no finite answer, such as the spread of one sample or the slope of a distance at 0,
and nothing that only this form does not give. Where the hazard is that digits are lost, both forms are compared with
float64, too.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from benchmarks import table
from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.run import rules_of
from nanlint.slotted import replace
from nanlint.verify.verdicts import Verifier

HAZARDS = Path(__file__).resolve().parents[1] / "fixtures" / "hazards"
FILES = ("value_families.json", "other_families.json")
HEAD = """import math

import torch
import torch.nn.functional as F
from torch import nn

T = torch.tensor
MHA = nn.MultiheadAttention(4, 1, batch_first=True)


"""
STATUSES = ("confirmed", "confirmed-extreme", "not-reproduced", "not-runnable")
# The share of unsafe forms to be confirmed, the number of stable ones at ordinary inputs, and seconds for each.
CONFIRMED, STABLE, SECONDS = 0.9, 0, 0.65
Form = Literal["unsafe", "stable"]
FORMS: tuple[Form, ...] = ("unsafe", "stable")


@dataclass(frozen=True, slots=True)
class Judged:
    entry: dict[str, Any]
    verdict: Verdict
    seconds: float


def entries() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in FILES:
        found += json.loads((HAZARDS / name).read_text(encoding="utf-8"))
    return found


def assumptions(entry: dict[str, Any], form: Form) -> list[str]:
    """The lines that state what a form is meant for."""
    if form == "unsafe":
        return []
    assumed = [f"# nanlint: assume {words}" for words in entry.get("stable_assumes", ())]
    return [*assumed, *(f"assert {words}" for words in entry.get("stable_asserts", ()))]


def function(entry: dict[str, Any], form: Form, lines: Iterable[str]) -> str:
    """A program with the function of an entry, whose parameters are annotated; `lines` stand before what it returns."""
    name = entry["id"].lower().replace("-", "_")
    parameters = ", ".join(f"{argument}: torch.Tensor" for argument in entry["args"])
    before = "".join(f"    {line}\n" for line in lines)
    return f"{HEAD}def {name}({parameters}):\n{before}    return {entry[form]}\n"


def write(entry: dict[str, Any], form: Form, folder: Path) -> Finding:
    """A file with the function of an entry, as if its expression had been flagged."""
    text = function(entry, form, assumptions(entry, form))
    path = folder / f"{entry['id']}_{form}.py"
    path.write_text(text, encoding="utf-8")
    row, last = text.count("\n"), text.splitlines()[-1]
    start, end = Position(row, len("    return ") + 1), Position(row, len(last) + 1)
    return Finding("NAN000", "hazard", entry["title"], str(path), start, end, Confidence.CERTAIN)


def judge(chosen: Iterable[dict[str, Any]], form: Form, verifier: Verifier, folder: Path) -> Iterator[Judged]:
    """The time does not count the import of torch, which the first question to each child pays for."""
    precise = next(rule.code for rule in rules_of(()) if rule.kind == "precision")
    for entry in chosen:
        finding = write(entry, form, folder)
        start = time.perf_counter()
        verdict = verifier.verdict(finding)
        if entry["failing"] == ["PR"] and verdict.status != "confirmed":
            by_digits = verifier.verdict(replace(finding, code=precise))
            verdict = by_digits if by_digits.is_confirmed else verdict
        yield Judged(entry, verdict, time.perf_counter() - start)


def processor_seconds() -> float:
    """What all processes below this one have taken so far, and those that they have waited for."""
    ticks: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        ticks[int(path.parent.name)] = sum(map(int, fields[11:15]))
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    below = list(children.get(os.getpid(), ()))
    for pid in below:
        below += children.get(pid, ())
    return sum(ticks[pid] for pid in below) / os.sysconf("SC_CLK_TCK")


def summary(form: Form, results: Sequence[Judged], processor: float) -> tuple[str, ...]:
    counts = Counter[str](each.verdict.status for each in results)
    seconds = sum(each.seconds for each in results) / len(results)
    return (form, *(str(counts[status]) for status in STATUSES), f"{seconds:.2f}", f"{processor / len(results):.2f}")


def told(form: Form, judged: Judged) -> str:
    """A line for an unsafe form that was not confirmed, and for a stable one that was; "" for the others."""
    entry, verdict = judged.entry, judged.verdict
    if verdict.is_confirmed if form == "unsafe" else verdict.status != "confirmed":
        return ""
    said = f"{verdict.status}: {verdict.text} {', '.join(verdict.witness)}"
    return f"{form} {entry['id']} {entry[form]}\n    {said}"


def line(passes: bool, text: str) -> str:
    """A bar and whether it is met."""
    return f"- {'pass' if passes else 'miss'}: {text}"


def bars(unsafe: Sequence[Judged], stable: Sequence[Judged], processor: float) -> list[str]:
    share = sum(each.verdict.is_confirmed for each in unsafe) / len(unsafe)
    ordinary = sum(each.verdict.status == "confirmed" for each in stable)
    stated = sum(bool(each.entry.keys() & {"stable_assumes", "stable_asserts"}) for each in stable)

    return [
        line(share >= CONFIRMED, f"{share:.1%} of {len(unsafe)} unsafe forms are confirmed; at least {CONFIRMED:.0%}"),
        line(ordinary <= STABLE, f"{ordinary} stable forms are confirmed at ordinary inputs; at most {STABLE}. "
             f"{stated} of {len(stable)} state what they are meant for"),
        line(processor < SECONDS, f"{processor:.2f} s of processor time for each on average; below {SECONDS} s"),
    ]  # fmt: skip


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Verify both forms of every hazard, count the verdicts, and list those that are not as they should be."""
    rows, found, taken = [], [], []
    with Verifier() as verifier, tempfile.TemporaryDirectory() as folder:
        # both children import torch for the first question
        list(judge(entries()[:1], "unsafe", verifier, Path(folder)))
        for form in FORMS:
            before = processor_seconds()
            found.append(list(judge(entries(), form, verifier, Path(folder))))
            taken.append(processor_seconds() - before)
            rows.append(summary(form, found[-1], taken[-1]))
    click.echo(table.render(("form", *STATUSES, "mean seconds", "of processor time"), rows, left=1))
    mean = sum(taken) / sum(map(len, found))
    click.echo("\n" + "\n".join(bars(found[0], found[1], mean)) + "\n")
    lines = [told(form, each) for form, results in zip(FORMS, found, strict=True) for each in results]
    click.echo("\n".join(filter(None, lines)))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.hazards")
