"""How fast nanlint is beside bare libcst, TorchFix, ruff and flake8 on the same files: `python -m benchmarks.speed`."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

import click

from benchmarks import packages, table
from benchmarks import page as page_of_sections
from benchmarks.packages import Package, SourceFile

ROOT = Path(__file__).resolve().parents[1]
NANLINT, LIBCST, TORCH_LIBCST, FLAKE8 = "nanlint", "libcst", "libcst, torch files", "flake8"
# TorchFix takes longer than all others together: it gets every eighth file.
EACH = 8
TORCHFIX, SAMPLED = "TorchFix, sample", "nanlint, sample"
# Where nanlint has to be: its speed as a multiple of another tool's.
BARS = ((TORCHFIX, SAMPLED, 15.0), (LIBCST, NANLINT, 2.0), (FLAKE8, NANLINT, 1.0))
# Each tool in an environment of its own: TorchFix pins an old libcst, and a flake8 runs every plugin beside it.
TORCHFIX_PINS = ("torchfix==0.7.0",)
LINTER_PINS = ("flake8==7.5.0", "ruff==0.17.6")
PARSE = """
import libcst, sys
for path in sys.argv[1:]:
    with open(path, "rb") as stream:
        data = stream.read()
    try:
        libcst.parse_module(data)
    except libcst.ParserSyntaxError as error:
        print(f"{path}: {error.message}", file=sys.stderr)
"""


class BenchmarkError(Exception):
    """A tool did not do its work, so its time means nothing."""


@dataclass(frozen=True)
class Tool:
    """A program to time; the files follow `command`. `proof` is in stderr where an exit status of 1 is no failure."""

    name: str
    version: str
    shown: str
    command: tuple[str, ...]
    files: tuple[SourceFile, ...]
    env: Mapping[str, str]
    proof: str | None = None

    @property
    def lines(self) -> int:
        return sum(file.lines for file in self.files)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that one run of a tool took: CPU time of it and its children, user and system, and on the clock."""

    cpu: float
    wall: float


def tools(files: tuple[SourceFile, ...]) -> list[Tool]:
    """All tools, each with one process and one thread; installs those that this environment must not hold.

    The slowest comes last, so that a tool that fails is known early.
    """
    here = {"PYTHONPATH": str(ROOT)}
    torchfix = packages.environment("torchfix", TORCHFIX_PINS)
    linters = packages.environment("linters", LINTER_PINS)
    nanlint = "check --no-cache --jobs 1 --isolated --exit-zero"
    ruff = "check --no-cache --select ALL --isolated --exit-zero"
    flake8 = "--isolated --jobs 1 --exit-zero"
    versions = installed()
    libcst, parse = versions[LIBCST], (sys.executable, "-c", PARSE)
    torch = tuple(file for file in files if file.torch)
    own = (sys.executable, "-m", "nanlint", *nanlint.split())
    return [
        Tool(LIBCST, libcst, "libcst.parse_module of each file", parse, files, {}),
        Tool(NANLINT, versions[NANLINT], f"nanlint {nanlint}", own, files, here),
        Tool(
            "ruff",
            versions["ruff"],
            f"RAYON_NUM_THREADS=1 ruff {ruff}",
            (linters, "-m", "ruff", *ruff.split()),
            files,
            {"RAYON_NUM_THREADS": "1"},
        ),
        Tool(
            FLAKE8,
            versions[FLAKE8],
            f"flake8 {flake8}",
            (linters, "-m", "flake8", *flake8.split()),
            files,
            {},
        ),
        Tool(SAMPLED, versions[NANLINT], f"nanlint {nanlint}", own, files[::EACH], here),
        Tool(TORCH_LIBCST, libcst, "libcst.parse_module of each file that mentions torch", parse, torch, {}),
        Tool(
            TORCHFIX,
            _version(torchfix, "torchfix"),
            "torchfix -j 1",
            (torchfix, "-m", "torchfix", "-j", "1"),
            files[::EACH],
            {},
            "Finished checking",
        ),
    ]


def installed() -> dict[str, str]:
    """The versions of nanlint, libcst, ruff and flake8."""
    linters = packages.environment("linters", LINTER_PINS)
    return {
        NANLINT: f"{_version(sys.executable, NANLINT)} ({commit()})",
        LIBCST: _version(sys.executable, LIBCST),
        "ruff": _version(linters, "ruff"),
        FLAKE8: _version(linters, FLAKE8),
    }


def _version(python: str, distribution: str) -> str:
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True, env=env).stdout.strip()


def commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "no commit"


def as_installed(added: Mapping[str, str]) -> dict[str, str]:
    """The environment, in which Python may keep bytecode: compiling all of nanlint takes longer than most runs."""
    return {name: value for name, value in {**os.environ, **added}.items() if name != "PYTHONDONTWRITEBYTECODE"}


