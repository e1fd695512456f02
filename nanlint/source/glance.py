"""What the text of a file tells before anybody has parsed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.patterns import pattern
from nanlint.source.index import Index

if TYPE_CHECKING:
    from nanlint.source.source import Source

STATEMENT = pattern(
    r"([ \t]*)(?:from[ \t]+([\w.]+)[ \t]+)?import[ \t]+(?:\(([^)]*)\)|((?:\\\n|[^\n;])*))[ \t]*(?=\n|\Z)"
)


def glance(source: Source) -> tuple[Index, str] | None:
    """An index of the imports of a file, wherever they stand, and its code without those of the module.

    Other names may be bound as well, as behind an import of `*`. None where the imports are not plain from the text.
    """
    code = source.bare
    index = Index(source)
    index.stars.append("")
    kept: list[str] = []
    done = 0
    at = code.find("import")
    while at >= 0:
        end = at + len("import")
        if not (code[at - 1 : at] + code[end : end + 1]).strip(" \t\n(\\*"):
            start = code.rfind("\n", 0, at) + 1
            found = STATEMENT.match(code, start)
            if found is None or code[:start].endswith("\\\n") or not _add(index, found[2], found[3] or found[4]):
                return None
            end = found.end()
            if not found[1]:
                kept.append(code[done:start])
                done = end
        at = code.find("import", end)
    if index.imported_anew:
        return None
    kept.append(code[done:])
    return index, "".join(kept)


def _add(index: Index, module: str | None, names: str) -> bool:
    """Put what a statement imports into the index; False for what is no list of names."""
    for name in names.replace("\\\n", " ").split(","):
        words = name.split()
        if not words:
            continue
        target, alias = words[0], words[2] if len(words) == 3 else None
        if len(words) not in (1, 3) or (alias is not None and words[1] != "as"):
            return False
        if module is None:
            index.add_import(target, alias)
        else:
            index.add_import_from(module, target, alias)
    return True
