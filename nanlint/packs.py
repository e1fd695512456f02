"""Where rules come from: the built-in pack, installed packs and local folders.

A pack is a flat folder of rule files, imported when a rule is asked: what all of them look at is in its `declared.txt`,
where it has one. The built-in one lies in `rules/` of a checkout and in `nanlint/rules/` of a
wheel; installed ones are packages named by the entry-point group `nanlint.rules`; local ones are `--rules DIR`.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import traceback
import zlib
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, distributions
from importlib.util import find_spec, module_from_spec
from pathlib import Path

from nanlint.rule import Check, Rule, RuleError, check_form, origin

GROUP = "nanlint.rules"
DECLARED = "declared.txt"


def mount(folder: Path, package: str) -> None:
    """Give `folder` the package name `package`, so that its files import as `package.stem`."""
    spec = ModuleSpec(package, None, is_package=True)
    spec.submodule_search_locations = [str(folder.resolve())]
    sys.modules[package] = module_from_spec(spec)


def load(extra: Sequence[Path] = ()) -> tuple[Rule, ...]:
    """All rules, by code: built-in, installed, and those of the folders `extra`.

    Raises RuleError, naming the file, for a pack without rules, a file without its rule, a rule that does not
    import, and two rules with one code or one name.
    """
    rules = [*_built_in(), *_installed()]
    for folder in extra:
        rules += _local(folder)
    return tuple(sorted(_distinct(rules), key=lambda r: r.code))


def folders(extra: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Where the packs of `load(extra)` lie, found without importing a rule; what is not there is left out."""
    installed = (find_spec(point.value) for point in _entry_points())
    found = [Path(folder) for spec in installed if spec for folder in spec.submodule_search_locations or ()]
    return (_built_in_folder(), *found, *extra)


def declarations(folder: Path, rules: Iterable[Rule]) -> str:
    """What `declared.txt` holds of these rules of a folder: a line for each that counts while its file is as it is."""
    return "".join(f"{_declaration(folder / f'{_stem(rule)}.py', rule)}\n" for rule in rules)


def _declaration(file: Path, rule: Rule) -> str:
    words = (sorted(rule.over), rule.mentions, sorted(rule.at))
    return "\t".join((file.stem, _checksum(file), rule.code, rule.kind, *map(" ".join, words)))


def _checksum(file: str | Path) -> str:
    with open(file, "rb") as stream:
        return f"{zlib.crc32(stream.read()):08x}"


def _stem(rule: Rule) -> str:
    return rule.name.replace("-", "_")


@functools.cache
def _built_in() -> tuple[Rule, ...]:
    return tuple(_pack("nanlint.rules", _built_in_folder()))


def _built_in_folder() -> Path:
    here = Path(__file__).parent
    # a stale nanlint/rules/__pycache__ alone would import as a pack, so look for rule files
    return next((f for f in (here / "rules", here.parent / "rules") if _stems(f)), here / "rules")


def _stems(folder: Path) -> list[str]:
    """The names of the rule files in a folder, without their ending, in order; none where there is no folder."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted([name[:-3] for name in names if name.endswith(".py") and not name.startswith("_")])


def _entry_points() -> list[EntryPoint]:
    """Those of the group, by value; few distributions speak of it, and reading takes a third of the time of parsing."""
    speaking = (each for each in distributions() if GROUP in (each.read_text("entry_points.txt") or ""))
    found = {point.value: point for each in speaking for point in each.entry_points if point.group == GROUP}
    return [found[value] for value in sorted(found)]


def _installed() -> Iterator[Rule]:
    for point in _entry_points():
        package = point.load()
        for folder in package.__path__:
            yield from _rules(package.__name__, Path(folder))


def _local(folder: Path) -> Iterator[Rule]:
    if not folder.is_dir():
        raise RuleError(f"{folder}: no such folder of rules")
    return _pack(f"nanlint_local_{zlib.crc32(str(folder.resolve()).encode()):08x}", folder)


def _pack(package: str, folder: Path) -> Iterator[Rule]:
    if package not in sys.modules:
        mount(folder, package)
    return _rules(package, folder)


def _rules(package: str, folder: Path) -> Iterator[Rule]:
    stems = _stems(folder)
    if not stems:
        raise RuleError(f"{folder}: no rule in this pack (a pack is a folder of rule files)")
    declared = _declared(folder)
    for stem in stems:
        module_name, file = f"{package}.{stem}", f"{folder}{os.sep}{stem}.py"
        checksum, *words = declared.get(stem, [""])
        is_known = checksum != "" and checksum == _checksum(file)
        yield _deferred(module_name, file, stem, *words) if is_known else imported(module_name, Path(file))


def _declared(folder: Path) -> dict[str, list[str]]:
    """By the stem of its file: the checksum and what else is declared of each rule."""
    try:
        lines = (folder / DECLARED).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {stem: rest for stem, *rest in (line.split("\t") for line in lines)}


def _deferred(module: str, file: str, stem: str, code: str, kind: str, over: str, mentions: str, at: str) -> Rule:
    """The rule of a file that is not imported before the rule is asked; its form was checked when it was declared."""
    written = functools.partial(_function, module, file)
    name = stem.replace("_", "-")
    return Rule(code, name, frozenset(at.split()), kind, frozenset(over.split()), tuple(mentions.split()), written)


@functools.cache
def _function(module_name: str, file: str) -> Check:
    return _imported(module_name, Path(file)).check


def imported(module_name: str, file: Path) -> Rule:
    """The one rule of a rule file, which is imported. Raises RuleError."""
    rule = _imported(module_name, file)
    check_form(rule)
    return rule


def _imported(module_name: str, file: Path) -> Rule:
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise RuleError(f"{_culprit(error, file)}: {type(error).__name__}: {error}") from error
    found = [r for r in vars(module).values() if isinstance(r, Rule) and r.check.__module__ == module_name]
    if len(found) != 1:
        raise RuleError(f"{file}: a rule file holds one rule, this one has {len(found)}")
    function = found[0].check.__name__
    if function != file.stem:
        raise RuleError(f"{origin(found[0])}: the function {function} must have the name of its file, {file.stem}")
    return found[0]


def _culprit(error: BaseException, file: Path) -> str:
    """The line of `file` at which importing it went wrong."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == file.resolve()]
    return f"{file}:{lines[-1]}" if lines else str(file)


def _distinct(rules: Iterable[Rule]) -> Iterator[Rule]:
    seen: dict[str, Rule] = {}
    for rule in rules:
        for key in (rule.code, rule.name):
            other = seen.setdefault(key, rule)
            if other is not rule:
                raise RuleError(f"two rules are called {key}: {origin(other)} and {origin(rule)}")
        yield rule
