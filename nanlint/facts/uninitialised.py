"""Tensors of whatever was in memory: which are read before anything is written into them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from nanlint.facts.relations import strip_views
from nanlint.finding import Position
from nanlint.patterns import pattern
from nanlint.source.stdlib import BLOCKS, tree_of

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.facts.value import Operand, Value

EMPTY = frozenset({"empty", "empty_like", "new_empty", "empty_strided"})
# what reads each element; layers are applied to such tensors for the shape of the result alone
READING = frozenset(
    """add sub rsub mul div floor_divide remainder pow neg lt le gt ge matmul mm bmm mv dot sum mean std var prod norm
    max min amax amin argmax argmin cumsum cumprod abs exp log sqrt square sigmoid tanh relu softmax log_softmax clamp
    clamp_min clamp_max""".split()
)
# of these nothing is read
FORMAT = frozenset("shape size dim ndim dtype device numel nelement stride is_contiguous is_cuda data_ptr".split())
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
MAKERS = frozenset(EMPTY | {"Tensor", "FloatTensor", "DoubleTensor", "HalfTensor"})
WHOLE = frozenset(
    """parameters named_parameters modules children apply state_dict load_state_dict _load_from_state_dict __dict__
    _parameters init_weights _init_weights""".split()
)
LOOPS = (ast.For, ast.While, ast.AsyncFor)
# the kinds of nodes that may write into an attribute
WRITING = (ast.Call, ast.Assign, ast.AugAssign, ast.Expr, ast.List, ast.Tuple, ast.For, ast.Constant)
# `.weight = nn.` and `Parameter(torch.empty(`, of which the latter is found sooner
MADE_EMPTY = pattern(r"Parameter\(\s*[\w.]*(?:empty\w*|Tensor)\(")
MADE = pattern(r"\.(\w+)\s*=\s*[\w.]*\Z")
FILLED = pattern(r"(?=\.(\w+)\.(?:data\.)?\w+_\()")
ATTRIBUTE = pattern(r"\.(\w+)")


def read(frame: Frame, op: str, operands: Mapping[str, Operand]) -> Operand | None:
    """The operand whose elements the operation reads although nothing has been written into them."""
    if op not in READING or not frame.is_here:
        return None
    for parameter, operand in operands.items():
        made = strip_views(operand.value).made_by
        if made is None or made.op not in EMPTY or made.place.unit is not frame.unit or _is_of_no_element(made.args):
            continue
        start = frame.session.span(frame.place(operand.node))[0]
        name = _read_first(frame.session.source.text, start) if parameter != "out" else None
        # what is a part of another variable may have been written by way of that
        if name == "" or (name is not None and name in frame.env.vars and frame.env.vars[name].made_by is made):
            return operand
    return None


def _read_first(text: str, start: Position) -> str | None:
    """The variable, bound once and used for its format alone before, that the expression starting there reads.

    Empty where it reads the tensor as it was made, None where anything else may have been done to it.
    """
    tree = tree_of(text)
    scope = _scope(tree, start.row) if tree is not None else None
    if scope is None:
        return None
    root = next((n for n in ast.walk(scope) if isinstance(n, ast.expr) and _starts(text, n) == start), None)
    while isinstance(root, (ast.Attribute, ast.Subscript, ast.Call, ast.BinOp)):
        if isinstance(root, ast.Call) and _called(root).endswith("_"):
            return None
        if isinstance(root, ast.Call) and _called(root).split(".")[-1] in MAKERS:
            return ""
        root = root.left if isinstance(root, ast.BinOp) else root.func if isinstance(root, ast.Call) else root.value
    if not isinstance(root, ast.Name):
        return None
    return root.id if _is_first_use(scope, root) else None


def _is_first_use(scope: ast.AST, use: ast.Name) -> bool:
    parents = {child: parent for parent in ast.walk(scope) for child in ast.iter_child_nodes(parent)}
    names = [n for n in ast.walk(scope) if isinstance(n, ast.Name) and n.id == use.id]
    bound = [n for n in names if isinstance(n.ctx, ast.Store) and not isinstance(parents[n], ast.AugAssign)]
    if len(bound) != 1 or not isinstance(parents[bound[0]], ast.Assign):
        return False
    inside = _loops(use, parents) - _loops(bound[0], parents)
    for name in names:
        if name is bound[0] or name is use:
            continue
        before = (name.lineno, name.col_offset) < (use.lineno, use.col_offset)
        if (before or inside & _loops(name, parents)) and not _is_of_format(name, parents):
            return False
    return True


def _is_of_format(name: ast.Name, parents: Mapping[ast.AST, ast.AST]) -> bool:
    """`x.shape`, and nothing of the elements."""
    parent = parents[name]
    return isinstance(parent, ast.Attribute) and parent.attr in FORMAT


def _loops(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> set[ast.AST]:
    """The loops, and functions inside of the function, that run the node more than once or at another time."""
    found: set[ast.AST] = set()
    while node in parents:
        node = parents[node]
        if isinstance(node, (*LOOPS, *FUNCTIONS, ast.Lambda)) and node in parents:
            found.add(node)
    return found


def _scope(tree: ast.Module, row: int) -> ast.AST | None:
    """The outermost function that holds the row, or the module."""
    pending: list[ast.AST] = [tree]
    while pending:
        for child in ast.iter_child_nodes(pending.pop()):
            first, last = getattr(child, "lineno", None), getattr(child, "end_lineno", None)
            if first is None or last is None or not first <= row <= last:
                continue
            if isinstance(child, FUNCTIONS):
                return child
            pending.append(child)
    return tree


def _starts(text: str, node: ast.expr) -> Position | None:
    """Where it starts, columns in characters and not in the bytes that `ast` counts."""
    return Position(node.lineno, node.col_offset + 1) if text.isascii() else None


def _called(call: ast.Call) -> str:
    """The dotted name of what is called, as far as it is one."""
    node, parts = call.func, []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id] if isinstance(node, ast.Name) else parts))


def _is_of_no_element(args: Mapping[str, Value]) -> bool:
    """Some size is 0, or none of the memory is real."""
    sizes = args.get("size")
    items = sizes.items if sizes is not None and sizes.items is not None else (sizes,)
    device = args.get("device")
    return any(v is not None and v.number == 0 for v in items) or (device is not None and device.const == "meta")


@lru_cache(maxsize=2)
def parameters(text: str) -> Mapping[int, str]:
    """By row, the attributes that classes of the file make parameters of such tensors and that nothing writes into."""
    heads = [text[max(found.start() - 200, 0) : found.start()] for found in MADE_EMPTY.finditer(text)]
    names = {target[1] for head in heads if (target := MADE.search(head)) is not None}
    # most are filled by a function of torch.nn.init, which is seen without a tree of the file
    if not names or names.issubset(_filled(text)):
        return {}
    tree = tree_of(text)
    rows: dict[int, str] = {}
    for made in _statements(tree) if tree is not None else ():
        if tree is None or not isinstance(made, ast.ClassDef) or not _is_plain_module(made):
            continue
        left: dict[int, str] = {}
        for statement in _statements(made):
            attribute = _empty_parameter(statement)
            if attribute is not None:
                assert isinstance(statement, ast.Assign)
                left[statement.value.lineno] = attribute
        if left and not _initialises_all(made):
            writing = [node for node in _reached(tree, made) if isinstance(node, WRITING)]
            written = {attribute for attribute in left.values() if any(_writes(node, attribute) for node in writing)}
            rows.update({row: attribute for row, attribute in left.items() if attribute not in written})
    return rows


def _filled(text: str) -> set[str]:
    """The attributes that a row hands to a function whose name ends in an underscore, or of which it calls one."""
    filled: set[str] = set()
    for row in text.split("\n"):
        at = row.find("_(")
        if at >= 0:
            filled.update(FILLED.findall(row), ATTRIBUTE.findall(row, at))
    return filled


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """The statement or module and all statements within."""
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        for block in BLOCKS:
            pending.extend(getattr(node, block, ()))


def _is_plain_module(made: ast.ClassDef) -> bool:
    """Nothing but a torch.nn.Module, whose methods are all in view."""
    return [ast.unparse(base) for base in made.bases] in (["nn.Module"], ["torch.nn.Module"], ["Module"])


def _initialises_all(made: ast.ClassDef) -> bool:
    """It goes through its parameters or modules, or loads them."""
    return any(isinstance(n, ast.Attribute) and n.attr in WHOLE for n in ast.walk(made))


def _empty_parameter(node: ast.AST) -> str | None:
    """`x`, of `self.x = nn.Parameter(torch.empty(3))`."""
    target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    if (
        not isinstance(target, ast.Attribute)
        or not isinstance(node, ast.Assign)
        or not isinstance(node.value, ast.Call)
    ):
        return None
    if _called(node.value).split(".")[-1] != "Parameter" or len(node.value.args) != 1 or node.value.keywords:
        return None
    call = node.value.args[0]
    if not isinstance(call, ast.Call) or not isinstance(target.value, ast.Name) or target.value.id != "self":
        return None
    last = _called(call).split(".")[-1]
    sizes = [*call.args, *(item for arg in call.args if isinstance(arg, ast.Tuple) for item in arg.elts)]
    numbers = [a.value for a in sizes if isinstance(a, ast.Constant)]
    of_numbers = len(call.args) > 1 or (bool(numbers) and all(isinstance(n, int) for n in numbers))
    if last not in MAKERS or (last not in EMPTY and not of_numbers) or 0 in numbers:
        return None
    if any(k.arg == "device" and "meta" in ast.unparse(k.value) for k in call.keywords):
        return None
    return target.attr


def _reached(tree: ast.Module, made: ast.ClassDef) -> Iterator[ast.AST]:
    """The nodes of the file but those of classes that have nothing to do with this one."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            apart = isinstance(child, ast.ClassDef) and child is not made
            if not apart or any(isinstance(n, ast.Name) and n.id == made.name for n in ast.walk(child)):
                pending.append(child)


def _writes(node: ast.AST, name: str) -> bool:
    """The node may write into an attribute of that name, or hand it to what does."""
    if isinstance(node, ast.Call):
        called = _called(node).split(".")[-1]
        writes = called.endswith("_") or "init" in called.lower() or called in ("setattr", "copyto")
        return writes and any(_is_of(part, name) for part in (node.func, *node.args))
    if isinstance(node, (ast.Assign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        given = any(_is_of(target, name) for target in targets) and _empty_parameter(node) is None
        return given or (node.value is not None and _is_of_itself(node.value, name))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return any(_is_of(part, name) for part in (*node.value.args, *(k.value for k in node.value.keywords)))
    if isinstance(node, (ast.List, ast.Tuple)):
        return any(_is_of_itself(part, name) for part in node.elts)
    if isinstance(node, ast.For):
        return _is_of(node.iter, name)
    return isinstance(node, ast.Constant) and node.value == name


def _is_of(node: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == name for n in ast.walk(node))


def _is_of_itself(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name
