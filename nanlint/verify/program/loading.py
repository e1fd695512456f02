"""A part of a module that cannot be imported as a whole: what some names of it need, and nothing else.

What cannot be imported itself is an error only once it is used: a plotting library, say, that no loss needs.
"""

from __future__ import annotations
import __future__

import ast
import contextlib
import importlib
import importlib.util
import sys
import tokenize
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from nanlint.project import FOREIGN_FOLDERS
from nanlint.verify.program.slicing import Piece, defining


class Missing:
    """Stands for what could not be imported, and raises the error of that at every use."""

    def __init__(self, error: BaseException) -> None:
        self.__dict__["_error"] = error

    def _raise(self, *_: Any, **__: Any) -> NoReturn:
        raise self.__dict__["_error"].with_traceback(None)

    __getattr__ = __setattr__ = __call__ = __mro_entries__ = __iter__ = __getitem__ = __bool__ = _raise
    __instancecheck__ = __subclasscheck__ = __enter__ = __len__ = __float__ = __neg__ = __contains__ = _raise
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = _raise
    __rpow__ = __matmul__ = __rmatmul__ = __lt__ = __le__ = __gt__ = __ge__ = _raise


def parsed(path: str) -> ast.Module:
    """The tree of a file. Raises OSError, SyntaxError and ValueError."""
    with tokenize.open(path) as stream:
        return ast.parse(stream.read(), path)


def definitions(path: str, root: str, name: str, *names: str) -> types.ModuleType:
    """A module of that name with `names` of a file and what they need; raises what its statements raise.

    `root` is the folder that `name` is to be imported from. Asked again, it adds to the same module.
    """
    tree = parsed(path)
    if name not in _made:
        _made[name] = namespace(path, root, name), set()
    module, done = _made[name]
    sys.modules[name] = module
    for piece in defining(tree, names):
        # marked before it runs: files may import each other
        if piece.node.lineno not in done:
            done.add(piece.node.lineno)
            run(piece, tree, module.__dict__, path)
    return module


# The modules of `definitions` and the first rows of the statements that were run of them.
_made: dict[str, tuple[types.ModuleType, set[int]]] = {}


def namespace(path: str, root: str, name: str) -> types.ModuleType:
    """An empty module from whose code its package and the modules beside it can be imported."""
    if root not in sys.path:
        sys.path.insert(0, root)
    module = types.ModuleType(name)
    module.__file__ = path
    is_package = Path(path).name == "__init__.py"
    module.__package__ = name if is_package else name.rpartition(".")[0]
    if is_package:
        module.__path__ = [str(Path(path).parent)]
    _packages(module.__package__, root)
    return module


def run(piece: Piece, tree: ast.Module, variables: dict[str, Any], path: str) -> None:
    """Run a statement of a file.

    Of an import that fails, the names come from what they alone need of a file of the user's, or stand for the error.
    """
    try:
        exec(compiled([piece], tree, path), variables)  # noqa: S102 (the user's code, in a child process or a test)
    except Exception as error:
        if not isinstance(piece.node, (ast.Import, ast.ImportFrom)):
            raise
        variables.update(dict.fromkeys(piece.binds, Missing(error)))
        if isinstance(piece.node, ast.ImportFrom):
            variables.update(_alone(piece.node, variables["__package__"]))


def _alone(node: ast.ImportFrom, package: str) -> dict[str, Any]:
    """The names of an import whose module cannot be imported as a whole."""
    relative = "." * node.level + (node.module or "")
    found: dict[str, Any] = {}
    with contextlib.suppress(ImportError):
        name = importlib.util.resolve_name(relative, package)
        parts = name.split(".")
        for folder in filter(None, sys.path):
            bare = Path(folder, *parts)
            file = next((each for each in (bare.with_suffix(".py"), bare / "__init__.py") if each.is_file()), None)
            if file is None or any(foreign in str(file) for foreign in FOREIGN_FOLDERS):
                continue
            for alias in node.names:
                try:
                    module = definitions(str(file), folder, name, alias.name)
                    found[alias.asname or alias.name] = getattr(module, alias.name)
                except Exception as error:
                    found[alias.asname or alias.name] = Missing(error)
            break
    return found


def compiled(pieces: Iterable[Piece], tree: ast.Module, path: str) -> types.CodeType:
    """Code whose lines are those of the file."""
    flags = 0
    for each in tree.body:
        if isinstance(each, ast.ImportFrom) and each.module == "__future__":
            flags |= sum(getattr(__future__, alias.name).compiler_flag for alias in each.names)
    nodes = [piece.node for piece in pieces]
    code: types.CodeType = compile(ast.Module(nodes, []), path, "exec", flags=flags, dont_inherit=True)
    return code


def _packages(name: str, root: str) -> None:
    """The packages around a module, empty where they cannot be imported."""
    parts = name.split(".") if name else []
    for count in range(1, len(parts) + 1):
        package = ".".join(parts[:count])
        try:
            importlib.import_module(package)
        except Exception:
            empty = types.ModuleType(package)
            empty.__path__ = [str(Path(root, *parts[:count]))]
            sys.modules[package] = empty
