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
STEPS = {"tiny": 20, "medium": 4, "large": 4}
# On a CPU the large models take minutes a step.
SIZES = {"cpu": ("tiny", "medium"), "cuda": ("tiny", "medium", "large")}
DTYPES = {"cpu": (torch.float32,), "cuda": (torch.float32, torch.bfloat16)}
# Kernels are loaded and chosen in the first steps.
WARM_UP = {"cpu": 1, "cuda": 3}


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
    """The time of each variant over that of plain in the same round, and the milliseconds of a plain step."""

    kind: str
    size: str
    dtype: torch.dtype
    milliseconds: float
    of: dict[str, list[float]]

    def median(self, variant: str) -> float:
        return median(self.of[variant])


def timed(variant: str, work: Training, steps: int) -> float:
    """Seconds of the fastest of some steps, after the first ones, which do not count."""
    with VARIANTS[variant]():
        for _ in range(WARM_UP[work.x.device.type]):
            work.step()
        one = on_gpu if work.x.is_cuda else on_cpu
        return min(one(work) for _ in range(steps))


def on_cpu(work: Training) -> float:
    """CPU seconds of a step."""
    start = time.process_time()
    work.step()
    return time.process_time() - start


def on_gpu(work: Training) -> float:
    """Seconds of a step by the clock of the GPU, which is idle before it."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    work.step()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def measure(kind: str, size: str, rounds: int, device: torch.device, dtype: torch.dtype) -> Ratios:
    """In a round each variant runs once, each round begins with another, so that the machine's load meets all alike."""
    works = {variant: training(kind, size, device, dtype) for variant in VARIANTS}
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
    return Ratios(kind, size, dtype, 1e3 * median(seconds[PLAIN]), of)


def bars(results: Sequence[Ratios]) -> list[str]:
    """One sentence for each bar, which are for CPUs: the worst model decides."""
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
    heads = ("model", "size", "dtype", "plain, ms", *(variant for variant in VARIANTS if variant != PLAIN))
    rows = [
        (
            each.kind,
            each.size,
            str(each.dtype).removeprefix("torch."),
            f"{each.milliseconds:.1f}",
            *(
                f"{each.median(variant):.2f} ({min(each.of[variant]):.2f} to {max(each.of[variant]):.2f})"
                for variant in VARIANTS
                if variant != PLAIN
            ),
        )
        for each in results
    ]
    return table.render(heads, rows, left=3)


def text(results: Sequence[Ratios], rounds: int, device: torch.device) -> str:
    """All that was measured, as Markdown."""
    today = datetime.now(timezone.utc).date().isoformat()
    steps = " or ".join(f"{STEPS[size]} steps of a {size} model" for size in SIZES[device.type])
    if device.type == "cuda":
        gpu = f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
        where = f"{gpu}, {machine()}, torch {torch.__version__}"
        title, verdicts = "## `nanlint run` on a GPU", ""
        what = "Time between two events in the queue of the GPU, which was idle before,"
    else:
        where = f"{machine()}, torch {torch.__version__}, one thread. Nothing was measured on a GPU"
        title, what = "## `nanlint run`", "CPU time"
        verdicts = "\n".join(["", *(f"- {sentence}" for sentence in bars(results)), ""])
    return f"""{title}

Measured on {today} on {where}.

{results_table(results)}
{verdicts}
{what} of a whole training step (AdamW), as a multiple of plain eager: the median of {rounds} rounds, and in \
brackets the lowest
and the highest. In a round every variant does {steps}, of \
which the fastest counts.
`watch` is the mode without a step that fails; `detect_anomaly` is `torch.autograd.detect_anomaly()`. The models are in
`benchmarks/models.py`.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rounds", type=click.IntRange(min=1), default=15, show_default=True, help="How often each variant runs."
)
@click.option("--size", type=click.Choice(tuple(STEPS)), help="Use models of this size only.")
@click.option("--device", default="cpu", show_default=True, help="Train there: cpu, cuda or cuda:1.")
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this page, too.")
def main(rounds: int, size: str | None, device: str, write: Path | None) -> None:
    """Time training steps in the modes of `nanlint run` and print one table.

    On a GPU in float32 and in bfloat16.
    """
    torch.set_num_threads(1)
    where = torch.device(device)
    results = []
    for dtype in DTYPES[where.type]:
        for kind, each in MODELS:
            if each == size or (size is None and each in SIZES[where.type]):
                results.append(measure(kind, each, rounds, where, dtype))
                print(results_table(results[-1:]), file=sys.stderr)
    found = text(results, rounds, where)
    click.echo(found, nl=False)
    if write:
        page.write(write, "sanitizer" if where.type == "cpu" else f"sanitizer --device {where.type}", found)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.sanitizer")
