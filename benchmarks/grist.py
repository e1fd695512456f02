"""The PyTorch programs of the GRIST study with their published defects: `python -m benchmarks.grist CHECKOUT`.

`grist.json` names the lines of https://github.com/Jacob-yen/GRIST, as of c5f0cb6, that its authors published as
numerical bugs. Each is verified with the finding that `nanlint check` makes on it, else as if all of it had been
flagged. What the programs import (torchvision, matplotlib, torch_scatter of one of them) is to be installed, or in
PYTHONPATH.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks import table
from benchmarks.hazards import processor_seconds
from nanlint.config import Config
from nanlint.files import Target
from nanlint.finding import Confidence, Finding, Position, Verdict
from nanlint.run import run
from nanlint.verify.verdicts import Verifier

LINES = Path(__file__).with_suffix(".json")
# From the weakest on: a program counts with the strongest verdict of its lines.
STRENGTH = ("not-runnable", "not-reproduced", "proved", "confirmed-extreme", "confirmed")


@dataclass(frozen=True, slots=True)
class Judged:
    """A line of a program and the verdict that says most of it."""

    program: int
    path: str
    row: int
    verdict: Verdict
    seconds: float


def at(path: Path, row: int) -> list[Finding]:
    """The findings on a line, or one of all of it."""
    found = [each for each in run([Target(str(path), Config())]).findings if each.start.row <= row <= each.end.row]
    if found:
        return found
    text = path.read_text(encoding="utf-8").splitlines()[row - 1]
    start, end = Position(row, len(text) - len(text.lstrip()) + 1), Position(row, len(text) + 1)
    return [Finding("NAN000", "published", "a published defect", str(path), start, end, Confidence.CERTAIN)]


def judge(programs: Sequence[dict[str, object]], checkout: Path, verifier: Verifier) -> Iterator[Judged]:
    for each in programs:
        number, name, rows = each["program"], each["path"], each["lines"]
        assert isinstance(number, int)
        assert isinstance(name, str)
        assert isinstance(rows, list)
        for row in rows:
            start = time.perf_counter()
            verdicts = [verifier.verdict(finding) for finding in at(checkout / name, row)]
            best = max(verdicts, key=lambda verdict: STRENGTH.index(verdict.status))
            yield Judged(number, name, row, best, time.perf_counter() - start)


def best_of(results: Sequence[Judged]) -> dict[int, Judged]:
    """The line of each program with the strongest verdict, the first of them."""
    best: dict[int, Judged] = {}
    for each in results:
        known = best.get(each.program)
        if known is None or STRENGTH.index(each.verdict.status) > STRENGTH.index(known.verdict.status):
            best[each.program] = each
    return best


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--program", "numbers", multiple=True, type=int, help="Verify this program only.")
def main(checkout: Path, numbers: tuple[int, ...]) -> None:
    """Verify the published lines and count the programs of which one at least is confirmed."""
    programs = json.loads(LINES.read_text(encoding="utf-8"))
    chosen = [each for each in programs if not numbers or each["program"] in numbers]
    with Verifier() as verifier:
        results = list(judge(chosen, checkout, verifier))
        taken = processor_seconds()
    rows = [
        (str(each.program), f"{Path(each.path).name}:{each.row}", each.verdict.status, f"{each.seconds:.1f}")
        for each in results
    ]
    click.echo(table.render(("program", "line", "verdict", "seconds"), rows, left=3) + "\n")
    best = best_of(results)
    confirmed = [number for number, each in best.items() if each.verdict.status == "confirmed"]
    word = "pass" if len(confirmed) == len(best) else "miss"
    click.echo(f"- {word}: {len(confirmed)} of {len(best)} programs have a confirmed line; all of them")
    click.echo(f"- {taken / len(results):.2f} s of processor time for each line, imports included\n")
    for number, each in best.items():
        click.echo(f"{number} {each.verdict.status}: {each.verdict.text}\n    {', '.join(each.verdict.witness)[:300]}")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.grist")
