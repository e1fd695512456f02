"""Where rules come from: the built-in pack, installed packs and local folders.

A pack is a flat folder of rule files. The built-in one lies in `rules/` of a checkout and in `nanlint/rules/` of a
wheel; installed ones are packages named by the entry-point group `nanlint.rules`; local ones are `--rules DIR`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
import zlib
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from importlib.util import find_spec, module_from_spec
from pathlib import Path

from nanlint.rule import Rule, RuleError

GROUP = "nanlint.rules"


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
    installed = (find_spec(point.value) for point in entry_points(group=GROUP))
    found = [Path(folder) for spec in installed if spec for folder in spec.submodule_search_locations or ()]
    return (_built_in_folder(), *found, *extra)


def origin(rule: Rule) -> str:
    """`file:line` of the function behind `rule`."""
    code = rule.check.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def _built_in() -> Iterator[Rule]:
    return _pack("nanlint.rules", _built_in_folder())


def _built_in_folder() -> Path:
    here = Path(__file__).parent
    # a stale nanlint/rules/__pycache__ alone would import as a pack, so look for rule files
    return next((f for f in (here / "rules", here.parent / "rules") if any(f.glob("*.py"))), here / "rules")


def _installed() -> Iterator[Rule]:
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.value):
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
    names = sorted(m.name for m in pkgutil.iter_modules([str(folder)]) if not m.name.startswith("_"))
    if not names:
        raise RuleError(f"{folder}: no rule in this pack (a pack is a folder of rule files)")
    for name in names:
        yield _rule(f"{package}.{name}", folder / f"{name}.py")


def _rule(module_name: str, file: Path) -> Rule:
    """The one rule of a rule file."""
    try:
        module = importlib.import_module(module_name)
    except RuleError:
        raise
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
