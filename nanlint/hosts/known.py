"""Findings that are known and not told: those of a baseline, and those that were there before a change."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nanlint.slotted import Data, replace

if TYPE_CHECKING:
    from nanlint.baseline import Key, Read
    from nanlint.files import Target
    from nanlint.finding import Finding
    from nanlint.run import Report

_FILE = click.Path(dir_okay=False, path_type=Path)


def known_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that can keep known findings quiet."""
    for option in (
        click.option(
            "--diff-base", metavar="REV", help="Report what changes since the merge base with this revision bring."
        ),
        click.option("--write-baseline", type=_FILE, help="Write what is found to this file, and report nothing."),
        click.option("--baseline", type=_FILE, help="Do not report what this file knows."),
    ):
        command = option(command)
    return command


class Change(Data):
    """What a revision has of the files: `base` by absolute path, None for those that it does not have."""

    base: dict[str, bytes | None]


def change(options: dict[str, Any]) -> Change | None:
    """What the option asks for. Raises click.UsageError."""
    wanted = [name for name in ("baseline", "write_baseline", "diff_base") if options.get(name)]
    if wanted and (options.get("fix") or options.get("diff")):
        raise click.UsageError(f"--{wanted[0].replace('_', '-')} does not go together with --fix and --diff")
    revision = options.get("diff_base")
    if revision and revision.startswith("-"):
        raise click.UsageError(f"--diff-base: {revision} is no revision")
    return _changed(revision) if revision else None


def concerned(targets: Sequence[Target], since: Change | None) -> list[Target]:
    """The targets that the change has touched."""
    return [target for target in targets if since is None or os.path.abspath(target.path) in since.base]


def unknown(report: Report, targets: Sequence[Target], since: Change | None, options: dict[str, Any]) -> Report:
    """The report without known findings. Raises click.UsageError."""
    if since is None and not options.get("baseline") and not options.get("write_baseline"):
        return report
    from nanlint import baseline

    given = {target.path: target.data for target in targets if target.data is not None}

    def read(path: str) -> bytes:
        return given[path] if path in given else Path(path).read_bytes()

    try:
        if since is not None:
            report = replace(report, findings=_brought(report.findings, targets, since, read))
        if options.get("baseline"):
            file: Path = options["baseline"]
            found = baseline.keys(report.findings, read, file.absolute().parent)
            report = replace(report, findings=baseline.new(report.findings, found, baseline.load(file)))
        if options.get("write_baseline"):
            file = options["write_baseline"]
            count = baseline.write(file, baseline.keys(report.findings, read, file.absolute().parent))
            click.echo(f"Wrote {count} {'finding' if count == 1 else 'findings'} to {file}.", err=True)
            report = replace(report, findings=())
    except baseline.BaselineError as error:
        raise click.UsageError(str(error)) from None
    return report


def _brought(findings: Sequence[Finding], targets: Sequence[Target], since: Change, read: Read) -> tuple[Finding, ...]:
    from nanlint import baseline
    from nanlint.run import check

    known: Counter[Key] = Counter()
    for target in targets:
        data = since.base[os.path.abspath(target.path)]
        if data is not None:
            before = check(replace(target, data=data)).findings
            known.update(baseline.keys(before, {target.path: data}.__getitem__, Path.cwd()))
    return baseline.new(findings, baseline.keys(findings, read, Path.cwd()), known)


def _changed(revision: str) -> Change:
    top = Path(_git("rev-parse", "--show-toplevel").decode().strip())
    base = _git("merge-base", revision, "HEAD").decode().strip()
    words = [os.fsdecode(word) for word in _git("diff", "--name-status", "-M", "-z", base).split(b"\0")]
    found: dict[str, bytes | None] = {}
    while len(words) > 1:
        status, old = words.pop(0), words.pop(0)
        path = words.pop(0) if status[0] in "RC" else old
        found[os.path.abspath(top / path)] = None if status == "A" else _git("show", f"{base}:{old}")
    for word in _git("ls-files", "--others", "--exclude-standard", "-z", "--full-name", str(top)).split(b"\0"):
        if word:
            found[os.path.abspath(top / os.fsdecode(word))] = None
    return Change(found)


def _git(*arguments: str) -> bytes:
    import subprocess

    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except OSError as error:
        raise click.UsageError(f"--diff-base needs git: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        raise click.UsageError(f"--diff-base: git {arguments[0]}: {said or 'there is no common revision'}")
    return done.stdout
