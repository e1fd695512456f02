"""What the modes of `nanlint run` cost beside detect_anomaly and plain eager: `python -m benchmarks.sanitizer`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

import click
import torch

from benchmarks import page, table
from benchmarks.models import MODELS, Training, training
from benchmarks.speed import machine
from nanlint.verify.run.replay import Replaying
from nanlint.verify.trace.tracing import Tracing

PLAIN, TRACE, WATCH, ANOMALY = "plain", "trace", "watch", "detect_anomaly"
# The most that a mode may cost, as a multiple of plain, by the size of the model.
BARS = ((TRACE, "medium", 1.20), (WATCH, "medium", 1.03), (TRACE, "tiny", 2.6))
STEPS = {"tiny": 20, "medium": 4}


@contextmanager
def plain() -> Iterator[None]:
    yield


def watching() -> AbstractContextManager[object]:
    return Replaying(lambda _: None)()


VARIANTS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    PLAIN: plain,
    TRACE: lambda: Tracing()(),
    WATCH: watching,
    ANOMALY: torch.autograd.detect_anomaly,
}


@dataclass(frozen=True)
class Ratios:
    """CPU time of each variant over that of plain in the same round, and the milliseconds of a plain step."""

    kind: str
    size: str
    milliseconds: float
    of: dict[str, list[float]]

    def median(self, variant: str) -> float:
        return median(self.of[variant])


def timed(variant: str, work: Training, steps: int) -> float:
    """CPU seconds of the fastest of some steps, after one that does not count."""
    fastest = float("inf")
    with VARIANTS[variant]():
        work.step()
        for _ in range(steps):
            start = time.process_time()
            work.step()
            fastest = min(fastest, time.process_time() - start)
    return fastest


def measure(kind: str, size: str, rounds: int) -> Ratios:
    """In a round each variant runs once, each round begins with another, so that the machine's load meets all alike."""
    works = {variant: training(kind, size) for variant in VARIANTS}
    names = list(VARIANTS)
    seconds: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for number in range(rounds):
        first = number % len(names)
        for variant in names[first:] + names[:first]:
            seconds[variant].append(timed(variant, works[variant], STEPS[size]))
    of = {
        variant: [one / other for one, other in zip(each, seconds[PLAIN], strict=True)]
        for variant, each in seconds.items()
    }
    return Ratios(kind, size, 1e3 * median(seconds[PLAIN]), of)


def bars(results: Sequence[Ratios]) -> list[str]:
    """One sentence for each bar: the worst model decides."""
    sentences = []
    for variant, size, most in BARS:
        worst = max(
            (each for each in results if each.size == size), key=lambda each: each.median(variant), default=None
        )
        if worst is None:
            continue
        reached = worst.median(variant)
        verdict = "pass" if round(reached, 2) <= most else "miss"
        sentences.append(
            f"{verdict}: {variant} costs at most {reached:.2f} times plain on {size} models ({worst.kind}); "
            f"the bar is {most:.2f}"
        )
    return sentences


def results_table(results: Sequence[Ratios]) -> str:
    heads = ("model", "size", "plain, ms", *(variant for variant in VARIANTS if variant != PLAIN))
    rows = [
        (
            each.kind,
            each.size,
            f"{each.milliseconds:.1f}",
            *(
                f"{each.median(variant):.2f} ({min(each.of[variant]):.2f} to {max(each.of[variant]):.2f})"
                for variant in VARIANTS
                if variant != PLAIN
            ),
        )
        for each in results
    ]
    return table.render(heads, rows, left=2)


def text(results: Sequence[Ratios], rounds: int) -> str:
    """All that was measured, as Markdown."""
    today = datetime.now(timezone.utc).date().isoformat()
    verdicts = "\n".join(f"- {sentence}" for sentence in bars(results))
    return f"""## `nanlint run`

Measured on {today} on {machine()}, torch {torch.__version__}, one thread. Nothing was measured on a GPU.

{results_table(results)}

{verdicts}

CPU time of a whole training step (AdamW), as a multiple of plain eager: the median of {rounds} rounds, and in \
brackets the lowest
and the highest. In a round every variant does {STEPS["tiny"]} steps of a tiny model or {STEPS["medium"]} of a medium \
one, of which the fastest counts.
`watch` is the mode without a step that fails; `detect_anomaly` is `torch.autograd.detect_anomaly()`. The models are in
`benchmarks/models.py`.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rounds", type=click.IntRange(min=1), default=15, show_default=True, help="How often each variant runs."
)
@click.option("--size", type=click.Choice(tuple(STEPS)), help="Use models of this size only.")
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this page, too.")
def main(rounds: int, size: str | None, write: Path | None) -> None:
    """Time training steps in the modes of `nanlint run` and print one table."""
    torch.set_num_threads(1)
    results = []
    for kind, each in MODELS:
        if size in (None, each):
            results.append(measure(kind, each, rounds))
            print(results_table(results[-1:]), file=sys.stderr)
    found = text(results, rounds)
    click.echo(found, nl=False)
    if write:
        page.write(write, "sanitizer", found)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.sanitizer")
