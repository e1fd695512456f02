"""Known hazards as functions, and what `nanlint check` says of them: `python -m benchmarks.told`.

The entries are those of `benchmarks.hazards`, read twice. `bare`: a function whose parameters are annotated as tensors,
and nothing else; those that the hazard wants in half precision are cast first. `stated`: with what the entry says, too:
the dtype of its trigger where that is not float32, and, for the stable form, what that is meant for. What is not as it
should be is listed with the reason, which `WHY` holds; where there is none, or one that nothing needs, it fails.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import click
import torch

from benchmarks import hazards, table
from benchmarks.hazards import FORMS, Form, line
from nanlint import engine, packs
from nanlint.finding import Confidence
from nanlint.rule import Rule

Reading = Literal["bare", "stated"]
READINGS: tuple[Reading, ...] = ("bare", "stated")
# How many unsafe forms are to be told, how many stable ones, and how many functions that are only believed unsafe.
UNSAFE, STABLE, BELIEVED = 165, 0, 0
# Why a form is not as it should be, and of which entries that holds, with the entry that says the opposite.
UNSTATED = "told where the dtype is stated, which the signature does not say"
WHY: dict[Form, dict[str, dict[str, str]]] = {
    "unsafe": {
        "it is or holds the stable form of another entry": {
            "DIV-13": "DIV-23", "MASK-09": "EXP-13", "MASK-10": "LOG-10", "LOSS-08": "LOG-04",
        },
        "it is ordinary code, and fails for what no code in view speaks of": {
            "DIST-15": "-inf", "LOSS-07": "-inf", "HALF-08": "70000", "PREC-07": "2**24", "MASK-11": "-65504 twice",
        },
        UNSTATED: {"HALF-11": "bfloat16", "INT-01": "uint8", "INT-02": "int32"},
    },
    "stable": {
        "nothing is stated of the argument, which is as in the unsafe form of another entry": {
            "LOG-15": "LOG-01", "LOG-16": "LOG-01", "LOG-27": "DIV-01", "EXP-14": "LOG-01", "SQRT-08": "SQRT-09",
            "SQRT-15": "SQRT-14", "DIV-04": "DIV-24", "DIV-12": "DIV-24", "DIST-03": "DIST-01", "DIST-07": "LOG-01",
            "HALF-13": "SQRT-01", "PREC-03": "LOG-01", "PREC-05": "SQRT-01",
        },
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    entry: dict[str, Any]
    reading: Reading
    form: Form
    codes: tuple[str, ...]

    @property
    def is_wrong(self) -> bool:
        return bool(self.codes) is (self.form == "stable")


def casts(entry: dict[str, Any], reading: Reading) -> list[str]:
    """Statements that give the parameters the dtypes of the trigger; the bare reading says float16 alone."""
    values = eval(entry["trigger_inputs"] or "()", {"T": torch.tensor, "torch": torch, "math": math})  # our own data
    dtypes = {name: value.dtype for name, value in zip(entry["args"], values, strict=True)}
    said = {torch.float16} if reading == "bare" else set(dtypes.values()) - {torch.float32}
    return [f"{name} = {name}.to({dtype})" for name, dtype in dtypes.items() if dtype in said]


def program(entry: dict[str, Any], reading: Reading, form: Form) -> str:
    """The function of an entry as that reading has it."""
    stated = hazards.assumptions(entry, form) if reading == "stated" else []
    return hazards.function(entry, form, [*casts(entry, reading), *stated])


def codes(rules: tuple[Rule, ...], text: str, path: str) -> tuple[str, ...]:
    """The codes of the findings at `likely` or above. Raises RuntimeError where a rule fails."""
    found = engine.check(text.encode(), path, rules, Confidence.LIKELY)
    if found.failures:
        raise RuntimeError(found.failures[0].traceback)
    return tuple(finding.code for finding in found.findings)


def judge(rules: tuple[Rule, ...], entries: Iterable[dict[str, Any]]) -> list[Judged]:
    return [
        Judged(entry, reading, form, codes(rules, program(entry, reading, form), f"{entry['id']}.py"))
        for entry in entries
        for reading in READINGS
        for form in FORMS
    ]


def believed(rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """What is said of the functions that are only believed to be unsafe."""
    path = hazards.HAZARDS / "believed_unsafe.py"
    return codes(rules, path.read_text(encoding="utf-8"), path.name)


def reason(judged: Judged) -> str:
    """Why a form is not as it should be; "" where nobody has said so."""
    for words, known in WHY[judged.form].items():
        detail = known.get(judged.entry["id"])
        if detail is not None and (judged.reading == "bare" or (judged.form == "unsafe" and words != UNSTATED)):
            return f"{words} ({detail})"
    return ""


def idle(results: Sequence[Judged]) -> list[str]:
    """The entries for which a reason is given that nothing needs."""
    needed = {(each.form, each.entry["id"]) for each in results if each.is_wrong}
    return [
        f"{form} {name}"
        for form, reasons in WHY.items()
        for known in reasons.values()
        for name in known
        if (form, name) not in needed
    ]


def bars(results: Sequence[Judged], safe: Sequence[str]) -> list[str]:
    lines = []
    for reading in READINGS:
        unsafe, stable = ([each for each in results if (each.reading, each.form) == (reading, form)] for form in FORMS)
        told, wrong = sum(bool(each.codes) for each in unsafe), sum(bool(each.codes) for each in stable)
        lines += [
            line(told >= UNSAFE, f"{reading}: {told} of {len(unsafe)} unsafe forms are told; at least {UNSAFE}"),
            line(wrong <= STABLE, f"{reading}: {wrong} of {len(stable)} stable forms are told; at most {STABLE}"),
        ]
    return [*lines, line(len(safe) <= BELIEVED, f"{len(safe)} findings in what is believed unsafe; at most {BELIEVED}")]


def listed(results: Sequence[Judged]) -> list[str]:
    """What is not as it should be, with the readings in which it is not, and the reason."""
    wrong: dict[tuple[str, str], list[Judged]] = {}
    for each in results:
        if each.is_wrong:
            wrong.setdefault((each.form, each.entry["id"]), []).append(each)
    return [
        f"{form} {name} ({', '.join(each.reading for each in found)}): {found[0].entry[form]}\n"
        f"    {' '.join(found[0].codes) or 'not told'}: {reason(found[-1]) or 'no reason is known'}"
        for (form, name), found in sorted(wrong.items(), reverse=True)
    ]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Check both forms of every hazard in both readings, and list those that are not as they should be.

    Exits 1 where one has no reason or a reason is idle.
    """
    rules = packs.load()
    results, safe = judge(rules, hazards.entries()), believed(rules)
    rows = []
    for reading in READINGS:
        counts = [sum(bool(r.codes) for r in results if (r.reading, r.form) == (reading, form)) for form in FORMS]
        rows.append((reading, *map(str, counts)))
    click.echo(table.render(("reading", "unsafe told", "stable told"), rows, left=1))
    click.echo("\n" + "\n".join(bars(results, safe)) + "\n")
    click.echo("\n".join(listed(results)))
    unexplained = any(each.is_wrong and not reason(each) for each in results)
    for words in idle(results):
        click.echo(f"nothing needs the reason of {words}", err=True)
    sys.exit(1 if unexplained or idle(results) else 0)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.told")
