"""Known hazards as functions, verified from their source alone: `python -m benchmarks.hazards`.

`fixtures/hazards/value_families.json` holds expressions of torch that fail (`unsafe`) and what to write instead
(`stable`). `stable_assumes` are the ranges in which the latter is meant; `stable_fails_at` names the ordinary inputs at
which it fails all the same.
"""

from __future__ import annotations

import json
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
from nanlint.verify.verdicts import Verifier

ENTRIES = Path(__file__).resolve().parents[1] / "fixtures" / "hazards" / "value_families.json"
HEAD = """import math

import torch
import torch.nn.functional as F
from torch import nn

T = torch.tensor
MHA = nn.MultiheadAttention(4, 1, batch_first=True)


"""
STATUSES = ("confirmed", "confirmed-extreme", "not-reproduced", "not-runnable")
Form = Literal["unsafe", "stable"]


@dataclass(frozen=True, slots=True)
class Judged:
    entry: dict[str, Any]
    verdict: Verdict
    seconds: float


def entries() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ENTRIES.read_text(encoding="utf-8"))
    return found


def write(entry: dict[str, Any], form: Form, folder: Path) -> Finding:
    """A file with the function of an entry, as if its expression had been flagged."""
    name = entry["id"].lower().replace("-", "_")
    assumed = [f"    # nanlint: assume {words}\n" for words in entry.get("stable_assumes", ()) if form == "stable"]
    parameters = ", ".join(f"{argument}: torch.Tensor" for argument in entry["args"])
    line = f"    return {entry[form]}"
    text = f"{HEAD}def {name}({parameters}):\n{''.join(assumed)}{line}\n"
    path = folder / f"{name}_{form}.py"
    path.write_text(text, encoding="utf-8")
    row = len(text.splitlines())
    start, end = Position(row, len("    return ") + 1), Position(row, len(line) + 1)
    return Finding("NAN000", "hazard", entry["title"], str(path), start, end, Confidence.CERTAIN)


def judge(chosen: Iterable[dict[str, Any]], form: Form, verifier: Verifier, folder: Path) -> Iterator[Judged]:
    """The time does not count the import of torch, which the first question to each child pays for."""
    for entry in chosen:
        finding = write(entry, form, folder)
        start = time.perf_counter()
        verdict = verifier.verdict(finding)
        yield Judged(entry, verdict, time.perf_counter() - start)


def summary(form: Form, results: Sequence[Judged]) -> tuple[str, ...]:
    counts = Counter[str](each.verdict.status for each in results)
    seconds = [each.seconds for each in results]
    return (form, *(str(counts[status]) for status in STATUSES), f"{sum(seconds) / len(seconds):.2f}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Verify both forms of every hazard, count the verdicts, and list those that are not as they should be."""
    rows, lines = [], []
    with Verifier() as verifier, tempfile.TemporaryDirectory() as folder:
        list(judge(entries()[:1], "unsafe", verifier, Path(folder)))
        for form in ("unsafe", "stable"):
            results = list(judge(entries(), form, verifier, Path(folder)))
            rows.append(summary(form, results))
            for each in results:
                if each.verdict.is_confirmed if form == "stable" else not each.verdict.is_confirmed:
                    if form == "stable" and each.verdict.status != "confirmed":
                        continue
                    known = each.entry.get("stable_fails_at", "") if form == "stable" else ""
                    told = f"{each.verdict.status}: {each.verdict.text} {', '.join(each.verdict.witness)}"
                    lines.append(f"{form} {each.entry['id']} {each.entry[form]}\n    {told} {known and f'[{known}]'}")
    click.echo(table.render(("form", *STATUSES, "mean seconds"), rows, left=1))
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.hazards")
