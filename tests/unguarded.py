"""Programs with one guard less: what a silent case must be flagged without, or it shows nothing."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Set
from dataclasses import dataclass

# what a fused or stable function stands for
WRITTEN_OUT = {
    "log_softmax": "torch.softmax({0}, dim=-1).log()",
    "logsumexp": "torch.log(torch.exp({0}).sum(-1))",
    "cross_entropy": "-(F.softmax({0}, dim=-1).log() * {1}).sum()",
    "softplus": "torch.log(1 + torch.exp({0}))",
    "logsigmoid": "torch.sigmoid({0}).log()",
    "binary_cross_entropy_with_logits": "-({1} * torch.log(torch.sigmoid({0}))).mean()",
    "normalize": "{0} / {0}.norm(dim=-1, keepdim=True)",
    "cosine_similarity": "({0} * {1}).sum(-1) / ({0}.norm(dim=-1) * {1}.norm(dim=-1))",
    "logaddexp": "torch.log({0}.exp() + {1}.exp())",
    "log1p": "torch.log({0})",
}
MODULES = frozenset({"torch", "th", "F", "np", "nn", "math"})
MINUS_INFINITY = ast.parse("float('-inf')", mode="eval").body
Instead = ast.AST | list[ast.stmt]
Path = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Case:
    """A function or method at which no rule fires, in a program with no more than what it refers to."""

    name: str
    row: int
    program: ast.Module
    path: Path

    def without_a_guard(self) -> Iterator[ast.Module]:
        """The program with one thing taken out that can be a guard, in every way; in the function itself first."""
        paths = [path for path in _paths(self.program) if not isinstance(self.program.body[path[0][1]], IMPORTS)]
        depth = len(self.path)
        for path in sorted(paths, key=lambda path: path[:depth] != self.path):
            for instead in _instead(_at(self.program, path)):
                program = copy.deepcopy(self.program)
                _put(program, path, instead)
                yield ast.fix_missing_locations(program)


IMPORTS = (ast.Import, ast.ImportFrom)
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


def silent_cases(text: str, flagged: Set[int]) -> Iterator[Case]:
    """The public functions and methods of a file with no row among the flagged ones, nor `# no case` on their first."""
    tree = ast.parse(text)
    flagged = flagged | {row for row, line in enumerate(text.splitlines(), 1) if line.endswith("# no case")}
    for definition in tree.body:
        if isinstance(definition, ast.FunctionDef) and _is_case(definition, flagged):
            program = _only(tree, definition)
            place = next(i for i, d in enumerate(program.body) if d is definition)
            yield Case(definition.name, definition.lineno, program, (("body", place),))
        elif isinstance(definition, ast.ClassDef):
            for method in definition.body:
                if isinstance(method, ast.FunctionDef) and _is_case(method, flagged):
                    alone = _method_alone(definition, method, flagged)
                    program = _only(tree, definition, alone)
                    place = next(i for i, d in enumerate(program.body) if d is alone)
                    inner = next(i for i, d in enumerate(alone.body) if d is method)
                    yield Case(
                        f"{definition.name}.{method.name}", method.lineno, program, (("body", place), ("body", inner))
                    )


def _is_case(definition: ast.FunctionDef, flagged: Set[int]) -> bool:
    return not definition.name.startswith("_") and not _rows(definition) & flagged


def _rows(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def _method_alone(owner: ast.ClassDef, method: ast.FunctionDef, flagged: Set[int]) -> ast.ClassDef:
    """The class without methods that have findings of their own, or that this one does not ask for."""
    alone = copy.copy(owner)
    asked = _names(method)
    alone.body = [
        part
        for part in owner.body
        if part is method
        or not isinstance(part, ast.FunctionDef)
        or part.name.startswith("__")
        or (part.name in asked and not _rows(part) & flagged)
    ]
    return alone


def _only(tree: ast.Module, wanted: ast.stmt, instead: ast.stmt | None = None) -> ast.Module:
    """The module without the functions and classes that the wanted one does not refer to."""
    asked = _names(wanted)
    while True:
        named: list[ast.stmt] = [d for d in tree.body if isinstance(d, DEFINITIONS) and d.name in asked]
        named += [d for d in tree.body if isinstance(d, ast.Assign) and asked & _names(d)]
        more = asked.union(*(_names(d) for d in named))
        if more == asked:
            break
        asked = more
    body: list[ast.stmt] = []
    for part in tree.body:
        if part is wanted:
            body.append(instead or part)
        elif not isinstance(part, DEFINITIONS) or part.name in asked:
            body.append(part)
    return ast.Module(body, [])


def _names(node: ast.AST) -> set[str]:
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


def _paths(node: ast.AST, path: Path = ()) -> Iterator[Path]:
    """Every node below, by the field and the index in it at each step."""
    for name, held in ast.iter_fields(node):
        for index, child in enumerate(held if isinstance(held, list) else [held]):
            if isinstance(child, ast.AST):
                step = (*path, (name, index))
                yield step
                yield from _paths(child, step)


def _at(node: ast.AST, path: Path) -> ast.AST:
    for name, index in path:
        held = getattr(node, name)
        node = held[index] if isinstance(held, list) else held
    return node


def _put(root: ast.AST, path: Path, instead: Instead) -> None:
    *before, (name, index) = path
    parent = _at(root, tuple(before))
    held = getattr(parent, name)
    if isinstance(held, list):
        held[index : index + 1] = instead if isinstance(instead, list) else [instead]
        if not held and name == "body":
            held.append(ast.Pass())
    else:
        setattr(parent, name, instead)


def _instead(node: ast.AST) -> Iterator[Instead]:
    match node:
        case ast.Call(func=func, args=args, keywords=keywords):
            name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
            if name in WRITTEN_OUT and args:
                texts = [ast.unparse(argument) for argument in args]
                yield ast.parse(WRITTEN_OUT[name].format(*texts, *texts), mode="eval").body
            if isinstance(func, ast.Attribute) and ast.unparse(func).split(".")[0] not in MODULES:
                yield func.value
            yield from (argument for argument in args if not isinstance(argument, ast.Constant))
            for keyword in keywords:
                yield ast.Call(func=func, args=args, keywords=[other for other in keywords if other is not keyword])
        case ast.BinOp(left=left, right=right):
            yield from (left, right)
        case ast.BoolOp(values=values):
            yield from values
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=float(number))) if number >= 1e4:
            yield copy.deepcopy(MINUS_INFINITY)
        case ast.Attribute(value=ast.Call(func=ast.Attribute(attr="finfo")), attr="min"):
            yield copy.deepcopy(MINUS_INFINITY)
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Subscript(value=value):
            yield value
        case ast.IfExp(body=one, orelse=other):
            yield from (one, other)
        case ast.If(test=test, body=one, orelse=other):
            named = (n for n in ast.walk(test) if isinstance(n, ast.NamedExpr))
            kept: list[ast.stmt] = [ast.Assign([name.target], name.value) for name in named]
            yield from ([*kept, *one], [*kept, *other])
        case ast.With(body=body):
            yield body
        case ast.Constant(value=float()):
            yield ast.Constant(0.0)
        case ast.Assign() | ast.AugAssign() | ast.Expr() | ast.Assert() | ast.While() | ast.For():
            yield []
        case ast.Name(id="int" | "float"):
            # a size or a setting guards by being no tensor
            yield ast.Attribute(ast.Name("torch"), "Tensor")
        case ast.FunctionDef(decorator_list=[_, *_]):
            plain = copy.copy(node)
            plain.decorator_list = []
            yield plain
        case ast.ClassDef(bases=[_, *_]):
            orphan = copy.copy(node)
            orphan.bases = []
            yield orphan
