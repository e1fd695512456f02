"""What `nanlint verify` makes of findings in released packages: `python -m benchmarks.verify`."""

from __future__ import annotations

import ast
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from benchmarks import noise, packages, table
from benchmarks.packages import Package
from nanlint.finding import Finding, Verdict
from nanlint.verify.place import Flagged, place_of
from nanlint.verify.verdicts import Verifier

# What these packages import besides of torch and numpy. timm is not among them: torchvision's wheels on PyPI do not
# go with torch's for a CPU.
PACKAGES = ("gpytorch", "kornia", "pyro-ppl", "pytorch-metric-learning", "torchmetrics")
LIBRARIES = (
    "jaxtyping==0.3.11", "joblib==1.6.0", "kornia_rs==0.2.0", "lightning-utilities==0.15.3", "linear_operator==0.6.1",
    "mpmath==1.3.0", "narwhals==2.29.0", "opt_einsum==3.4.0", "pyro-api==0.1.2", "scikit-learn==1.9.1",
    "scipy==1.17.1", "threadpoolctl==3.8.0", "tqdm==4.70.1", "wadler_lindig==0.1.8",
)  # fmt: skip
STATUSES = ("confirmed", "confirmed-extreme", "not-reproduced", "not-runnable")


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding, its verdict, and the seconds that it took, without the import of its package."""

    package: str
    finding: Finding
    seconds: float

    @property
    def verdict(self) -> Verdict:
        assert self.finding.verdict is not None
        return self.finding.verdict


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


def judge(chosen: Sequence[tuple[Package, Finding]]) -> list[Judged]:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(libraries()))))
    results = []
    with Verifier() as verifier:
        for package, finding in chosen:
            verifier.prepare(finding)
            start = time.perf_counter()
            verdict = verifier.verdict(finding)
            results.append(Judged(package.name, replace(finding, verdict=verdict), time.perf_counter() - start))
            print(f"{len(results)}/{len(chosen)} {verdict.status} {finding.path}:{finding.start.row}", file=sys.stderr)
    return results


def report(results: Sequence[Judged]) -> str:
    """Two tables: the verdicts by package, and why nothing could be run."""
    rows = []
    for name in [*dict.fromkeys(each.package for each in results), "all"]:
        of_package = [each for each in results if name in ("all", each.package)]
        counts = Counter[str](each.verdict.status for each in of_package)
        reached = len(of_package) - counts["not-runnable"]
        cells = [str(counts[status]) for status in STATUSES]
        share = f"{reached / len(of_package):.0%}" if of_package else "-"
        rows.append((name, str(len(of_package)), share, *cells))
    reasons = Counter(each.verdict.text.split(":")[0] for each in results if each.verdict.status == "not-runnable")
    seconds = [each.seconds for each in results]
    return f"""{table.render(("package", "functions", "line reached", *STATUSES), rows, left=1)}

{table.render(("why not runnable", "functions"), [(why, str(n)) for why, n in reasons.most_common()], left=1)}

Seconds for each, once the package is imported: median {statistics.median(seconds):.2f}, \
mean {statistics.mean(seconds):.2f}, most {max(seconds):.2f}.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--package", "names", multiple=True, type=click.Choice(PACKAGES), help="Read this package only.")
@click.option("--count", default=120, show_default=True, help="How many functions to draw.")
@click.option("--seed", default=1, show_default=True, help="Which ones.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write all verdicts there.")
def main(names: tuple[str, ...], count: int, seed: int, file: Path | None) -> None:
    """Draw functions with default findings from the pinned packages, verify one finding of each, and count."""
    found = [
        (package, finding)
        for package in packages.chosen(names or PACKAGES)
        for finding in noise.check(package).findings
    ]
    results = judge(drawn(found, count, seed))
    if file:
        plain = [
            {
                "package": each.package, "code": each.finding.code, "path": each.finding.path,
                "row": each.finding.start.row, "status": each.verdict.status, "text": each.verdict.text,
                "witness": each.verdict.witness, "script": each.verdict.script, "seconds": each.seconds,
            }
            for each in results
        ]  # fmt: skip
        file.write_text(json.dumps(plain, indent=1), encoding="utf-8")
    click.echo(report(results), nl=False)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.verify")
