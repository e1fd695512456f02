"""What runs in a child process: `python -m nanlint.verify.child READ WRITE [DEVICE]`, started by `isolate.worker`.

It answers six questions. "import" imports a file, "define" runs what one name of it needs, "search" looks for
arguments that make a line of it fail, and "compare" calls a function before and after a fix; they do so in this
process, which keeps what it imported. "device" says what its device is, which it opens before anything of the user's
runs. "script" runs a file in a process of its own, forked from this one; a child that is asked for scripts alone has
imported torch and nothing of the user's, and has not opened the device, so that each script starts fresh without the
seconds that torch takes.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import runpy
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nanlint.verify.dependencies import fingerprints
from nanlint.verify.isolate import confine
from nanlint.verify.script import IMPRECISE, NOTHING_WRONG, STILL

Answer = dict[str, Any]


def main(read: int, write: int, device: str = "") -> None:
    """Answer questions, a line of JSON each, until the channel closes."""
    scratch = Path.cwd()
    confine.end_with(write)
    start = time.time()
    import torch

    from nanlint.verify.comparing import compare
    from nanlint.verify.on_device import described
    from nanlint.verify.search import define, load, search

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    confined = False
    tasks: dict[str, Callable[..., Answer]] = {"import": load, "define": define, "search": search, "compare": compare}
    if device:
        tasks["device"] = functools.partial(described, device)
    questions = os.fdopen(read, "rb")
    _say(write, {"ready": torch.__version__})
    for line in questions:
        question = json.loads(line)
        kind = question.pop("do")
        if kind == "script":
            answer = _in_a_fork(functools.partial(_run_script, Path(question["path"])), scratch, write, device)
        else:
            refused = {} if confined else _entered(scratch, device)
            confined = not refused
            answer = refused or _guarded(functools.partial(tasks[kind], **question))
            answer["files"] = fingerprints(confine.files_read(), scratch, start)
        os.chdir(scratch)
        _say(write, answer)


def _entered(scratch: Path, device: str) -> Answer:
    """Open the device and confine this process; the answer has a `reason` where there is no such device."""
    from nanlint.verify.on_device import begin
    from nanlint.verify.target import reason

    try:
        if device:
            begin(device)
    except (AssertionError, RuntimeError) as error:
        return {"reason": reason("device", error)}
    confine.confine(scratch, has_device=bool(device))
    return {}


def _say(channel: int, answer: Answer) -> None:
    data = json.dumps(answer).encode() + b"\n"
    while data:
        data = data[os.write(channel, data) :]


def _guarded(function: Callable[[], Answer]) -> Answer:
    try:
        return function()
    except MemoryError:
        return {"reason": "memory: the limit was reached"}
    except BaseException as error:
        return {"reason": f"internal: {type(error).__name__}: {error}"}


def _in_a_fork(function: Callable[[], Answer], scratch: Path, channel: int, device: str) -> Answer:
    """The answer of a function that is called in a fork of this process, which has not touched the device."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.close(read)
            os.close(channel)
            confine.end_with(write)
            refused = _entered(scratch, device)
            home = os.getpid()
            given = {"failed": False, "message": refused["reason"]} if refused else _guarded(function)
            if os.getpid() == home:
                _say(write, given)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answers:
        text = answers.read()
    _, status = os.waitpid(child, 0)
    if not text.endswith(b"\n"):
        return {"failed": False, "message": f"the script ended with status {status}"}
    answer: Answer = json.loads(text)
    return answer


def _run_script(path: Path) -> Answer:
    """Whether a script fails in the way that it was written to show."""
    try:
        runpy.run_path(str(path), run_name="__main__")
    except AssertionError as error:
        return {"failed": str(error).startswith((STILL, IMPRECISE)), "message": str(error)}
    except BaseException as error:
        return {"failed": False, "message": f"{type(error).__name__}: {error}"}
    return {"failed": False, "message": NOTHING_WRONG}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
