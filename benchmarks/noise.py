"""How much nanlint says about released packages, by rule and confidence: `python -m benchmarks.noise`."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

import nanlint
from benchmarks import packages, table
from benchmarks.packages import Package
from nanlint.config import Config
from nanlint.files import Target
from nanlint.finding import Confidence, Failure, Finding
from nanlint.report.source_text import SourceText
from nanlint.run import run

LINES_BEFORE, LINES_AFTER = 6, 2
REPORTED = tuple(level for level in sorted(Confidence, reverse=True) if level >= Config().confidence)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the default configuration reports of one package; `held_back` counts what it does not."""

    package: Package
    findings: tuple[Finding, ...]
    held_back: int
    failures: tuple[Failure, ...]


def check(package: Package) -> Checked:
    """Check all files of a package."""
    report = run([Target(str(file.path), Config()) for file in package.files])
    return Checked(package, report.findings, report.held_back, report.failures)


def per_thousand(count: int, lines: int) -> float:
    """How many there are in a thousand lines; 0 where there are no lines."""
    return 1000 * count / lines if lines else 0.0


def rules_table(findings: Iterable[Finding], lines: int) -> str:
    """Counts of each rule by confidence, and per thousand of `lines`; the most frequent rule first."""
    counts = Counter((finding.code, finding.name, finding.confidence) for finding in findings)
    totals: Counter[tuple[str, str]] = Counter()
    for (code, name, _), count in counts.items():
        totals[code, name] += count
    rows = [
        (code, name, *_counted([counts[code, name, level] for level in REPORTED], lines))
        for (code, name), _ in sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    ]
    every = [sum(count for (_, _, level), count in counts.items() if level is each) for each in REPORTED]
    rows.append(("", "all", *_counted(every, lines)))
    return table.render(("code", "rule", *(level.word for level in REPORTED), "all", "per 1,000 lines"), rows, left=2)


def packages_table(results: Sequence[Checked]) -> str:
    """Torch lines of each package, its findings by confidence and per thousand torch lines."""
    rows, everything, all_lines = [], [0] * len(REPORTED), 0
    for result in results:
        counts = [sum(finding.confidence is level for finding in result.findings) for level in REPORTED]
        everything = [one + other for one, other in zip(everything, counts, strict=True)]
        lines = result.package.torch_lines
        all_lines += lines
        rows.append((result.package.pin, f"{lines:,}", *_counted(counts, lines), f"{result.held_back:,}"))
    held_back = sum(result.held_back for result in results)
    rows.append(("all", f"{all_lines:,}", *_counted(everything, all_lines), f"{held_back:,}"))
    levels = (level.word for level in REPORTED)
    return table.render(("package", "torch lines", *levels, "all", "per 1,000 lines", "held back"), rows, left=1)


def _counted(counts: Sequence[int], lines: int) -> tuple[str, ...]:
    return (*map(str, counts), str(sum(counts)), f"{per_thousand(sum(counts), lines):.2f}")


def sample(findings: Sequence[Finding], count: int, seed: int) -> list[Finding]:
    """That many findings at random, or all of them where there are no more; one seed draws the same ones again."""
    # Random, not a generator for secrets: the draw has to be repeatable.
    return random.Random(seed).sample(findings, min(count, len(findings)))


def every(findings: Sequence[Finding], step: int) -> list[Finding]:
    """The `step`th finding, the one `step` further on, and so forth."""
    return list(findings[step - 1 :: step])


def excerpt(finding: Finding, shown: str, text: SourceText) -> str:
    """The finding and the lines around it; the arrow is at its first line."""
    row = finding.start.row
    lines = text.lines(finding.path)
    around = range(max(1, row - LINES_BEFORE), min(len(lines), row + LINES_AFTER) + 1)
    code = "\n".join(f"{'>' if each == row else ' '} {each:>5} | {lines[each - 1]}".rstrip() for each in around)
    head = f"{shown}:{row}:{finding.start.column}: {finding.code} {finding.name} [{finding.confidence.word}]"
    return f"{head}\n  {finding.message}\n{code}\n"


def as_json(results: Sequence[Checked]) -> dict[str, Any]:
    """All counts and findings; paths are relative to the folder that a package is unpacked in."""
    return {
        "nanlint": nanlint.__version__,
        "packages": [
            {
                "package": result.package.pin,
                "files": len(result.package.files),
                "torch_lines": result.package.torch_lines,
                "findings": len(result.findings),
                "per_1000_torch_lines": per_thousand(len(result.findings), result.package.torch_lines),
                "held_back": result.held_back,
                "failures": len(result.failures),
            }
            for result in results
        ],
        "findings": [
            {
                "package": result.package.pin,
                "path": os.path.relpath(finding.path, result.package.folder),
                "row": finding.start.row,
                "column": finding.start.column,
                "code": finding.code,
                "name": finding.name,
                "confidence": finding.confidence.word,
                "message": finding.message,
            }
            for result in results
            for finding in result.findings
        ],
    }


def _print_tables(results: Sequence[Checked]) -> None:
    for result in results:
        click.echo(f"## {result.package.pin}\n\n{rules_table(result.findings, result.package.torch_lines)}\n")
    if len(results) > 1:
        findings = [finding for result in results for finding in result.findings]
        lines = sum(result.package.torch_lines for result in results)
        click.echo(f"## All packages\n\n{rules_table(findings, lines)}\n")
    click.echo(packages_table(results))


def _print_excerpts(findings: Sequence[Finding]) -> None:
    folder = packages.cache_folder() / "packages"
    text = SourceText(lambda path: Path(path).read_bytes())
    for number, finding in enumerate(findings, 1):
        click.echo(f"\n[{number}] {excerpt(finding, os.path.relpath(finding.path, folder), text)}", nl=False)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--package", "names", multiple=True, metavar="NAME", help="Use this package only; can be repeated.")
@click.option("--sample", "count", type=click.IntRange(min=1), metavar="N", help="Print N findings drawn at random.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which N findings --sample draws.")
@click.option("--every", "step", type=click.IntRange(min=1), metavar="K", help="Print every Kth finding.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write all findings here.")
def main(names: tuple[str, ...], count: int | None, seed: int, step: int | None, file: Path | None) -> None:
    """Check pinned packages and print the findings per 1,000 torch lines: lines of files that mention torch."""
    if count and step:
        raise click.UsageError("--sample and --every do not go together")
    try:
        results = [check(package) for package in packages.chosen(names)]
    except (ValueError, subprocess.CalledProcessError) as error:
        raise click.ClickException(str(error)) from error
    _print_tables(results)
    findings = [finding for result in results for finding in result.findings]
    if count:
        _print_excerpts(sample(findings, count, seed))
    elif step:
        _print_excerpts(every(findings, step))
    if file:
        file.write_text(json.dumps(as_json(results), indent=2) + "\n", encoding="utf-8")
    if failures := [failure for result in results for failure in result.failures]:
        for failure in failures:
            click.echo(f"{failure.path}: {failure.rule} failed:\n{failure.traceback}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.noise")
