"""What fixes do to known hazards, which are run before and after, and to packages: `python -m benchmarks.fixes`.

`fixtures/hazards/fixable.json` holds hazards for which a stable form is known (`auto`), or a guard (`guard`), with
inputs at which they fail and, mostly, some at which they do not. Each is fixed as the body of a function, unsafe fixes
among them, and run. In the packages every fix is made that is offered.
"""

from __future__ import annotations

import itertools
import json
import math
import tempfile
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks import packages, table
from nanlint.config import Config
from nanlint.files import Target
from nanlint.finding import Confidence, Result, Rewritten
from nanlint.fixes.files import write
from nanlint.run import check
from nanlint.source import Source

ENTRIES = Path(__file__).resolve().parents[1] / "fixtures" / "hazards" / "fixable.json"
HEAD = "import math\n\nimport torch\nimport torch.nn.functional as F\n\n\n"
RTOL_OF_STABLE = 1e-3
RTOL, ATOL = 1e-5, 1e-6


@dataclass(frozen=True, slots=True)
class Judged:
    """A hazard after its fix. `text` is what became of the function, None where nothing was fixed.

    `finite` says so of value and gradients where the hazard fails, `equal` that both are the same as before on benign
    input, in float64 (True where no such input is known); `worse` says what is worse than before, if anything is.
    """

    entry: dict[str, Any]
    text: str | None
    finite: bool = False
    equal: bool = False
    worse: str = ""

    @property
    def is_good(self) -> bool:
        return self.finite and self.equal and not self.worse


def entries() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ENTRIES.read_text(encoding="utf-8"))
    return found


def function(entry: dict[str, Any], form: str) -> str:
    """The expression, or the statements, as a function of tensors, which converts its arguments itself where the
    hazard is one of float16 or of integers.
    """
    given = zip(entry["args"], _inputs(entry, "trigger_inputs"), strict=True)
    lines = [f"{name} = {name}.to({value.dtype})" for name, value in given if _is_of_own_dtype(value)]
    lines.append(entry[form] if "\n" in entry[form] else f"return {entry[form]}")
    parameters = ", ".join(f"{name}: torch.Tensor" for name in entry["args"])
    body = textwrap.indent("\n".join(lines), "    ")
    return f"{HEAD}def f({parameters}):\n{body}\n"


def judge(entry: dict[str, Any]) -> Judged:
    """Fix the hazard, at the highest confidence at which that changes something, and run it before and after."""
    import torch

    before = function(entry, "unsafe")
    after = _fixed(before)
    if after is None:
        return Judged(entry, None)
    trigger = _inputs(entry, "trigger_inputs")
    stable = _run(function(entry, "stable"), trigger)
    now = _run(after, trigger)
    if isinstance(now, str):
        known = _run(before, trigger)
        return Judged(entry, after, worse="" if isinstance(known, str) else f"raises {now}")
    # a gradient that is not finite in the stable form either, such as that to a target, is nobody's concern
    counted = [i for i in range(len(now)) if isinstance(stable, str) or i == 0 or _is_finite(stable[i])]
    finite = all(_is_finite(now[i]) for i in counted)
    old = _run(before, trigger)
    if not isinstance(old, str) and not isinstance(stable, str) and all(_is_finite(old[i]) for i in counted):
        # what was finite, and wrong, is to be right
        finite = torch.allclose(now[0].double(), stable[0].double(), RTOL_OF_STABLE)
    equal, worse = _compared(entry, before, after)
    return Judged(entry, after, finite, equal, worse)


def _fixed(text: str) -> str | None:
    for confidence in (Confidence.LIKELY, Confidence.POSSIBLE):
        result = check(Target("hazard.py", Config(confidence=confidence), text.encode()), fixing="unsafe")
        if result.rewritten is not None:
            return result.rewritten.after.decode()
    return None


def _compared(entry: dict[str, Any], before: str, after: str) -> tuple[bool, str]:
    import torch

    if "benign_inputs" not in entry:
        return True, ""
    inputs = [x.double() if x.is_floating_point() else x for x in _inputs(entry, "benign_inputs")]
    old, new = _run(before, inputs), _run(after, inputs)
    if isinstance(old, str) or isinstance(new, str):
        return False, f"raises {new}" if isinstance(new, str) and not isinstance(old, str) else ""
    equal = all(torch.allclose(a.double(), b.double(), RTOL, ATOL) for a, b in zip(old, new, strict=True))
    return equal, "" if equal else f"{old} before, {new} after"


def _inputs(entry: dict[str, Any], which: str) -> list[Any]:
    import torch

    found: list[Any] = eval(entry[which], {"torch": torch, "T": torch.tensor, "math": math, "float": float})
    return found


