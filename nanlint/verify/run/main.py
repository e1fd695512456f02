"""`nanlint run`: a program, a mode, and the exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from nanlint.verify.run.diagnosis import Diagnosis, NonFiniteError, diagnosed, saturation
from nanlint.verify.run.passes import NOT_AGAIN, NOT_ALONE, First, second_run
from nanlint.verify.run.replay import Replaying, is_distributed
from nanlint.verify.run.script import prepared, status_of
from nanlint.verify.trace.recorder import Recorder
from nanlint.verify.trace.tracing import Bad, Tracing

Show = Callable[[Diagnosis], None]


def run_program(program: str, arguments: Sequence[str], *, module: bool, mode: str, show: Show | None = None) -> int:
    """Run a script, or a module as `python -m` does, in one of the modes `trace`, `watch` and `two-pass`.

    Returns the program's exit status, 1 where a loss or a gradient went bad. `show` gets the report, which goes to the
    error stream otherwise. Raises NoSuchProgramError.
    """
    show = show or (lambda found: _print(found.text))
    run = prepared(program, arguments, module=module)
    if mode == "trace":
        return _trace(run, show)
    if mode == "watch":
        return _watch(run, show)
    first = First()
    status = status_of(run, first(), NonFiniteError)
    if first.bad is None:
        return status
    what = f"the {first.bad.what} of step {first.bad.step} is {first.bad.contents.words}"
    if not first.is_alone:
        _print(f"nanlint: {what}; {NOT_ALONE}")
        return 1
    _say(f"{what}: running the program once more")
    found = second_run(first.start, program, arguments, module=module)
    if found is None:
        _print("nanlint: " + NOT_AGAIN.format(step=first.bad.step))
    else:
        show(found)
    return 1


def _trace(run: Callable[[], None], show: Show) -> int:
    def report(bad: Bad) -> None:
        show(diagnosed(bad))
        raise NonFiniteError

    tracing = Tracing(report)
    status = status_of(run, tracing(), NonFiniteError)
    _warn(tracing.recorder)
    return 1 if tracing.found else status


def _watch(run: Callable[[], None], show: Show) -> int:
    replaying = Replaying(_say)

    def guarded() -> None:
        try:
            run()
        except NonFiniteError as error:
            if not replaying.found:
                _print(str(error))
            raise

    status = status_of(guarded, replaying(), NonFiniteError)
    if replaying.diagnosis:
        # here and not where it was raised: the program may have caught it
        show(replaying.diagnosis)
        return 1
    if replaying.could_not_replay:
        modes = "--mode trace" if is_distributed() else "--mode two-pass or --mode trace"
        _say(f"no later step failed, so the cause is not known: {modes} finds it")
        return 1
    return status


def _warn(recorder: Recorder) -> None:
    for (location, dtype), largest in recorder.casts.saturated.items():
        _print(saturation(location, dtype, largest))


def _say(sentence: str) -> None:
    _print(f"nanlint: {sentence}\n")


def _print(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(text)
    sys.stderr.flush()
