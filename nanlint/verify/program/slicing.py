"""The statements of a program that one of them, or a definition, depends on."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nanlint.verify.place import Flagged, blocks
from nanlint.verify.program.names import binds, changes, is_certain, reads
from nanlint.verify.program.tests import given

# What a program's last piece gives its value to, and the stack that its `with` statements enter.
RESULT, STACK = "__result__", "__stack__"
# The exception of a condition that does not hold, and what makes the call of an example.
STOP, CALL = "__stop__", "__call__"
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


class Unreached(Exception):
    """Running the program never comes to the statement; the message says why."""


@dataclass(slots=True)
class Piece:
    """A statement with the variables that it reads and those that it gives a value (`binds`) or changes.

    `always`: what follows depends on it whatever it gives, such as a condition.
    """

    node: ast.stmt
    reads: set[str]
    binds: set[str]
    gives: set[str]
    always: bool = False


def defining(tree: ast.Module, names: Iterable[str]) -> list[Piece]:
    """The statements of a module that make these names, and all that they need, in their order."""
    pieces = _pieces(tree.body, _modules(tree))
    wanted, chosen, count = set(names), set[int](), -1
    while len(chosen) != count:
        count = len(chosen)
        chosen = {index for index, piece in enumerate(pieces) if piece.gives & wanted}
        wanted |= set().union(*(pieces[index].reads for index in chosen))
    return [pieces[index] for index in sorted(chosen)]


def leading(tree: ast.Module, anchor: str, *, example: bool = False) -> list[Piece]:
    """What leads to the statement or expression at an anchor of `anchor_of`; the last piece gives `RESULT` its value.

    Loops are in their first pass. `example`: the anchor is that of a call, whose arguments become variables where they
    are none, and which `CALL` makes; what is asserted on the way may be otherwise. Raises Unreached, also where there
    is nothing at the anchor.
    """
    modules, before = _modules(tree), list[Piece]()
    owner: ast.ClassDef | None = None
    node: ast.AST = tree
    for step in anchor.split("."):
        name, _, index = step.partition("[")
        inner = getattr(node, name, None)
        if index:
            place = int(index[:-1])
            if not isinstance(inner, list) or place >= len(inner):
                raise Unreached(f"there is no {anchor} in the program")
            if example and isinstance(node, ast.ClassDef):
                owner = node
            elif example and isinstance(node, ast.FunctionDef) and (of_test := given(node, owner, tree)):
                before += _pieces(of_test, modules, example=example)
                before += _pieces(inner[:place], modules, example=example)
            elif isinstance(inner[place], ast.stmt):
                before += _entered(node, name)
                check_goes_on(inner[:place])
                before += _pieces(inner[:place], modules, example=example)
            inner = inner[place]
        if not isinstance(inner, ast.AST):
            raise Unreached(f"there is no {anchor} in the program")
        node = inner
    if example and isinstance(node, ast.Call):
        lifted, node = _lifted(node)
        before += lifted
    return _needed(before, _last(node))


def _lifted(call: ast.Call) -> tuple[list[Piece], ast.Call]:
    pieces: list[Piece] = []

    def named(name: str, value: ast.expr) -> ast.expr:
        if isinstance(value, (ast.Name, ast.Constant, ast.Starred)):
            return value
        pieces.append(_made(ast.Assign([ast.Name(name, ast.Store())], value), value))
        return ast.Name(name, ast.Load())

    positional = [named(f"argument{number}", each) for number, each in enumerate(call.args, 1)]
    keywords = [
        ast.keyword(each.arg, named(each.arg, each.value) if each.arg else each.value) for each in call.keywords
    ]
    made = ast.Call(ast.Name(CALL, ast.Load()), [call.func, *positional], keywords)
    return pieces, ast.fix_missing_locations(ast.copy_location(made, call))


def check_goes_on(body: Sequence[ast.stmt]) -> None:
    """Raises Unreached where statements never come to their end, as far as their text says."""
    for each in body:
        if _ends(each):
            raise Unreached(f"the program ends on line {each.lineno}")
        if isinstance(each, ast.While) and isinstance(each.test, ast.Constant) and each.test.value:
            inside = [node for statement in each.body for node in _of_loop(statement)]
            if not any(isinstance(node, ast.Break) for node in inside):
                raise Unreached(f"the loop on line {each.lineno} has no end in the program's text")


def anchor_of(tree: ast.Module, flagged: Flagged) -> str:
    """The way from a module to the innermost statement around a place, such as `body[3].body[0]`; where that is an
    expression whose value is thrown away (`print(x.log())`), on to the part of it that holds the place.
    """
    node: ast.AST = tree
    steps: list[str] = []
    while True:
        below = [
            (f"{name}[{index}]", each)
            for name, block in blocks(node) for index, each in enumerate(block)
            if each.lineno <= flagged.row <= (each.end_lineno or each.lineno)
        ]  # fmt: skip
        if not below:
            break
        step, node = below[0]
        steps.append(step)
    if isinstance(node, ast.Expr):
        steps.append("value")
        steps += _thrown_away(node.value, flagged)
    return ".".join(steps)


def _thrown_away(call: ast.expr, flagged: Flagged) -> list[str]:
    if not isinstance(call, ast.Call):
        return []
    if isinstance(call.func, ast.Attribute) and _holds(call.func.value, flagged):
        return ["func", "value"] if call.func.attr in ("backward", "item") else []
    found = [f"args[{index}]" for index, each in enumerate(call.args) if _holds(each, flagged)]
    return found or [f"keywords[{i}].value" for i, each in enumerate(call.keywords) if _holds(each.value, flagged)]


def _holds(node: ast.expr, flagged: Flagged) -> bool:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    start, end = (node.lineno, node.col_offset + 1), (node.end_lineno, node.end_col_offset + 1)
    return start <= flagged[:2] and flagged[2:] <= end


def _pieces(body: list[ast.stmt], modules: set[str], *, example: bool = False) -> list[Piece]:
    found = []
    for statement in body:
        node = statement
        if example and isinstance(node, ast.Assert):
            node = ast.copy_location(ast.Expr(node.test), node)
        if isinstance(node, ast.If) and _is_main(node.test):
            found += _pieces(node.body, modules, example=example)
            continue
        bound = set(binds(node))
        gives = bound | set(changes(node, modules, any_method=example))
        found.append(Piece(node, reads(node), bound if is_certain(node) else set(), gives))
    return found


def _needed(before: list[Piece], last: Piece) -> list[Piece]:
    # What a function reads when it is called can be given a value after its definition.
    of_calls: set[str] = set()
    while True:
        needed, found, more = last.reads | of_calls, [last], set(of_calls)
        for piece in reversed(before):
            if piece.always or piece.gives & needed:
                found.append(piece)
                needed = (needed - piece.binds) | piece.reads
                more |= piece.reads if isinstance(piece.node, _DEFINITIONS) else set()
        if more == of_calls:
            return found[::-1]
        of_calls = more


def _entered(node: ast.AST, block: str) -> Iterator[Piece]:
    """What happens at the head of a compound statement on the way into one of its blocks."""
    if isinstance(node, ast.For) and block == "body":
        yield _made(ast.For(node.target, node.iter, [ast.Break()], [], None), node)
    elif isinstance(node, (ast.If, ast.While)) and not _is_main(node.test):
        told = ast.Constant(f"the condition on line {node.lineno} does not hold")
        stop = ast.Raise(ast.Call(ast.Name(STOP, ast.Load()), [told], []), None)
        holds = ast.If(node.test, [ast.Pass()], [stop]) if block == "body" else ast.If(node.test, [stop], [])
        yield _made(holds, node, always=True)
    elif isinstance(node, ast.With):
        for item in node.items:
            enter = ast.Attribute(ast.Name(STACK, ast.Load()), "enter_context", ast.Load())
            entered = ast.Call(enter, [item.context_expr], [])
            target = copy.deepcopy(item.optional_vars)
            yield _made(ast.Assign([target], entered) if target else ast.Expr(entered), node, always=True)
    elif not isinstance(node, (ast.Module, ast.Try, ast.If, ast.FunctionDef)):
        raise Unreached(f"the line stands in a block of a {type(node).__name__.lower()} at module level")


def _last(node: ast.AST) -> Piece:
    """The statement that gives `RESULT` what is judged."""
    result = ast.Name(RESULT, ast.Store())
    value: ast.expr
    if isinstance(node, ast.Assign):
        return _made(ast.Assign([*node.targets, result], node.value), node)
    if isinstance(node, ast.AugAssign):
        target = copy.deepcopy(node.target)
        target.ctx = ast.Load()
        value = ast.BinOp(target, node.op, node.value)
    elif isinstance(node, ast.expr):
        value = node
    elif isinstance(node, (ast.If, ast.While, ast.Assert)):
        value = node.test
    elif isinstance(node, ast.For):
        value = node.iter
    elif isinstance(node, (ast.AnnAssign, ast.Return)) and node.value:
        value = node.value
    else:
        raise Unreached(f"a {type(node).__name__.lower()} at module level has no value")
    return _made(ast.Assign([result], value), node)


def _made(node: ast.stmt, source: ast.AST, *, always: bool = False) -> Piece:
    for each in ast.walk(node):
        if isinstance(each, (ast.stmt, ast.expr)) and not hasattr(each, "lineno"):
            ast.copy_location(each, source)
    bound = set(binds(node))
    return Piece(node, reads(node) - {STOP, CALL}, bound, bound, always)


def _of_loop(statement: ast.stmt) -> Iterator[ast.AST]:
    yield statement
    for name, block in blocks(statement):
        for each in block:
            if not isinstance(statement, _LOOPS) or name == "orelse":
                yield from _of_loop(each)


def _ends(node: ast.stmt) -> bool:
    if isinstance(node, ast.Raise):
        return True
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    return ast.unparse(node.value.func) in ("sys.exit", "exit", "quit", "os._exit", "os.abort")


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and ast.unparse(test) in ("__name__ == '__main__'", "'__main__' == __name__")


def _modules(tree: ast.Module) -> set[str]:
    return {name for each in ast.walk(tree) if isinstance(each, (ast.Import, ast.ImportFrom)) for name in binds(each)}
