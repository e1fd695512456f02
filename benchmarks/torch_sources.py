"""What nanlint says of torch's own sources, and how much of it is true: `python -m benchmarks.torch_sources`.

`torch_sources.json` holds the verdicts, by file, function, rule and the text that is flagged, so that they outlast a
change of the lines around: `real`, `benign` or `wrong`, as `docs/precision.md` defines them, and what showed it. Where
`known` is true the defect was known before and has to be found.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from benchmarks import page, table
from nanlint.config import Config
from nanlint.files import Target
from nanlint.finding import Finding
from nanlint.run import run
from nanlint.source import Source

PARTS = ("distributions", "nn/functional.py", "nn/utils", "optim")
VERDICTS = Path(__file__).with_name("torch_sources.json")
WORDS = ("real", "benign", "wrong")
WIDTH = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is, whatever stands around it."""

    file: str
    function: str
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    word: str
    why: str
    known: bool


def verdicts(entries: Sequence[Mapping[str, Any]]) -> dict[Place, Verdict]:
    """The verdicts of the data file. Raises ValueError for a word that is none."""
    found = {}
    for entry in entries:
        if entry["verdict"] not in WORDS:
            raise ValueError(f"{entry['verdict']!r} is no verdict; they are {', '.join(WORDS)}")
        place = Place(entry["file"], entry["function"], entry["rule"], entry["text"])
        found[place] = Verdict(entry["verdict"], entry["why"], entry.get("known", False))
    return found


def torch_folder() -> Path:
    """Where torch is installed. Raises FileNotFoundError where it is not."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("torch is not installed")
    return Path(spec.origin).parent


def files(folder: Path) -> Iterator[Path]:
    for part in PARTS:
        yield from sorted((folder / part).rglob("*.py")) if (folder / part).is_dir() else [folder / part]


def place(finding: Finding, source: Source, folder: Path) -> Place:
    """The place of a finding in a file of the folder."""
    start, end = finding.start, finding.end
    around = [d for d in source.index.definitions if d.kind == "function" and d.first_row <= start.row <= d.last_row]
    lines = source.lines[start.row - 1 : end.row]
    lines[-1] = lines[-1][: end.column - 1]
    lines[0] = lines[0][start.column - 1 :]
    function = around[-1].qualname if around else ""
    return Place(
        Path(finding.path).relative_to(folder).as_posix(), function, finding.code, " ".join(" ".join(lines).split())
    )


def checked(folder: Path) -> list[tuple[Place, Finding]]:
    """The default findings in those parts of torch, each with its place."""
    found = run([Target(str(path), Config()) for path in files(folder)]).findings
    sources = {path: Source(Path(path).read_bytes(), path) for path in {finding.path for finding in found}}
    return [(place(finding, sources[finding.path], folder), finding) for finding in found]


def report(found: Sequence[tuple[Place, Finding]], known: Mapping[Place, Verdict]) -> str:
    """The counts of the verdicts, and the findings with theirs."""
    told = {place for place, _ in found}
    counts = Counter(known[each].word for each in told if each in known)
    defects = [each for each, verdict in known.items() if verdict.known]
    rows = []
    for each, finding in found:
        verdict = known.get(each)
        where = f"`{each.file}:{finding.start.row}`"
        text = each.text if len(each.text) <= WIDTH else f"{each.text[: WIDTH - 3]}..."
        said = (verdict.word, verdict.why) if verdict is not None else ("", "")
        rows.append((where, each.rule, finding.confidence.word, f"`{text}`", *said))
    heads = ("place", "rule", "confidence", "flagged", "verdict", "why")
    parts = ", ".join(f"`torch/{part}`" for part in PARTS)
    return f"""torch {version("torch")}: {len(found)} default findings in {parts}:
{", ".join(f"{counts[word]} {word}" for word in WORDS)}. Of the {len(defects)} live defects that were known before, \
{sum(each in told for each in defects)} are among them.

{table.render(heads, rows, left=len(heads))}
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--write", type=click.Path(exists=True, path_type=Path), help="Write it into this page, too.")
def main(write: Path | None) -> None:
    """Check parts of the installed torch and print each finding with its verdict.

    Exits 1 where a finding has no verdict or a known defect is not found, and lists the verdicts that nothing needs.
    """
    found, known = checked(torch_folder()), verdicts(json.loads(VERDICTS.read_text(encoding="utf-8")))
    text = report(found, known)
    click.echo(text)
    if write:
        page.write(write, "torch_sources", text)
    told = {each for each, _ in found}
    missing = [f"no verdict: {each}" for each in dict.fromkeys(each for each, _ in found) if each not in known]
    lost = [f"known, and not found: {each}" for each, verdict in known.items() if verdict.known and each not in told]
    idle = [f"not said: {each}" for each, verdict in known.items() if not verdict.known and each not in told]
    for line in (*missing, *lost, *idle):
        click.echo(line, err=True)
    sys.exit(1 if missing or lost else 0)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.torch_sources")
