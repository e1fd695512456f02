"""What `nanlint verify` makes of findings in released packages: `python -m benchmarks.verify`."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import click
import torch

from benchmarks import noise, packages, page, table
from benchmarks.packages import Package
from benchmarks.speed import commit, machine
from nanlint.finding import Finding, Verdict
from nanlint.slotted import replace
from nanlint.verify.place import Flagged, module_of, place_of
from nanlint.verify.verdicts import Verifier

PACKAGES = (
    "botorch", "gpytorch", "kornia", "monai", "pyro-ppl", "pytorch-metric-learning", "segmentation-models-pytorch",
    "timm", "torchmetrics",
)  # fmt: skip
# They import torchvision. Its wheels on PyPI go with those of torch there, not with a torch for CPUs alone, so that
# whoever runs this provides both.
NEED_TORCHVISION = ("segmentation-models-pytorch", "timm")
# What the packages import besides of torch, numpy and each other.
LIBRARIES = (
    "PyYAML==6.0.3", "certifi==2026.10.18", "charset-normalizer==3.5.2", "filelock==4.2.11", "fsspec==2026.9.0",
    "huggingface_hub==0.36.2", "idna==3.20", "jaxtyping==0.3.11", "joblib==1.6.0", "kornia_rs==0.2.0",
    "lightning-utilities==0.15.3", "linear_operator==0.6.1", "mpmath==1.3.0", "multipledispatch==1.0.0",
    "mypy_extensions==1.2.0", "narwhals==2.29.0", "opt_einsum==3.4.0", "packaging==26.3", "pillow==13.0.0",
    "pyre-extensions==0.0.32", "pyro-api==0.1.2", "requests==2.34.2", "safetensors==0.8.0", "scikit-learn==1.9.1",
    "scipy==1.17.1", "threadpoolctl==3.8.0", "tqdm==4.70.1", "typing-inspect==0.9.0", "typing_extensions==4.16.0",
    "urllib3==2.8.0", "wadler_lindig==0.1.8",
)  # fmt: skip
STATUSES = ("confirmed", "confirmed-extreme", "proved", "not-reproduced", "not-runnable")
VERDICTS = ("real", "benign", "wrong")
# The share of functions whose flagged line has to be reached.
BAR = 0.65


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding, its verdict, and the seconds that it took, without the import of its package."""

    package: Package
    finding: Finding
    seconds: float

    @property
    def verdict(self) -> Verdict:
        assert self.finding.verdict is not None
        return self.finding.verdict

    def plain(self) -> dict[str, object]:
        """What goes into a file; the path is relative to the folder that the package is unpacked in."""
        verdict = self.verdict
        return {
            "package": self.package.pin, "code": self.finding.code, "row": self.finding.start.row,
            "path": str(Path(self.finding.path).relative_to(self.package.folder)), "status": verdict.status,
            "text": verdict.text, "witness": verdict.witness, "script": verdict.script, "seconds": self.seconds,
        }  # fmt: skip


def libraries() -> Path:
    """A folder to import the packages' own dependencies from; raises CalledProcessError where pip fails."""
    folder = packages.cache_folder() / "libraries-verify"
    installed, wanted = folder / "requirements.txt", "\n".join(LIBRARIES) + "\n"
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        print(f"installing {' '.join(LIBRARIES)}", file=sys.stderr)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(folder)]
        subprocess.run([*pip, *LIBRARIES], check=True)
        installed.write_text(wanted, encoding="utf-8")
    return folder


def runnable(names: Sequence[str]) -> list[Package]:
    """The packages of these names that can be run here, in the order of their names."""
    has_torchvision = importlib.util.find_spec("torchvision") is not None
    here = [name for name in sorted(names) if has_torchvision or name not in NEED_TORCHVISION]
    return packages.chosen(here, packages.PINNED + packages.PINNED_TO_RUN)


def search_path(of: Iterable[Package]) -> str:
    """What PYTHONPATH has to be for the packages, which import each other, and for what they import."""
    folders = [os.environ.get("PYTHONPATH"), str(libraries()), *(str(package.folder) for package in of)]
    return os.pathsep.join(filter(None, folders))


def importable(package: Package) -> list[Finding]:
    """The default findings in files that are imported from where the package is installed; some ship a second copy."""
    folder = package.folder.resolve()
    return [each for each in noise.check(package).findings if module_of(Path(each.path))[0] == folder]


def by_function(findings: Iterable[Finding]) -> list[list[Finding]]:
    """The findings of each function, in the order of their paths; those outside of functions are left out."""
    trees: dict[str, ast.Module] = {}
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.path not in trees:
            trees[finding.path] = ast.parse(Path(finding.path).read_bytes())
        try:
            place = place_of(trees[finding.path], Flagged(finding.start.row, 1, finding.end.row, 1))
        except ValueError:
            continue
        if place.qualname:
            groups.setdefault((finding.path, place.qualname), []).append(finding)
    return [groups[key] for key in sorted(groups)]


def drawn(found: Sequence[tuple[Package, Finding]], count: int, seed: int) -> list[tuple[Package, Finding]]:
    """One finding of each of so many functions, at random, sorted by path."""
    owners = {finding.path: package for package, finding in found}
    chooser = random.Random(seed)
    groups = by_function(finding for _, finding in found)
    chosen = chooser.sample(groups, min(count, len(groups)))
    one_each = sorted((chooser.choice(group) for group in chosen), key=lambda finding: finding.sort_key)
    return [(owners[finding.path], finding) for finding in one_each]


