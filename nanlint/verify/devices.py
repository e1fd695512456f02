"""The parent's side of a device on which calls are tried in reduced precision. Imports no torch."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from nanlint.verify.isolate.worker import Lost, Worker

CHILD = "nanlint.verify.child"
NAMES = re.compile(r"cpu|cuda(:\d+)?")
# The import of torch, and the context of CUDA.
START_S = 120.0


class DeviceMissing(Exception):
    """The device cannot be used here; the message says why."""


class Device:
    """One device, with two spawned children that see no other: one makes calls there for as long as the device works
    and findings are of one folder of modules, and one runs scripts, each in a process that is forked before it has
    touched the device.

    `name` is what `NAMES` matches; `kind` is what code calls the device in those children.
    """

    def __init__(self, name: str, scratch: Path) -> None:
        self.name = name
        self.kind, _, number = name.partition(":")
        environment = _only(int(number or 0)) if self.kind == "cuda" else {}
        self._searcher = Worker(CHILD, scratch, self.kind, environment=environment)
        self._runner = Worker(CHILD, scratch, self.kind, environment=environment)
        self._root: str | None = None

    @property
    def starts(self) -> int:
        """How often the child that makes calls was started."""
        return self._searcher.starts

    def start(self) -> str:
        """Make it ready and say what it is: the model of a GPU. Raises DeviceMissing."""
        try:
            answer = self._searcher.ask({"do": "device"}, START_S)
        except Lost as lost:
            raise DeviceMissing(f"{self.name} cannot be used here: {lost}") from None
        if "reason" in answer:
            raise DeviceMissing(f"{self.name} cannot be used here: {answer['reason'].removeprefix('device: ')}")
        return str(answer["device"])

    def search(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Raises Lost."""
        if self._root not in (None, question["root"]):
            self._searcher.close()
        self._root = question["root"]
        answer = self._searcher.ask({**question, "device": self.kind}, seconds)
        if "poisoned" in answer:
            self._searcher.close()
        return answer

    def ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The child that runs scripts. Raises Lost."""
        return self._runner.ask(question, seconds)

    def close(self) -> None:
        self._searcher.close()
        self._runner.close()


def _only(number: int) -> dict[str, str]:
    """The environment in which this GPU, of those that are visible here, is the only one, and waits for each kernel, so
    that what fails on it fails in the call that is to blame.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    visible = [str(each) for each in range(number + 1)] if given is None else given.split(",")
    if number >= len(visible) or not visible[number].strip():
        raise DeviceMissing(f'cuda:{number} cannot be used here: CUDA_VISIBLE_DEVICES is "{given}"')
    return {
        "CUDA_VISIBLE_DEVICES": visible[number].strip(),
        "CUDA_LAUNCH_BLOCKING": "1",
        # To ask whether there is a GPU would otherwise begin to use it, and then no process can be forked.
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    }
