"""Where a run speaks to its user: the findings, the complaints on the error stream, and the progress bar."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from nanlint import __version__
from nanlint.config import Config
from nanlint.files import Target
from nanlint.report import ruff_json, terminal
from nanlint.report.source_text import SourceText
from nanlint.run import Report, rules_of

if TYPE_CHECKING:
    from nanlint.rule import Rule


def rendered(
    report: Report, targets: Sequence[Target], config: Config, *, coloured: bool, statistics: bool, quiet: bool
) -> str:
    """The findings in the output format of `config`, and for people a last line that sums up."""
    given = {target.path: target.data for target in targets if target.data is not None}

    def read(path: str) -> bytes:
        return given[path] if path in given else Path(path).read_bytes()

    text, paint = SourceText(read), terminal.Paint(on=coloured)
    findings, style = report.findings, config.output_format
    if style == "json":
        return ruff_json.statistics(findings) if statistics else ruff_json.render(findings, text)
    if style == "json-lines":
        return ruff_json.statistics(findings) if statistics else ruff_json.lines(findings, text)
    if statistics:
        return terminal.statistics(findings, paint)
    if style == "github":
        from nanlint.report import github

        return github.render(findings, os.environ.get("GITHUB_WORKSPACE"))
    if style == "sarif":
        from nanlint.report import sarif

        problems = (*report.errors, *(f"{failure.path}: {failure.rule} failed" for failure in report.failures))
        rules = _documented(targets) if findings else ()
        root = _repository(Path.cwd())
        return sarif.render(findings, text, version=__version__, root=root, rules=rules, errors=problems)
    if style == "concise":
        body = terminal.concise(findings, paint)
    else:
        body = terminal.full(findings, text, paint)
        body += "\n" if body and not quiet else ""
    if quiet:
        return body
    complete = not report.errors and not report.failures
    return body + terminal.summary(findings, report.held_back, config.confidence, complete=complete, paint=paint)


def complain(report: Report, *, verbose: bool, quiet: bool) -> None:
    """What could not be checked, our own bugs, and for who asks notes on the analysis and on what is not proved."""
    for error in report.errors:
        click.echo(f"error: {error}", err=True)
    for failure in report.failures:
        last = failure.traceback.strip().rsplit("\n", 1)[-1]
        hint = "" if verbose else " (--verbose shows where)"
        click.echo(f"error: {failure.path}: internal failure of {failure.rule}: {last}{hint}", err=True)
        if verbose:
            click.echo(failure.traceback.rstrip(), err=True)
    if verbose:
        for note in report.notes:
            click.echo(f"note: {note}", err=True)
        for finding in report.findings:
            if finding.verdict and finding.verdict.unproved:
                place = f"{finding.path}:{finding.start.row}:{finding.start.column}"
                click.echo(
                    f"note: {place}: {finding.code} is not proved to stay finite: {finding.verdict.unproved}", err=True
                )
        click.echo(f"checked {report.files} {'file' if report.files == 1 else 'files'}", err=True)
    if not report.files and not report.errors and not quiet:
        click.echo("warning: no Python files to check here", err=True)


def coloured() -> bool:
    """Colours are for a terminal that has them, unless https://no-color.org says no."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class ProgressBar:
    """A bar on the error stream, where that is a terminal, once a run has taken a second."""

    def __init__(self, *, wanted: bool, doing: str = "checking", things: str = "files") -> None:
        self._bar: Any = None
        self._words = (doing, things)
        self._from = monotonic() + 1 if wanted and sys.stderr.isatty() else float("inf")

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` things are done."""
        if monotonic() < self._from or done == total:
            return
        if not self._bar:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            doing, things = self._words
            columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TextColumn(things))
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task("", total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done)


def _documented(targets: Sequence[Target]) -> list[Rule]:
    packs = dict.fromkeys(pack for target in targets for pack in target.config.rules)
    return list(rules_of(tuple(packs)))


def _repository(folder: Path) -> Path:
    """The top of the repository around a folder; the folder itself where there is none."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
