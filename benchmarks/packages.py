"""What is measured: packages from PyPI, each pinned, downloaded once and unpacked."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nanlint.source import mentions_torch

PINNED = (
    "gpytorch==1.15.2",
    "kornia==0.9.0",
    "lightning==2.6.6",
    "pyro-ppl==1.9.2",
    "pytorch-metric-learning==2.9.0",
    "stable-baselines3==2.9.2",
    "timm==1.0.31",
    "torch_geometric==2.8.1",
    "torchmetrics==1.9.0",
    "trl==1.16.0",
)


# What `benchmarks.verify` draws from besides of some of these.
PINNED_TO_RUN = ("botorch==0.18.1", "monai==1.6.1", "segmentation-models-pytorch==0.6.0")


def cache_folder() -> Path:
    """Where downloads and virtual environments lie: `$NANLINT_BENCH_CACHE`, else `.cache` beside this file."""
    return Path(os.environ.get("NANLINT_BENCH_CACHE") or Path(__file__).parent / ".cache").absolute()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A Python file of a package: `lines` are counted as an editor does, `torch` says whether it mentions torch."""

    path: Path
    lines: int
    torch: bool

    @classmethod
    def read(cls, path: Path) -> SourceFile:
        data = path.read_bytes()
        return cls(path, len(data.splitlines()), mentions_torch(data))


@dataclass(frozen=True)
class Package:
    """One pinned package. `folder` and what follows from it download the package where the cache lacks it."""

    pin: str

    @property
    def name(self) -> str:
        return self.pin.partition("==")[0]

    @cached_property
    def folder(self) -> Path:
        """Where the wheel is unpacked; raises CalledProcessError where pip cannot download it."""
        folder = cache_folder() / "packages" / self.pin.replace("==", "-")
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                unpacked = Path(scratch, "unpacked")
                with zipfile.ZipFile(_downloaded(self.pin, Path(scratch))) as wheel:
                    wheel.extractall(unpacked)
                unpacked.rename(folder)
        return folder

    @cached_property
    def files(self) -> tuple[SourceFile, ...]:
        """All `.py` files, sorted by path."""
        return tuple(SourceFile.read(path) for path in sorted(self.folder.rglob("*.py")))

    @property
    def torch_lines(self) -> int:
        """The lines of the files that mention torch."""
        return sum(file.lines for file in self.files if file.torch)


def _downloaded(pin: str, folder: Path) -> Path:
    print(f"downloading {pin}", file=sys.stderr)
    # The package is only read, so it does not matter which Python it asks for.
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--dest", str(folder)]
    subprocess.run([*pip, *options, pin], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def chosen(names: Sequence[str], pins: Sequence[str] = PINNED) -> list[Package]:
    """The packages of these names, without names all of them; raises ValueError for a name that is not pinned."""
    packages = {package.name: package for package in map(Package, pins)}
    if unknown := [name for name in names if name not in packages]:
        raise ValueError(f"no pinned package is called {', '.join(unknown)}: choose from {', '.join(packages)}")
    return [packages[name] for name in dict.fromkeys(names or packages)]


def environment(name: str, requirements: Sequence[str]) -> str:
    """The interpreter of a virtual environment of the cache that holds these requirements and no others.

    Raises CalledProcessError where pip cannot install them.
    """
    folder = cache_folder() / f"venv-{name}"
    installed, wanted = folder / "requirements.txt", "\n".join(requirements) + "\n"
    python = str(folder / "bin" / "python")
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        print(f"installing {' '.join(requirements)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True)
        installed.write_text(wanted, encoding="utf-8")
    return python
