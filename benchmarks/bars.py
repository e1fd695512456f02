"""What nanlint costs beside a cold run of one process: start-up, editor, warm runs, cores, memory, growth.

`python -m benchmarks.bars`; the speed of a cold run is in `benchmarks.speed`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from statistics import median
from typing import Literal

import click

from benchmarks import packages, table
from benchmarks import page as page_of_sections
from benchmarks.speed import LINTER_PINS, ROOT, as_installed, installed, machine

ROUNDS = 7
ROUNDS_OF_ALL = 3
EDITED = ("timm/models/coat.py", "stable_baselines3/common/policies.py", "botorch/acquisition/monte_carlo.py")
"""Files of about 1,000 lines: in the first nothing is evaluated, in the others a function or more is."""
NANLINT = (sys.executable, "-m", "nanlint")
CHECK = (*NANLINT, "check", "--isolated", "--exit-zero")
PLUGIN = "[flake8:local-plugins]\nextension =\n    NAN = nanlint.hosts.flake8:Plugin\npaths =\n    {root}\n"
# in real code about one line in ten is worth a look
PLAIN = """def f{n}(self, batch, names=None):
    found = {{}}
    for index, name in enumerate(names or ()):
        if name.startswith("layer"):
            found[name] = batch[index].view(-1, {n})
        elif self.verbose:
            self.logger.info("left out %s", name)
    self.found.update(found)
    return found

"""
FUNCTION = """def f{n}(x, weight, mask):
    p = torch.softmax(x @ weight, dim=-1)
    scores = p.masked_fill(mask, 0.0)
    total = scores.sum(-1, keepdim=True)
    if total.min() > {n}:
        return torch.log(scores / total.clamp(min=1e-6))
    for _ in range(3):
        total = total + torch.exp(-x.abs())
    return torch.sqrt(total + 1e-6).mean()

"""


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds on the clock and of CPU, both of the process and its children, and the memory of its largest, in MB."""

    wall: float
    cpu: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Bar:
    """What was measured, its bound, "" where it has none, and whether that is kept."""

    what: str
    measured: str
    bound: str
    kept: bool

    def row(self) -> tuple[str, ...]:
        return self.what, self.measured, self.bound, ("pass" if self.kept else "miss") if self.bound else ""


def run(command: Sequence[str], *, cwd: Path = ROOT, stdin: Path | None = None, output: Path | None = None) -> Run:
    """Run a command once. Raises CalledProcessError where it fails."""
    env = as_installed({"PYTHONPATH": str(ROOT)})
    with open(stdin or os.devnull, "rb") as given, open(output or os.devnull, "wb") as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=given, stdout=out, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e6)


def in_turn(*commands: tuple[Sequence[str], Path | None], rounds: int = ROUNDS) -> list[list[Run]]:
    """Each command, with what it reads from standard input, several times, in turn, after one time that is no count."""
    runs: list[list[Run]] = [[] for _ in commands]
    for number in range(rounds + 1):
        for command, (arguments, stdin) in enumerate(commands):
            done = run(arguments, stdin=stdin)
            if number:
                runs[command].append(done)
    return runs


def cpu(runs: Sequence[Run]) -> float:
    return median(each.cpu for each in runs)


def by(runs: Sequence[Run], others: Sequence[Run], measure: Literal["cpu", "wall"] = "cpu") -> float:
    """How many times as much as others that ran in turn: a slower minute of the machine hits both of a pair."""
    pairs = zip(runs, others, strict=True)
    return median(a.cpu / b.cpu if measure == "cpu" else a.wall / b.wall for a, b in pairs)


