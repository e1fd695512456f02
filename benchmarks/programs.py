"""The corpus of `fixtures/tracer`: programs that train, each with one planted defect or with none."""

from __future__ import annotations

import importlib.util
import inspect
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[1] / "fixtures" / "tracer"
MARK = "# planted"
HELPERS = {"step", "fit"}


@dataclass(frozen=True)
class Program:
    """A function without arguments that trains. `row` is that of the planted defect, None in a healthy one."""

    path: Path
    name: str
    function: Callable[[], None]
    row: int | None

    @property
    def title(self) -> str:
        return f"{self.path.stem}: {self.name}"

    def run(self) -> None:
        """Run it with the same random numbers as ever."""
        import torch

        torch.manual_seed(0)
        random.seed(0)
        self.function()


def programs(kind: str) -> Iterator[Program]:
    """The programs of the folder `planted` or `healthy`. Raises ValueError where a mark is missing or too many."""
    for path in sorted((CORPUS / kind).glob("*.py")):
        # The name has to lead back to the module: workers of a DataLoader may import it.
        spec = importlib.util.spec_from_file_location(f"tracer_{kind}_{path.stem}", path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        for name, function in vars(module).copy().items():
            if not inspect.isfunction(function) or function.__module__ != spec.name or name in HELPERS:
                continue
            lines, first = inspect.getsourcelines(function)
            rows = [first + number for number, line in enumerate(lines) if MARK in line]
            if len(rows) != (kind == "planted"):
                raise ValueError(f"{path.name}: {name} has {len(rows)} marks")
            yield Program(path, name, function, rows[0] if rows else None)
