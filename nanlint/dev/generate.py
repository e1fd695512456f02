"""The generated files of the checkout: each is a function of the rules, the fixtures or the installed torch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from nanlint import engine, packs
from nanlint.finding import Confidence
from nanlint.rule import Rule

CURE = "To rewrite the generated files run: python -m nanlint.dev bless"
NOTE = "<!-- Generated from the docstrings in rules/ by `python -m nanlint.dev bless`. -->\n"
OUTPUT = re.compile(r"(<!-- output of: nanlint (.+?) -->\n\n```text\n).*?(```\n)", re.DOTALL)
SOURCE = re.compile(r"(<!-- source of: (.+?) -->\n\n```python\n).*?(```\n)", re.DOTALL)


def stale(root: Path) -> dict[Path, str | None]:
    """The generated files below `root` that differ from what they should hold, with that; None: should not exist."""
    rules = packs.load()
    wanted: dict[Path, str | None] = dict(_files(root, rules))
    for page in (root / "docs" / "rules").glob("*.md"):
        wanted.setdefault(page, None)
    return {path: content for path, content in wanted.items() if _content(path) != content}


def _content(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _files(root: Path, rules: tuple[Rule, ...]) -> Iterator[tuple[Path, str]]:
    yield root / "rules" / "README.md", catalogue(rules)
    for rule in rules:
        yield root / "docs" / "rules" / f"{rule.name}.md", page(rule)
    for cases in sorted([*(root / "fixtures").glob("*/cases.py"), *(root / "fixtures" / "guards").glob("*.py")]):
        yield cases.with_suffix(".txt"), snapshot(cases, root, rules)
    yield root / "README.md", readme(root)
    names = torch_names()
    if names is not None:
        yield root / "nanlint" / "ops" / "data" / "torch_names.txt", names


def catalogue(rules: tuple[Rule, ...]) -> str:
    """The table of all rules that `rules/README.md` is."""
    lines = [
        NOTE,
        "# The rules\n",
        "One file, one rule. `nanlint explain CODE` shows the page behind a name; how to write one is in",
        "[docs/writing-rules.md](../docs/writing-rules.md).\n",
        "| Code | Rule | Kind | What it finds |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| {r.code} | [{r.name}](../docs/rules/{r.name}.md) | {r.kind} | {_cell(r.summary)} |" for r in rules]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page(rule: Rule) -> str:
    """The documentation page of one rule."""
    source = f"../../rules/{rule.check.__name__}.py"
    heading = f"# {rule.name} ({rule.code})\n\nKind: {rule.kind}. Source: [{rule.check.__name__}.py]({source}).\n"
    return f"{NOTE}\n{heading}\n{rule.doc.strip()}\n"


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


def readme(root: Path) -> str:
    """The README with the files and the real output of the commands that its `source of` and `output of` name."""
    text = (root / "README.md").read_text(encoding="utf-8")
    text = SOURCE.sub(lambda m: m[1] + (root / m[2]).read_text(encoding="utf-8") + m[3], text)
    return OUTPUT.sub(lambda m: m[1] + _output(root, m[2].split()) + m[3], text)


def _output(root: Path, arguments: list[str]) -> str:
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "PYTHONIOENCODING": "utf-8"}
    environment.pop("FORCE_COLOR", None)
    command = [sys.executable, "-m", "nanlint", *arguments, "--isolated", "--no-cache"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, encoding="utf-8", check=False)  # noqa: S603
    if done.returncode > 1:
        raise RuntimeError(f"nanlint {' '.join(arguments)} exits with {done.returncode}\n{done.stderr}")
    return done.stdout.rstrip() + "\n"


def torch_names() -> str | None:
    """The shipped list of torch's public names; None without torch, whose list is then left as it is."""
    try:
        from nanlint.dev.torch_names import render
    except ModuleNotFoundError as missing:
        if missing.name in ("torch", "nanlint.dev.torch_names"):
            return None
        raise
    return render()
