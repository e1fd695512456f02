"""Where the time of a cold run goes, by samples of its stack: `python -m benchmarks.profile`."""

from __future__ import annotations

import io
import os
import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType

import click

from benchmarks import packages, table
from benchmarks import page as page_of_sections
from benchmarks.speed import NANLINT, installed, machine

INTERVAL = 0.002
"""Seconds of CPU time between two samples."""
# The innermost of these on the stack says what a sample belongs to: the file, the function, and what that does.
PHASES = (
    ("ast.py", "parse", "parsing with `ast`, imported files of the project included"),
    ("source/stdlib.py", "is_python", "whether a file that shows nothing is Python"),
    ("source/stdlib.py", "fill", "the index of imports, functions and classes"),
    ("source/lex.py", "without_prose", "leaving out strings and comments"),
    ("nanlint/mentions.py", "mentioned", "which rules have to do with the file"),
    ("nanlint/triggers.py", "", "which definitions are worth a look"),
    ("nanlint/naming.py", "", "which definitions are worth a look"),
    ("nanlint/arithmetic.py", "", "which definitions are worth a look"),
    ("nanlint/following.py", "", "which definitions are worth a look"),
    ("source/lowered.py", "__init__", "nodes for the definitions that are"),
    ("nanlint/project.py", "find", "finding and reading imported files"),
    ("facts/interpreter.py", "run_definition", "running these definitions on ranges of values"),
    ("nanlint/judging.py", "_ask", "asking the rules"),
    ("nanlint/judging.py", "_settle", "wording what they say"),
    ("source/source.py", "forget_trees", "freeing syntax trees"),
    ("facts/frame.py", "close", "freeing values"),
    ("nanlint/run.py", "_read", "reading files"),
    ("nanlint/run.py", "rules_of", "importing the rules"),
)
REST = "all else: imports, discovery, garbage collection, output"


def phase(frame: FrameType | None) -> str:
    """What the innermost frame with a known purpose is there for."""
    while frame is not None:
        code = frame.f_code
        for file, function, purpose in PHASES:
            if code.co_filename.endswith(file) and function in ("", code.co_name):
                return purpose
        frame = frame.f_back
    return REST


def sampled(arguments: Sequence[str]) -> Counter[str]:
    """The samples of each phase while nanlint runs in this process, its output thrown away."""
    from nanlint.hosts.cli import main as nanlint

    counts: Counter[str] = Counter()
    before = signal.signal(signal.SIGPROF, lambda _, frame: counts.update((phase(frame),)))
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    try:
        with redirect_stdout(io.StringIO()):
            nanlint(list(arguments), standalone_mode=False)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return counts


def page(counts: Counter[str]) -> str:
    """The shares as Markdown."""
    rows = [(purpose, f"{count / counts.total():.1%}") for purpose, count in counts.most_common()]
    today = datetime.now(timezone.utc).date().isoformat()
    return f"""## Where the time of the linter goes

Sampled on {today} on {machine()}, with nanlint {installed()[NANLINT]}:
{counts.total():,} samples of one process over the packages of the speed, one in {INTERVAL * 1000:.0f} ms of CPU time.
A sample counts for the innermost of these that was at work.

{table.render(("what", "share"), rows, left=1)}
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--package", "names", multiple=True, metavar="NAME", help="Use this package only; can be repeated.")
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this page, too.")
def main(names: tuple[str, ...], write: Path | None) -> None:
    """Run nanlint over the pinned packages and say where its time goes."""
    folders = [os.fspath(package.folder) for package in packages.chosen(names)]
    text = page(sampled(["check", "--no-cache", "--jobs", "1", "--isolated", "--exit-zero", *folders]))
    click.echo(text, nl=False)
    if write:
        page_of_sections.write(write, "profile", text)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.profile")
