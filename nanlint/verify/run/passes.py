"""Two runs of one program: the first finds the step that fails, the second traces that step alone."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from nanlint.verify.run.diagnosis import Diagnosis, NonFiniteError, diagnosed
from nanlint.verify.run.replay import is_distributed
from nanlint.verify.run.script import prepared, status_of
from nanlint.verify.run.watching import Watching
from nanlint.verify.trace.tracing import Bad, Tracing

NOT_AGAIN = """the second run did not fail in step {step} or later: the program is not deterministic. A seed for every \
generator, one order of the data and `torch.use_deterministic_algorithms(True)` make it so; or use --mode trace.
"""
NOT_ALONE = """one of the processes that train together cannot run the program again by itself: use --mode trace.
"""


class First(Watching):
    """Stops at the first bad loss or gradient; `start` is then where the step began, and `is_alone` says whether this
    process trains without others.
    """

    def __init__(self) -> None:
        super().__init__(self._stop, ())
        self.bad: Bad | None = None
        self.is_alone = True

    @property
    def start(self) -> tuple[int, int]:
        """Steps of optimizers and backward passes before the step that failed."""
        # Without optimizers an update by hand may have spoiled the parameters one backward pass before it shows.
        return self.steps, self.backwards_before_step if self.steps else max(0, self.backwards - 1)

    def _stop(self, bad: Bad) -> None:
        self.bad = bad
        # asked now, since what the program does on its way out may end the group
        self.is_alone = not is_distributed()
        raise NonFiniteError


class Second(Watching):
    """Lets the steps before `start` alone, then traces."""

    def __init__(self, start: tuple[int, int], report: Callable[[Bad], None]) -> None:
        super().__init__(lambda bad: None, ())
        self._start, self._report = start, report
        self._enter()

    def after_backward(self, roots: Sequence[torch.Tensor]) -> None:
        super().after_backward(roots)
        self._enter()

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        super().after_step(optimizer)
        self._enter()

    def _enter(self) -> None:
        if self.tracing is None and (self.steps, self.backwards) >= self._start:
            self.trace(Tracing(self._report, deferred=False))


def second_run(start: tuple[int, int], program: str, arguments: Sequence[str], *, module: bool) -> Diagnosis | None:
    """Run the program in a fresh process, its output thrown away, and return the report; None where it did not fail."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = [str(report), *map(str, start), "module" if module else "script", program, *arguments]
        command = [sys.executable, "-m", "nanlint.verify.run.passes", *options]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # noqa: S603
        return Diagnosis(*json.loads(report.read_text(encoding="utf-8"))) if report.exists() else None


def main() -> int:
    """What `second_run` starts."""
    report, steps, backwards, kind, program, *arguments = sys.argv[1:]
    run = prepared(program, arguments, module=kind == "module")

    def tell(bad: Bad) -> None:
        found = diagnosed(bad)
        Path(report).write_text(json.dumps([found.text, found.plain]), encoding="utf-8")
        raise NonFiniteError

    second = Second((int(steps), int(backwards)), tell)
    return status_of(run, second(), NonFiniteError)


if __name__ == "__main__":
    sys.exit(main())
