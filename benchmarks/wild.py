"""Confirmed findings in released packages, each run again: `python -m benchmarks.wild`."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks import packages, table, verify
from benchmarks.packages import Package
from nanlint.config import Config
from nanlint.files import Target
from nanlint.finding import Finding, Verdict
from nanlint.run import run
from nanlint.verify.verdicts import Verifier

ROOT = Path(__file__).parents[1]
REPRODUCERS = ROOT / "docs" / "found-in-the-wild"
PAGE = ROOT / "docs" / "found-in-the-wild.md"
WIDTH = 120
_HEAD = re.compile(
    r"(?P<pin>\S+==\S+): (?P<path>\S+\.py):(?P<row>\d+), (?P<code>[A-Z]{3}\d{3})\n\n"
    r"What is wrong: (?P<wrong>.+?)\n\nMay a caller pass it: (?P<caller>.+)",
    re.DOTALL,
)
_INTRO = """Findings of `nanlint check` in the current releases of packages that many programs use, at the default
confidence, each with a program that fails by it through what a user of the package would call, and with what
[`nanlint verify`](verify.md) makes of it by itself, from the source alone. The programs lie in
[`found-in-the-wild/`](found-in-the-wild) and need the package and torch. `python -m benchmarks.wild` runs linter,
verifier and programs again and writes this page; what stands under "May a caller pass it" is a reader's. None of it has
been reported to the packages.

Not everything that can be confirmed is here: [of the rest](precision.md#what-running-them-shows) much is private, or
documented, or needs what no caller passes."""


class NotShown(Exception):
    """A finding is not made any more, or its program does not fail."""


@dataclass(frozen=True, slots=True)
class Case:
    """A finding in a package, in the words of who read it, and a program that fails by it."""

    file: Path
    pin: str
    path: str
    row: int
    code: str
    wrong: str
    caller: str
    program: str

    @property
    def place(self) -> str:
        return f"{self.path}:{self.row}"

    @property
    def package(self) -> Package:
        """Raises ValueError where it is not among those that are verified."""
        (found,) = packages.chosen([self.pin.partition("==")[0]], packages.PINNED + packages.PINNED_TO_RUN)
        if found.pin != self.pin:
            raise ValueError(f"{self.file.name}: {self.pin} is not the release that is verified, {found.pin}")
        return found


@dataclass(frozen=True, slots=True)
class Shown:
    """What came out: `said` is the message of the program's assertion."""

    case: Case
    verdict: Verdict
    said: str


def read(file: Path) -> Case:
    """Raises ValueError for a file that does not begin as the others do."""
    text = file.read_text(encoding="utf-8")
    head = _HEAD.fullmatch(ast.get_docstring(ast.parse(text)) or "")
    if head is None:
        raise ValueError(f"{file.name}: the docstring has no place, or not both paragraphs")
    words = {name: " ".join(head[name].split()) for name in ("wrong", "caller")}
    program = text.partition('"""\n\n')[2]
    return Case(file, head["pin"], head["path"], int(head["row"]), head["code"], **words, program=program)


def cases(folder: Path = REPRODUCERS) -> list[Case]:
    return sorted(map(read, folder.glob("*.py")), key=lambda case: (case.pin, case.path, case.row))


def finding_of(case: Case) -> Finding:
    """The finding that is shown; raises NotShown where it is not made."""
    found = run([Target(str(case.package.folder / case.path), Config())]).findings
    for finding in found:
        if (finding.start.row, finding.code) == (case.row, case.code):
            return finding
    raise NotShown(f"{case.place}: {case.code} is not said there")


def said(case: Case) -> str:
    """The message with which its program fails; raises NotShown where it does otherwise, or does not."""
    command = [sys.executable, "-W", "ignore", str(case.file)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env={**os.environ}, check=False)
    last = (done.stderr.strip().splitlines() or [""])[-1]
    if not last.startswith("AssertionError: "):
        raise NotShown(f"{case.file.name}: it ended with status {done.returncode}: {last}")
    return last.removeprefix("AssertionError: ")


def shown(chosen: Sequence[Case]) -> Iterator[Shown]:
    """The verdict is what the verifier makes of the source alone, whatever it is. Raises NotShown."""
    of = [case.package for case in chosen]
    os.environ["PYTHONPATH"] = verify.search_path({package.pin: package for package in of}.values())
    with Verifier() as verifier:
        for case in chosen:
            yield Shown(case, verifier.verdict(finding_of(case)), said(case))


def words(case: Case) -> str:
    """All of a section that is known without a run."""
    return f"""## {case.pin.replace("==", " ")}: `{case.place}`, {case.code}

{_filled(case.wrong)}

```python
{case.program.strip()}
```
"""


def section(each: Shown) -> str:
    witness = f" with `{text}`" if len(text := ", ".join(each.verdict.witness)) <= WIDTH else ""
    verdict = f"`nanlint verify` says: {each.verdict.status}: {each.verdict.text}{witness}."
    return f"""{words(each.case)}
{_filled(f"It says: {each.said}.")}

{_filled(verdict)}

{_filled(f"May a caller pass it: {each.case.caller}")}
"""


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def report(results: Sequence[Shown]) -> str:
    rows = [(each.case.pin, f"`{each.case.place}`", each.case.code, each.verdict.status) for each in results]
    sections = "\n".join(map(section, results))
    return f"""# Found in the wild

<!-- Written by `python -m benchmarks.wild --write`: run it again instead of editing. -->

{_INTRO}

{table.render(("package", "place", "rule", "nanlint verify"), rows, left=4)}

{sections}"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--write", is_flag=True, help=f"Write {PAGE.relative_to(ROOT)}.")
def main(write: bool) -> None:
    """Check, verify and run each finding of `docs/found-in-the-wild` again."""
    results = []
    try:
        chosen = cases()
        for each in shown(chosen):
            results.append(each)
            print(f"{len(results)}/{len(chosen)} {each.case.place}: {each.said}", file=sys.stderr)
    except (NotShown, ValueError, subprocess.CalledProcessError) as error:
        raise click.ClickException(str(error)) from error
    text = report(results)
    click.echo(text, nl=False)
    if write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.wild")