def judge(chosen: Sequence[tuple[Package, Finding]], device: str) -> list[Judged]:
    """Half precision is tried on the device, where one is named."""
    os.environ["PYTHONPATH"] = search_path(runnable(PACKAGES))
    results = []
    with Verifier(device=device) as verifier:
        for package, finding in chosen:
            verifier.prepare(finding)
            start = time.perf_counter()
            verdict = verifier.verdict(finding)
            results.append(Judged(package, replace(finding, verdict=verdict), time.perf_counter() - start))
            print(f"{len(results)}/{len(chosen)} {verdict.status} {finding.path}:{finding.start.row}", file=sys.stderr)
    return results


def report(results: Sequence[Judged]) -> str:
    """Two tables: the verdicts by package, and why nothing could be run."""
    rows = []
    for name in [*dict.fromkeys(each.package.name for each in results), "all"]:
        of_package = [each for each in results if name in ("all", each.package.name)]
        counts = Counter[str](each.verdict.status for each in of_package)
        cells = [str(counts[status]) for status in STATUSES]
        rows.append((name, str(len(of_package)), f"{reached(of_package):.0%}", *cells))
    reasons = Counter(each.verdict.text.split(":")[0] for each in results if each.verdict.status == "not-runnable")
    seconds = [each.seconds for each in results]
    share = reached(results)
    return f"""{table.render(("package", "functions", "line reached", *STATUSES), rows, left=1)}

- {"pass" if share >= BAR else "miss"}: the line is reached in {share:.0%} of the functions; at least {BAR:.0%}

{table.render(("why not runnable", "functions"), [(why, str(n)) for why, n in reasons.most_common()], left=1)}

Seconds for each, once the package is imported: median {statistics.median(seconds):.2f}, \
mean {statistics.mean(seconds):.2f}, most {max(seconds):.2f}.
"""


def reached(results: Sequence[Judged]) -> float:
    """The share of them whose line was reached; 0 for none."""
    return sum(each.verdict.status != "not-runnable" for each in results) / len(results) if results else 0.0


def read_before(text: str, found: Sequence[tuple[Package, Finding]]) -> list[tuple[str, Package, Finding]]:
    """The findings that readers have judged in a table of this page, and are still made, each with their verdict."""
    findings = {_place(package, finding): (package, finding) for package, finding in found}
    rows = re.findall(rf"^\| ([\w-]+) \| `([^`]+)` \| (\w+) \| \w+ \| ({'|'.join(VERDICTS)}) \|", text, re.MULTILINE)
    verdicts = {(name, place, code): verdict for name, place, code, verdict in rows}
    return [(verdict, *findings[key]) for key, verdict in verdicts.items() if key in findings]


def _place(package: Package, finding: Finding) -> tuple[str, str, str]:
    """As that table names it."""
    path = Path(finding.path).relative_to(package.folder)
    return package.name, f"{Path(*path.parts[1:])}:{finding.start.row}", finding.code


def beside_readers(results: Sequence[tuple[str, Judged]]) -> str:
    """What was found by running, by what readers said."""
    rows = []
    for verdict in VERDICTS:
        counts = Counter[str](judged.verdict.status for said, judged in results if said == verdict)
        rows.append((verdict, *(str(counts[status]) for status in STATUSES)))
    return table.render(("readers say", *STATUSES), rows, left=1)


def section(of: Sequence[Package], results: Sequence[Judged], read: Sequence[tuple[str, Judged]], seed: int) -> str:
    """What stands in the page."""
    where = f"{datetime.now(timezone.utc):%Y-%m-%d} at {commit()} on {machine()}, torch {torch.__version__}"
    text = f"""Measured on {where}: {len(results)} functions,
seed {seed}, drawn from {", ".join(package.pin for package in of)}.

{report(results)}"""
    if not read:
        return text
    return f"""{text}
Of the findings above that readers judged, {len(read)} are in these packages and still made:

{beside_readers(read)}
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--package", "names", multiple=True, type=click.Choice(PACKAGES), help="Read this package only.")
@click.option("--count", default=120, show_default=True, help="How many functions to draw.")
@click.option("--seed", default=1, show_default=True, help="Which ones.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write all verdicts there.")
@click.option("--device", default="", help="Try half precision there: cuda.")
@click.option("--write", type=click.Path(exists=True, path_type=Path), help="Write it into this page, too.")
def main(names: tuple[str, ...], count: int, seed: int, file: Path | None, device: str, write: Path | None) -> None:
    """Draw functions with default findings from the pinned packages, verify one finding of each, and count.

    With --write those are verified, too, that the page tells the verdicts of readers on.
    """
    of = runnable(names or PACKAGES)
    found = [(package, finding) for package in of for finding in importable(package)]
    results = judge(drawn(found, count, seed), device)
    if file:
        file.write_text(json.dumps([each.plain() for each in results], indent=1) + "\n", encoding="utf-8")
    click.echo(report(results), nl=False)
    if write:
        before = read_before(write.read_text(encoding="utf-8"), found)
        again = judge([(package, finding) for _, package, finding in before], device)
        read = [(said, judged) for (said, _, _), judged in zip(before, again, strict=True)]
        page.write(write, "verify", section(of, results, read, seed))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.verify")
