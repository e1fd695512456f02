"""Whose line is right, the tracer's or detect_anomaly's, on the corpus: `python -m benchmarks.tracer`."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import torch

from benchmarks import table
from benchmarks.programs import Program, programs
from nanlint.verify.trace.tracing import Tracing

ROOT = Path(__file__).resolve().parents[1]
RIGHT, WRONG, NOWHERE, SILENT = "right line", "wrong line", "no line", "silent"
VERDICTS = (RIGHT, WRONG, NOWHERE, SILENT)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`row` is the line that a tool names in the program's file; `spoke` whether it said anything at all."""

    spoke: bool
    row: int | None = None

    def verdict(self, program: Program) -> str:
        if not self.spoke:
            return SILENT
        return NOWHERE if self.row is None else RIGHT if self.row == program.row else WRONG


def traced(program: Program, *, deferred: bool | None = None) -> Outcome:
    """What the tracer says."""
    tracing = Tracing(deferred=deferred)
    with warnings.catch_warnings():
        # The programs do what torch warns of.
        warnings.simplefilter("ignore")
        with tracing():
            program.run()
    bad = tracing.found
    location = bad.blame.cause.location if bad and bad.blame else None
    here = location is not None and Path(location.path) == program.path
    return Outcome(bad is not None, location.row if here and location else None)


def anomaly(program: Program) -> Outcome:
    """What `torch.autograd.detect_anomaly` says: the innermost line of this program in its traceback."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with torch.autograd.detect_anomaly():
                program.run()
        except RuntimeError as error:
            if "returned nan values" not in str(error):
                raise
        else:
            return Outcome(False)
    text = "\n".join(str(each.message) for each in caught if "Traceback of forward" in str(each.message))
    rows = re.findall(rf'File "{re.escape(str(program.path))}", line (\d+)', text)
    return Outcome(True, int(rows[-1]) if rows else None)


def counts(verdicts: Sequence[str]) -> list[str]:
    found = Counter(verdicts)
    return [str(found[verdict]) for verdict in VERDICTS]


def page() -> str:
    """All that was found, as Markdown."""
    planted, healthy = list(programs("planted")), list(programs("healthy"))
    ours = {program.title: traced(program) for program in (*planted, *healthy)}
    late = {program.title: traced(program, deferred=True) for program in (*planted, *healthy)}
    theirs = {program.title: anomaly(program) for program in (*planted, *healthy)}
    tools = (("nanlint's tracer", ours), ("the same, as on a GPU", late), ("detect_anomaly", theirs))
    totals = [
        (
            name,
            *counts([outcomes[program.title].verdict(program) for program in planted]),
            str(sum(outcomes[program.title].spoke for program in healthy)),
        )
        for name, outcomes in tools
    ]
    rows = [
        (
            program.title,
            *(outcomes[program.title].verdict(program) for _, outcomes in tools),
        )
        for program in planted
    ]
    rows += [
        (program.title, *("**accused**" if outcomes[program.title].spoke else "silent" for _, outcomes in tools))
        for program in healthy
    ]
    heads = ("tool", *VERDICTS, "healthy accused")
    return f"""<!-- Written by `python -m benchmarks.tracer --write`: run it again instead of editing. -->

# The tracer and detect_anomaly on the same programs

`fixtures/tracer` holds {len(planted)} programs that train, each with one planted defect whose line is marked, and \
{len(healthy)} healthy
ones. They are ours. Those of the files `idioms.py` were written after the tracer, the others before it; it has been \
mended on
all of them, so the figures tell that nothing got worse, and how the two tools differ, rather than how often the \
tracer is right
elsewhere. torch {torch.__version__}.

{table.render(heads, totals, left=1)}

"As on a GPU" defers all looks at results to the end of a step, here on a CPU; operands are not kept then, so a bad \
gradient
under a GradScaler is told from an ordinary overflow only once the scale has fallen to 1.

{table.render(("program", *(name for name, _ in tools)), rows, left=4)}
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write the page to this file, too.")
def main(write: Path | None) -> None:
    """Run the tracer and detect_anomaly over the corpus and print one table."""
    text = page()
    click.echo(text, nl=False)
    if write:
        write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.tracer")
