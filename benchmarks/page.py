"""Pages of which several benchmarks write a section each."""

from __future__ import annotations

import re
from pathlib import Path

TITLE = "# Performance\n"


def section(name: str, text: str) -> str:
    """A section as it stands in a page, between the marks that `write` finds it by."""
    how = f"Written by `python -m benchmarks.{name} --write`: run it again instead of editing."
    return f"<!-- {name}. {how} -->\n\n{text.strip()}\n\n<!-- end of {name} -->\n"


def write(path: Path, name: str, text: str) -> None:
    """Put a section into a page in place of its last version, or at the end; makes the page where there is none."""
    page = path.read_text(encoding="utf-8") if path.exists() else TITLE
    mark = re.compile(rf"<!-- {re.escape(name)}\. .*?<!-- end of {re.escape(name)} -->\n", re.DOTALL)
    new = section(name, text)
    page = mark.sub(lambda _: new, page) if mark.search(page) else f"{page}\n{new}"
    path.write_text(page, encoding="utf-8")
