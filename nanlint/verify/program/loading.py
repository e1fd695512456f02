"""A part of a module that cannot be imported as a whole: what some names of it need, and nothing else.

What cannot be imported itself is an error only once it is used: a plotting library, say, that no loss needs.
"""

from __future__ import annotations
import __future__

import ast
import importlib
import sys
import tokenize
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from nanlint.verify.program.slicing import Piece, defining


class Missing:
    """Stands for what could not be imported, and raises the error of that at every use."""

    def __init__(self, error: BaseException) -> None:
        self.__dict__["_error"] = error

    def _raise(self, *_: Any, **__: Any) -> NoReturn:
        raise self.__dict__["_error"].with_traceback(None)

    __getattr__ = __setattr__ = __call__ = __mro_entries__ = __iter__ = __getitem__ = __bool__ = _raise
    __instancecheck__ = __subclasscheck__ = _raise


def parsed(path: str) -> ast.Module:
    """The tree of a file. Raises OSError, SyntaxError and ValueError."""
    with tokenize.open(path) as stream:
        return ast.parse(stream.read(), path)


def definitions(path: str, root: str, name: str, *names: str) -> types.ModuleType:
    """A module of that name with `names` of a file and what they need; raises what its statements raise.

    `root` is the folder that `name` is to be imported from.
    """
    tree = parsed(path)
    module = namespace(path, root, name)
    for piece in defining(tree, names):
        run(piece, tree, module.__dict__, path)
    sys.modules[name] = module
    return module


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
    """Run a statement of a file; the names of an import that fails stand for its error."""
    try:
        exec(compiled([piece], tree, path), variables)  # noqa: S102 (the user's code, in a child process or a test)
    except Exception as error:
        if not isinstance(piece.node, (ast.Import, ast.ImportFrom)):
            raise
        variables.update(dict.fromkeys(piece.binds, Missing(error)))


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