def start_up() -> list[Bar]:
    bare, version = in_turn(((sys.executable, "-c", "pass"), None), ((*NANLINT, "--version"), None))
    more = (min(r.wall for r in version) - min(r.wall for r in bare)) * 1000
    bars = [Bar("`nanlint --version`, more than `python -c pass`", f"{more:.0f} ms", "80 ms", more < 80)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(5_000):
            (folder / f"m{number}.py").write_text("import os\n\n\ndef f(x):\n    return x\n" * 20, encoding="utf-8")
        (folder / "one").mkdir()
        shutil.copy(folder / "m0.py", folder / "one")
        options = ("--no-cache", "--jobs", "1")
        one, all_ = in_turn(((*CHECK, *options, f"{folder}/one"), None), ((*CHECK, *options, name), None), rounds=3)
        each = (cpu(all_) - cpu(one)) / 5_000 * 1000
    return [*bars, Bar("a file of 100 lines without torch, CPU", f"{each:.3f} ms", "0.1 ms", each < 0.1)]


def editor(folder: Path, edited: str) -> list[Bar]:
    """A file of a package in a folder: in a copy, which is not below the configuration of nanlint itself."""
    python = packages.environment("linters", LINTER_PINS)
    with tempfile.TemporaryDirectory() as name:
        top = Path(edited).parts[0]
        shutil.copytree(folder / top, Path(name) / top)
        file = Path(name) / edited
        config = Path(name) / "flake8.cfg"
        config.write_text(PLUGIN.format(root=ROOT), encoding="utf-8")
        flake8 = (python, "-m", "flake8", "--exit-zero", "--jobs", "1", str(file))
        alone, beside, libcst, stdin = in_turn(
            ((*flake8, "--isolated"), None),
            ((*flake8, "--config", str(config)), None),
            ((sys.executable, "-c", "import libcst"), None),
            ((*CHECK, "--no-cache", "-"), file),
        )
    more, times = by(beside, alone) - 1, by(stdin, libcst)
    return [
        Bar(f"`{edited}` in flake8, more than flake8 alone, CPU", f"{more:.0%}", "40%", more <= 0.4),
        Bar("the same on standard input, by `import libcst`, CPU", f"{times:.2f}", "2.5", times <= 2.5),
    ]


def tree(folders: Sequence[Path]) -> list[Bar]:
    """Warm runs, cores and memory, over packages by their folders, which lie in one."""
    ruff = (packages.environment("linters", LINTER_PINS), "-m", "ruff", "check", "--no-cache", "--isolated", "-e")
    cwd, names = folders[0].parent, [folder.name for folder in folders]
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        check = (*CHECK, "--output-format", "concise", *names)
        ones, twos, colds = list[Run](), list[Run](), list[Run]()
        outputs = set[bytes]()
        for number in range(ROUNDS_OF_ALL):
            cache = str(here / f"cache{number}")
            for runs, options in ((ones, ("--no-cache", "--jobs", "1")), (twos, ("--no-cache", "--jobs", "2")),
                                  (colds, ("--cache-dir", cache, "--jobs", "2"))):  # fmt: skip
                runs.append(run((*check, *options), cwd=cwd, output=here / "output"))
                outputs.add((here / "output").read_bytes())
        warm, ruffs = list[Run](), list[Run]()
        for _ in range(ROUNDS):
            warm.append(run((*check, "--cache-dir", cache), cwd=cwd))
            ruffs.append(run((*ruff, *names), cwd=cwd))
        files = [path for folder in folders for path in folder.rglob("*.py")]
        files.sort(key=lambda path: (path.stat().st_size, path), reverse=True)
        (here / "tenth").write_text("\n".join(map(str, files[::10])), encoding="utf-8")
        tenth = run(("xargs", "-a", str(here / "tenth"), *CHECK, "--no-cache", "--jobs", "2"), cwd=cwd)
    times, faster, kept = by(warm, ruffs), by(ones, twos, "wall"), by(colds, twos) - 1
    megabytes = max(each.megabytes for each in twos)
    more = megabytes / tenth.megabytes
    same = len(outputs) == 1
    cores = f"2 processes, by the speed of one; the output is {'the same' if same else 'another'}"
    return [
        Bar("a second run over the pinned packages, by ruff's cold run, CPU", f"{times:.2f}", "2", times <= 2),
        Bar("a run that fills a new cache, more than one without, CPU", f"{kept:.0%}", "", True),
        Bar(cores, f"{faster:.2f}", "1.7", faster >= 1.7 and same),
        Bar("memory of the largest process", f"{megabytes:.0f} MB", "300 MB", megabytes <= 300),
        Bar("the same, by that for every tenth file", f"{more:.2f}", "1.1", more <= 1.1),
    ]


def growth() -> list[Bar]:
    """The CPU time of a line in trees of files with 1,000 lines each, and in one file."""
    head = "import torch\n\n\n"
    functions = [(PLAIN if n % 10 else FUNCTION).format(n=n) for n in range(5_000)]
    with tempfile.TemporaryDirectory() as name:
        costs: dict[str, float] = {}
        (Path(name) / "none.py").write_text(head + functions[0], encoding="utf-8")
        command = (*CHECK, "--no-cache", "--jobs", "1")
        bare = cpu([run((*command, f"{name}/none.py")) for _ in range(ROUNDS)])
        for lines in (10_000, 100_000, 1_000_000):
            folder = Path(name) / str(lines)
            folder.mkdir()
            for number in range(lines // 1_000):
                (folder / f"m{number}.py").write_text(head + "".join(functions[:100]), encoding="utf-8")
            # what takes a second is disturbed by little
            rounds = ROUNDS if lines < 1_000_000 else 1
            costs[f"{lines:,} lines"] = (cpu([run((*command, str(folder))) for _ in range(rounds)]) - bare) / lines
        (Path(name) / "large.py").write_text(head + "".join(functions), encoding="utf-8")
        large = cpu([run((*command, f"{name}/large.py")) for _ in range(ROUNDS)])
        costs["one file of 50,000 lines"] = (large - bare) / 50_000
    least = next(iter(costs.values()))
    return [
        Bar(f"a line of {what}, by one of 10,000, CPU", f"{cost / least:.2f}", "1.5", cost <= 1.5 * least)
        for what, cost in list(costs.items())[1:]
    ]


def page(bars: Sequence[Bar]) -> str:
    """All that was measured, as Markdown."""
    today = datetime.now(timezone.utc).date().isoformat()
    versions = ", ".join(f"{name} {version}" for name, version in installed().items())
    return f"""## Start-up, editors, second runs, cores, memory and growth

Measured on {today} on {machine()}, with {versions}.

{table.render(("what", "measured", "bar", ""), [bar.row() for bar in bars], left=1)}

CPU is user and system time with children and imports. A ratio is the median of those of {ROUNDS} pairs of runs, made in
turn, or of {ROUNDS_OF_ALL} cold runs over all packages, which differ in one option; for growth, it is one of medians of
{ROUNDS} runs. The run over every tenth file and that over 1,000,000 lines are made once. The files that flake8 reads
have about 1,000 lines; in the first of them nothing is evaluated. The tree is that of the packages below.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this page, too.")
def main(write: Path | None) -> None:
    """Measure what is no cold run of one process, and say which bars are kept."""
    folders = [package.folder for package in packages.chosen(())]
    beside = [package.folder for package in packages.chosen(("botorch",), packages.PINNED_TO_RUN)]
    found = {edited: folder for edited in EDITED for folder in (*folders, *beside) if (folder / edited).exists()}
    editors = [partial(editor, folder, edited) for edited, folder in found.items()]
    parts: list[Callable[[], list[Bar]]] = [start_up, *editors, partial(tree, folders), growth]
    bars: list[Bar] = []
    for part in parts:
        for bar in part():
            print(": ".join(bar.row()), file=sys.stderr)
            bars.append(bar)
    text = page(bars)
    click.echo(text, nl=False)
    if write:
        page_of_sections.write(write, "bars", text)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.bars")