def _is_of_own_dtype(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.dtype in (torch.float16, torch.uint8, torch.int32)


def _run(text: str, inputs: Sequence[Any]) -> list[Any] | str:
    """The value and the gradients, or what is raised."""
    import torch

    names: dict[str, Any] = {}
    exec(text, names)
    given = [x.clone().requires_grad_(x.is_floating_point() or x.is_complex()) for x in inputs]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = names["f"](*given)
            if value.requires_grad:
                total = value.sum()
                (total.abs() if total.is_complex() else total).backward()
    except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        return f"{type(error).__name__}: {error}"
    none = torch.zeros(())
    return [value.detach(), *(x.grad if x.grad is not None else none for x in given)]


def _is_finite(value: Any) -> bool:
    import torch

    return bool(torch.isfinite(value).all())


@dataclass(frozen=True, slots=True)
class FileCount:
    """Findings of a file and what became of them: `found` = `fixed` + `refused` + `left`.

    `refused`: something could be written, but it did not hold. `lines` are those of the file. `outside`: bytes of the
    written file that are not what they were, though no edit touches them.
    """

    path: str
    lines: int
    found: int = 0
    fixed: int = 0
    safe: int = 0
    refused: int = 0
    outside: int = 0
    uncompiled: bool = False
    unsettled: bool = False
    failed: bool = False


def count(path: str) -> FileCount:
    """Make all fixes of a file, in memory, and make them again."""
    data = Path(path).read_bytes()
    lines = len(data.splitlines())
    target = Target(path, Config(), data)
    plain, now = check(target), check(target, fixing="unsafe")
    made = now.rewritten
    refused = sum(bool(finding.fixes) for finding in now.findings)
    if made is None:
        return FileCount(path, lines, len(plain.findings), refused=refused, failed=bool(now.failures))
    again: Result = check(Target(path, Config(), made.after), fixing="unsafe")
    return FileCount(
        path, lines, len(plain.findings), len(made.findings),
        sum(check_safe(finding.fixes) for finding in made.findings), refused, bytes_outside(made),
        not _compiles(made.after, path), again.rewritten is not None, bool(now.failures),
    )  # fmt: skip


def bytes_outside(made: Rewritten) -> int:
    """How many bytes of the file, written to disk, differ from those of the file before with its edits and no more."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.py"
        path.write_bytes(made.before)
        write(str(path), made.before, made.after)
        written = path.read_bytes()
    expected = made.before
    for edits in made.rounds:
        encoding = Source(expected, "file.py").encoding
        ends = [(0, 0), *((edit.start, edit.end) for edit in edits), (len(expected), len(expected))]
        kept = [expected[before[1] : after[0]] for before, after in itertools.pairwise(ends)]
        put = [edit.text.encode(encoding) for edit in edits]
        expected = b"".join(part for pair in itertools.zip_longest(kept, put, fillvalue=b"") for part in pair)
    return abs(len(written) - len(expected)) + sum(a != b for a, b in zip(written, expected, strict=False))


def check_safe(fixes: Sequence[Any]) -> bool:
    return bool(fixes) and fixes[0].applicability == "safe"


def _compiles(data: bytes, path: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(data, path, "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def counted(paths: Sequence[str], jobs: int) -> Iterator[FileCount]:
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(count, paths, chunksize=8)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--package", "names", multiple=True, help="These packages only; `none` for the hazards alone.")
@click.option("--jobs", type=int, default=2, show_default=True, help="Processes.")
def main(names: tuple[str, ...], jobs: int) -> None:
    """Fix all hazards and packages, count what holds, and list what does not."""
    results = [judge(entry) for entry in entries()]
    rows = []
    for kind in ("auto", "guard"):
        these = [each for each in results if each.entry["fix"] == kind]
        counts = Counter[str]()
        for each in these:
            counts["fixed"] += each.text is not None
            counts["finite"] += each.finite
            counts["good"] += each.is_good
            counts["worse"] += bool(each.worse)
        share = f"{100 * counts['good'] / len(these):.1f} %"
        rows.append((kind, str(len(these)), *(str(counts[k]) for k in ("fixed", "finite", "worse", "good")), share))
    heads = ("hazards", "all", "fixed", "finite where it failed", "worse", "finite and equal", "share")
    click.echo(table.render(heads, rows, left=1))
    for each in results:
        if not each.is_good:
            shown = each.text.splitlines()[-1].strip() if each.text else "not fixed"
            click.echo(f"{each.entry['fix']} {each.entry['id']} {each.entry['unsafe']}\n    {shown} {each.worse}")
    if names == ("none",):
        return
    counts_of_packages = []
    for package in packages.chosen(names):
        files = list(counted([str(file.path) for file in package.files if file.torch], jobs))
        totals = [sum(getattr(f, k) for f in files) for k in ("lines", "found", "fixed", "safe", "refused")]
        ends = [sum(getattr(f, k) for f in files) for k in ("outside", "uncompiled", "unsettled", "failed")]
        counts_of_packages.append((package.pin, *(f"{number:,}" for number in (*totals, *ends))))
        for file in files:
            if file.outside or file.uncompiled or file.unsettled or file.failed:
                click.echo(f"{file}")
    columns = (
        "package",
        "torch lines",
        "found",
        "fixed",
        "by safe ones",
        "refused",
        "bytes outside",
        "do not compile",
        "change again",
        "failed",
    )
    click.echo(table.render(columns, counts_of_packages, left=1))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.fixes")