def timed(tool: Tool, files: Sequence[SourceFile]) -> Timing:
    """One run of a tool over these files, its findings thrown away; raises BenchmarkError where it fails."""
    folder = packages.cache_folder()
    paths = [os.path.relpath(file.path, folder) for file in files]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [*tool.command, *paths],
        cwd=folder,
        env=as_installed(tool.env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode and not (done.returncode == 1 and tool.proof and tool.proof in done.stderr):
        raise BenchmarkError(f"{tool.name} exited with {done.returncode}:\n{done.stderr[-2000:]}")
    return Timing(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall)


def measure(timed_tools: Sequence[Tool], rounds: int) -> dict[str, list[Timing]]:
    """The times of each tool, one for each round; in a round every tool runs once, so that drift meets all alike."""
    for tool in timed_tools:
        timed(tool, tool.files[:1])  # compiles and reads in what a first run would have to
    timings: dict[str, list[Timing]] = {tool.name: [] for tool in timed_tools}
    for number in range(rounds):
        for tool in timed_tools:
            timing = timed(tool, tool.files)
            timings[tool.name].append(timing)
            print(f"round {number + 1}: {tool.name}: {timing.cpu:.2f} s", file=sys.stderr)
    return timings


def ratio(slower: Sequence[Timing], faster: Sequence[Timing]) -> float:
    """How many times the median CPU time of `faster` goes into that of `slower`."""
    return median(t.cpu for t in slower) / median(t.cpu for t in faster)


def ratios(slower: Sequence[Timing], faster: Sequence[Timing]) -> tuple[float, float]:
    """The lowest and the highest ratio of CPU times within one round."""
    each = [one.cpu / other.cpu for one, other in zip(slower, faster, strict=True)]
    return min(each), max(each)


def tools_table(timed_tools: Sequence[Tool], timings: Mapping[str, Sequence[Timing]]) -> str:
    heads = ("tool", "version", "CPU s", "wall s", "lines/s", "speed / libcst", "nanlint's speed / its")
    rows = []
    for tool in timed_tools:
        own = timings[tool.name]
        cpu = median(t.cpu for t in own)
        rows.append(
            (
                tool.name,
                tool.version,
                f"{cpu:.2f}",
                f"{median(t.wall for t in own):.2f}",
                f"{tool.lines / cpu:,.0f}",
                "" if tool.name in (TORCHFIX, SAMPLED) else f"{ratio(timings[LIBCST], own):.2f}",
                f"{ratio(own, timings[SAMPLED if tool.name in (TORCHFIX, SAMPLED) else NANLINT]):.2f}",
            )
        )
    return table.render(heads, rows, left=2)


def bars(timings: Mapping[str, Sequence[Timing]]) -> list[str]:
    """One sentence for each bar."""
    sentences = []
    for name, own, least in BARS:
        reached = ratio(timings[name], timings[own])
        low, high = ratios(timings[name], timings[own])
        verdict = "pass" if reached >= least else "miss"
        spread = f"{low:.2f} to {high:.2f} in single rounds"
        sentences.append(f"{verdict}: nanlint is {reached:.2f} times as fast as {name} ({spread}); at least {least}")
    return sentences


def machine() -> str:
    """CPU model, number of cores, system and Python."""
    model = platform.processor() or platform.machine()
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        cpuinfo = ""
    for line in cpuinfo.splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def packages_table(measured: Sequence[Package]) -> str:
    rows = [(p.pin, str(len(p.files)), f"{sum(f.lines for f in p.files):,}", f"{p.torch_lines:,}") for p in measured]
    return table.render(("package", "files", "lines", "lines of files that mention torch"), rows, left=1)


def page(
    timed_tools: Sequence[Tool], timings: Mapping[str, Sequence[Timing]], measured: Sequence[Package], rounds: int
) -> str:
    """All that was measured, as Markdown."""
    files = timed_tools[0].files
    today = datetime.now(timezone.utc).date().isoformat()
    commands = "\n".join(f"- {tool.name}: `{tool.shown}`" for tool in timed_tools)
    verdicts = "\n".join(f"- {sentence}" for sentence in bars(timings))
    return f"""## The linter

Measured on {today} on {machine()}.

{tools_table(timed_tools, timings)}

{verdicts}

All `.py` files of the packages below, {len(files):,} files with {timed_tools[0].lines:,} lines, were given by name to \
every tool except `{TORCH_LIBCST}`,
which got those that mention torch: nanlint and TorchFix look no further at a file that does not. The samples are every
{EACH}th file.

Each tool ran in one process with one thread, {rounds} times, in turn with the others, after a first run over one file \
that does not count.
CPU s is user and system time of the process, its start and imports included. All figures are medians; a speed is one
over the CPU time.

{commands}

{packages_table(measured)}
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="How often each tool runs.")
@click.option("--package", "names", multiple=True, metavar="NAME", help="Use this package only; can be repeated.")
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this page, too.")
def main(rounds: int, names: tuple[str, ...], write: Path | None) -> None:
    """Time nanlint and other tools on pinned packages and print one table."""
    try:
        measured = packages.chosen(names)
        files = tuple(file for package in measured for file in package.files)
        timed_tools = tools(files)
        timings = measure(timed_tools, rounds)
    except (ValueError, BenchmarkError, subprocess.CalledProcessError) as error:
        raise click.ClickException(str(error)) from error
    text = page(timed_tools, timings, measured, rounds)
    click.echo(text, nl=False)
    if write:
        page_of_sections.write(write, "speed", text)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.speed")
