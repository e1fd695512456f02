"""What the command line does about findings: their fixes are offered, shown or written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nanlint.finding import Rewritten
from nanlint.slotted import replace

if TYPE_CHECKING:
    from nanlint.files import Target
    from nanlint.run import Fixing, Report

OFFERING = frozenset({"json", "json-lines", "sarif"})
"""Formats for programs, which are told the fixes of each finding."""


def fix_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that can write fixes."""
    for option in (
        click.option("--add-noqa", is_flag=True, help="Write a comment that silences it behind each finding."),
        click.option("--diff", is_flag=True, help="Show what --fix would change, and write nothing."),
        click.option("--unsafe-fixes", is_flag=True, help="Make fixes that change values near the border, too."),
        click.option("--fix", is_flag=True, help="Make the fixes that leave value and gradient of good input alone."),
    ):
        command = option(command)
    return command


def mode(options: dict[str, Any], output_format: str) -> Fixing:
    """Raises click.UsageError for options that make no sense together."""
    if options.get("add_noqa") and (options["fix"] or options["diff"]):
        raise click.UsageError("--add-noqa does not go together with --fix and --diff")
    if not (options.get("fix") or options.get("diff")):
        if options.get("unsafe_fixes"):
            raise click.UsageError("--unsafe-fixes needs --fix or --diff")
        return "offer" if output_format in OFFERING or options.get("fixed") else "no"
    return "unsafe" if options["unsafe_fixes"] else "safe"


def show_diff(report: Report, options: dict[str, Any]) -> int:
    """Print what would change; the exit status is 1 where something would."""
    from nanlint.hosts import output

    output.complain(report, verbose=options["verbose"], quiet=options["quiet"])
    click.echo(diff(report), nl=False)
    click.echo("" if options["quiet"] else told(report, would=True), nl=False, err=True)
    status = 2 if report.status == 2 else 1 if report.rewritten else 0
    return 0 if options["exit_zero"] and status == 1 else status


def diff(report: Report) -> str:
    """The changes in the format of `diff -u`."""
    return "".join(_diff(path, made) for path, made in report.rewritten.items())


def _diff(path: str, made: Rewritten) -> str:
    from nanlint.source import Source

    before, after = (Source(data, path).text.splitlines(keepends=True) for data in (made.before, made.after))
    import difflib

    lines = difflib.unified_diff(before, after, path, path)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def told(report: Report, *, would: bool) -> str:
    """How much was fixed, in a sentence; nothing where nothing was."""
    count, files = sum(len(made.findings) for made in report.rewritten.values()), len(report.rewritten)
    verb = "Would fix" if would else "Fixed"
    of = f"{count} {'finding' if count == 1 else 'findings'} in {files} {'file' if files == 1 else 'files'}"
    return f"{verb} {of}.\n" if count else ""


def add_noqa(report: Report, targets: Sequence[Target], options: dict[str, Any]) -> int:
    """Silence all findings by comments; the exit status is 0, and 2 for what could not be checked or written."""
    from nanlint.fixes import edits
    from nanlint.fixes.suppressing import added
    from nanlint.hosts import output
    from nanlint.source import Source

    rewritten: dict[str, Rewritten] = {}
    for target in targets:
        findings = tuple(f for f in report.findings if f.path == target.path and f.code != "NAN000")
        if findings:
            before = target.data if target.data is not None else Path(target.path).read_bytes()
            source = Source(before, target.path)
            after = edits.apply(before, added(source, findings), source.encoding)
            rewritten[target.path] = Rewritten(before, after, findings)
    report, _ = write(replace(report, rewritten=rewritten), targets)
    output.complain(report, verbose=options["verbose"], quiet=options["quiet"])
    count = sum(len(made.findings) for made in report.rewritten.values())
    if count and not options["quiet"]:
        click.echo(f"Silenced {count} {'finding' if count == 1 else 'findings'}.", err=True)
    unread = any(finding.code == "NAN000" for finding in report.findings)
    return 2 if report.errors or report.failures or unread else 0


def write(report: Report, targets: Sequence[Target]) -> tuple[Report, list[Target]]:
    """Write the fixed files, standard input to standard output; report and targets are then as the files are.

    A file that cannot be written is an error, and its findings are those that it still has.
    """
    from nanlint.fixes.files import NotWritten
    from nanlint.fixes.files import write as write_file

    now: list[Target] = []
    for target in targets:
        made = report.rewritten.get(target.path)
        if target.data is not None:
            sys.stdout.buffer.write(made.after if made else target.data)
            sys.stdout.buffer.flush()
        elif made:
            try:
                write_file(target.path, made.before, made.after)
            except NotWritten as error:
                report = _as_it_was(report, target, str(error))
        now.append(replace(target, data=made.after) if made and target.data is not None else target)
    return report, now


def _as_it_was(report: Report, target: Target, error: str) -> Report:
    from nanlint.run import check

    findings = [finding for finding in report.findings if finding.path != target.path]
    findings += check(target).findings
    return replace(
        report,
        findings=tuple(sorted(findings, key=lambda finding: finding.sort_key)),
        errors=(*report.errors, error),
        rewritten={path: made for path, made in report.rewritten.items() if path != target.path},
    )
