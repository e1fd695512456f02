"""The generated files of the checkout: each is a function of the rules, the fixtures or the installed torch."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nanlint import engine, packs
from nanlint.dev.plots import PLOTS, render
from nanlint.dev.svg import is_alike
from nanlint.finding import Confidence
from nanlint.rule import Rule

CURE = "To rewrite the generated files run: python -m nanlint.dev bless"
NOTE = "<!-- Generated from the docstrings in rules/ by `python -m nanlint.dev bless`. -->\n"
OUTPUT = re.compile(r"(<!-- output of: nanlint (.+?) -->\n\n```text\n).*?(```\n)", re.DOTALL)
SAID = re.compile(r": (\w+) \[(\w+)\] ")
SOURCE = re.compile(r"(<!-- source of: (.+?) -->\n\n```python\n).*?(```\n)", re.DOTALL)


def stale(root: Path) -> dict[Path, str | None]:
    """The generated files below `root` that differ from what they should hold, with that; None: should not exist."""
    # as their files say, not as was declared of them
    rules = tuple(packs.imported(rule.check.__module__, Path(rule.check.__code__.co_filename)) for rule in packs.load())
    wanted: dict[Path, str | None] = dict(_files(root, rules))
    for page in (root / "docs" / "rules").glob("*"):
        if page.suffix == ".md" or page.stem not in PLOTS:
            wanted.setdefault(page, None)
    return {path: content for path, content in wanted.items() if not _is_fresh(path, content)}


def _is_fresh(path: Path, content: str | None) -> bool:
    known = path.read_text(encoding="utf-8") if path.is_file() else None
    if known is not None and content is not None and path.suffix == ".svg":
        return is_alike(known, content)
    return known == content


def _files(root: Path, rules: tuple[Rule, ...]) -> Iterator[tuple[Path, str]]:
    said = ""
    for cases in sorted([*(root / "fixtures").glob("*/cases.py"), *(root / "fixtures" / "guards").glob("*.py")]):
        shown = snapshot(cases, root, rules)
        said += shown
        yield cases.with_suffix(".txt"), shown
    yield root / "rules" / "README.md", catalogue(rules, said)
    yield root / "rules" / packs.DECLARED, packs.declarations(root / "rules", rules)
    for rule in rules:
        yield root / "docs" / "rules" / f"{rule.name}.md", page(rule)
    if importlib.util.find_spec("torch") is not None:
        for name, plot in PLOTS.items():
            yield root / "docs" / "rules" / f"{name}.svg", render(plot)
    for name in ("README.md", "docs/run.md"):
        yield root / name, quoting(root, name)
    names = torch_names()
    if names is not None:
        yield root / "nanlint" / "ops" / "data" / "torch_names.txt", names


def catalogue(rules: tuple[Rule, ...], said: str) -> str:
    """The table of all rules that `rules/README.md` is, with the confidences that `said`, their findings, shows."""
    lines = [
        NOTE,
        "# The rules\n",
        "One file, one rule. `nanlint explain CODE` shows the page behind a name; how to write one is in",
        "[docs/writing-rules.md](../docs/writing-rules.md). All rules are on. What is reported is a matter of",
        "[confidence](../docs/confidence.md), which the last column gives as the fixtures show it: `certain` and",
        "`likely` findings are reported by default; `possible` ones are counted, and shown with",
        "`--confidence possible`.\n",
        "| Code | Rule | Kind | What it finds | Confidence |",
        "| --- | --- | --- | --- | --- |",
    ]
    words: dict[str, set[str]] = {}
    for code, word in SAID.findall(said):
        words.setdefault(code, set()).add(word)
    for r in rules:
        shown = ", ".join(word for word in ("certain", "likely", "possible") if word in words.get(r.code, ()))
        lines.append(f"| {r.code} | [{r.name}](../docs/rules/{r.name}.md) | {r.kind} | {_cell(r.summary)} | {shown} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page(rule: Rule) -> str:
    """The documentation page of one rule."""
    source = f"../../rules/{rule.check.__name__}.py"
    heading = f"# {rule.name} ({rule.code})\n\nKind: {rule.kind}. Source: [{rule.check.__name__}.py]({source}).\n"
    text = rule.doc.strip()
    if rule.name in PLOTS:
        plot = f"![In red what fails, in blue what does not, as torch computes them]({rule.name}.svg)"
        text = text.replace("\n## Bad\n", f"\n{plot}\n\n## Bad\n", 1)
    return f"{NOTE}\n{heading}\n{text}\n"


def snapshot(cases: Path, root: Path, rules: tuple[Rule, ...]) -> str:
    """What `nanlint check --confidence possible --output-format concise` says of a fixture, without the summary."""
    path = cases.relative_to(root).as_posix()
    result = engine.check(cases.read_bytes(), path, rules, Confidence.POSSIBLE)
    for failure in result.failures:
        raise RuntimeError(f"{path}: rule {failure.rule} failed\n{failure.traceback}")
    return "".join(
        f"{f.path}:{f.start.row}:{f.start.column}: {f.code} [{f.confidence.word}] {f.message}\n"
        for f in sorted(result.findings, key=lambda f: f.sort_key)
    )


def quoting(root: Path, name: str) -> str:
    """A page with the files and the real output of the commands that its `source of` and `output of` name."""
    text = (root / name).read_text(encoding="utf-8")
    text = SOURCE.sub(lambda m: m[1] + (root / m[2]).read_text(encoding="utf-8") + m[3], text)
    return OUTPUT.sub(lambda m: m[1] + (_output(root, m[2].split()) or m[0][len(m[1]) : -len(m[3])]) + m[3], text)


def _output(root: Path, arguments: list[str]) -> str | None:
    """What a command of nanlint prints; None where it would have to run torch and there is none."""
    if arguments[0] != "run":
        return _printed(root, root, [*arguments, "--isolated", "--no-cache"])
    if importlib.util.find_spec("torch") is None:
        return None
    # What it runs is copied to a folder of its own, since a run leaves a reproducer behind.
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / arguments[-1]
        script.parent.mkdir()
        shutil.copy(root / arguments[-1], script)
        return _printed(root, Path(folder), arguments)


def _printed(root: Path, folder: Path, arguments: list[str]) -> str:
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "PYTHONIOENCODING": "utf-8"}
    environment["PYTHONPATH"] = str(root)
    environment.pop("FORCE_COLOR", None)
    command = [sys.executable, "-m", "nanlint", *arguments]
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode > 1:
        raise RuntimeError(f"nanlint {' '.join(arguments)} exits with {done.returncode}\n{done.stderr}")
    said = done.stdout + done.stderr if arguments[0] == "run" else done.stdout
    return said.rstrip() + "\n"


def torch_names() -> str | None:
    """The shipped list of torch's public names; None without torch, whose list is then left as it is."""
    try:
        from nanlint.dev.torch_names import render
    except ModuleNotFoundError as missing:
        if missing.name in ("torch", "nanlint.dev.torch_names"):
            return None
        raise
    return render()
