"""What a file holds: imports, functions, classes, and the syntax tree of each on demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

from nanlint.finding import Position
from nanlint.lazily import cached_property
from nanlint.source.errors import SourceError
from nanlint.source.tree import Tree, masked

if TYPE_CHECKING:
    import ast

    from nanlint.source import nodes as cst
    from nanlint.source.lowered import Lowered
    from nanlint.source.newer import Converted
    from nanlint.source.source import Source

Rows = tuple[int, int]


class _Unit:
    """Rows of a file that are parsed together.

    `children` are the rows of the definitions within that are units of their own, `docstring` those of the
    docstring, where nothing else stands in them. As long as the file itself is checked, `read` is what Python made of
    the unit and `apart` its children and docstring there.
    """

    def __init__(self, source: Source, name: str, qualname: str, rows: Rows, owner: ClassEntry | None) -> None:
        self.source = source
        self.name = name
        self.qualname = qualname
        self.first_row, self.last_row = rows
        self.owner = owner
        self.children: list[Rows] = []
        self.docstring: Rows | None = None
        self.read: Sequence[ast.stmt] | None = None
        self.apart: list[ast.stmt] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.qualname} {self.source.path}:{self.first_row}-{self.last_row}>"

    @property
    def text(self) -> str:
        """The rows as they are in the file."""
        return self.source.rows_text(self.first_row, self.last_row)

    @cached_property
    def code(self) -> str:
        """The rows that hold code of this unit, newlines all LF: no docstring, no comments, nothing in its strings."""
        rows, at = self.source.bare_rows, self.first_row
        kept: list[str] = []
        gaps = [*self.children, self.docstring] if self.docstring is not None else self.children
        for first, last in sorted(gaps):
            if first >= at:
                kept += rows[at - 1 : first - 1]
                kept.append("pass")
                at = last + 1
        kept += rows[at - 1 : self.last_row]
        return "\n".join([row for row in kept if row and not row.isspace()])

    @property
    def _rows(self) -> list[str]:
        return self.source.lines[self.first_row - 1 : self.last_row]

    @property
    def is_readable(self) -> bool:
        """Whether libcst can read it, without which it has no node."""
        try:
            return bool(self._parsed)
        except SourceError:
            return False

    def forget_tree(self) -> None:
        """Its node is made from its rows where it is asked for again."""
        self.__dict__.pop("_parsed", None)
        self.read = None
        self.apart.clear()

    def span(self, node: cst.Node) -> tuple[Position, Position]:
        return self._parsed[0].span(node)

    def code_of(self, node: cst.Node) -> str:
        """The text of a node of this unit, without the parentheses around it."""
        return self._parsed[0].code(node)

    @cached_property
    def _parsed(self) -> tuple[Lowered | Converted, cst.Node]:
        try:
            tree = self._lowered()
        except SourceError as error:
            return self._parsed_whole(error)
        if len(tree.body) == 1 and self._is_this(tree.body[0]):
            return tree, tree.body[0]
        return self._parsed_whole(None)

    def _lowered(self) -> Lowered | Converted:
        """The unit by itself. Raises SourceError as libcst puts it, which reads syntax newer than this Python."""
        from nanlint.source.lowered import Lowered

        lines = self.source.lines
        tree: Lowered | Converted
        try:
            if self.read is not None:
                tree = Lowered(lines, range(1, len(lines) + 1), self.read, self.apart)
            else:
                tree = Lowered(*self._masked())
        except SourceError:
            from nanlint.source.newer import Converted

            alone = Tree(*self._masked())
            tree = Converted(alone, alone.body)
        self.source.lowered.append(tree)
        return tree

    def _masked(self) -> tuple[list[str], list[int]]:
        return masked(self._rows, self.first_row, self.children, self.docstring)

    def _parsed_whole(self, error: SourceError | None) -> tuple[Converted, cst.Node]:
        """The node within the tree of the whole file, for rows that cannot be read alone.

        Such as a last row that ends in a backslash.
        """
        from nanlint.source.newer import Converted, find_definition

        try:
            whole = self.source.whole
        except SourceError as of_file:
            raise error or of_file from None
        found = find_definition(whole, self.first_row)
        tree = Converted(whole, [found] if found is not None else [])
        if not tree.body or not self._is_this(tree.body[0]):
            raise error or SourceError(f"libcst finds no {self.qualname} here", Position(self.first_row, 1))
        self.source.lowered.append(tree)
        return tree, tree.body[0]

    def _is_this(self, node: cst.Node) -> bool:
        raise NotImplementedError


class Definition(_Unit):
    """A function that is not nested in another one, or the statements of the module outside functions and classes.

    `decorators` are the dotted names of its decorators, without their arguments.
    """

    decorators: tuple[str, ...] = ()

    def __init__(
        self,
        source: Source,
        kind: Literal["module", "function"],
        name: str,
        qualname: str,
        rows: Rows,
        owner: ClassEntry | None = None,
    ) -> None:
        super().__init__(source, name, qualname, rows, owner)
        self.kind = kind

    @property
    def is_private(self) -> bool:
        """By its name, it is called in its own file alone."""
        return self.name.startswith("_") and not self.name.endswith("__")

    @property
    def node(self) -> cst.FunctionDef | cst.Module:
        """The function with its decorators, or the module with `pass` for each function and class of its own.

        Raises SourceError if libcst cannot read it.
        """
        return cast("cst.FunctionDef | cst.Module", self._parsed[1])

    @cached_property
    def _parsed(self) -> tuple[Lowered | Converted, cst.Node]:
        if self.kind == "function":
            return super()._parsed
        tree = self._lowered()
        return tree, tree.module

    def _is_this(self, node: cst.Node) -> bool:
        from nanlint.source import nodes as cst

        return isinstance(node, cst.FunctionDef) and node.name.value == self.name


class ClassEntry(_Unit):
    """A class that is not nested in a function. `bases` are the texts of its base expressions."""

    def __init__(
        self, source: Source, name: str, qualname: str, rows: Rows, owner: ClassEntry | None, bases: tuple[str, ...]
    ) -> None:
        super().__init__(source, name, qualname, rows, owner)
        self.bases = bases
        self.methods: dict[str, Definition] = {}

    @property
    def node(self) -> cst.ClassDef:
        """The class with `pass` for each method and nested class. Raises SourceError if libcst cannot read it."""
        return cast("cst.ClassDef", self._parsed[1])

    def _is_this(self, node: cst.Node) -> bool:
        from nanlint.source import nodes as cst

        return isinstance(node, cst.ClassDef) and node.name.value == self.name


class Index:
    """`imports` maps the module-level names to what they are bound to, dotted, relative ones with leading dots.

    `imported_anew` are those of them that another import binds to something else.

    `definitions` is in the order of the file, the module first; where a name is defined twice the last is in
    `functions` and `classes`. `bound` are the names that module-level statements other than imports, functions and
    classes bind, with the rows of the statement where there is one and it is no larger than that.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.imports: dict[str, str] = {}
        self.imported_anew: set[str] = set()
        self.stars: list[str] = []
        self.bound: dict[str, Rows | None] = {}
        self.found: list[Definition] = []
        self.functions: dict[str, Definition] = {}
        self.classes: dict[str, ClassEntry] = {}

    @property
    def definitions(self) -> tuple[Definition, ...]:
        return tuple(self.found)

    @property
    def star_imports(self) -> tuple[str, ...]:
        return tuple(self.stars)

    @property
    def module(self) -> Definition:
        """The definition of the statements of the module."""
        return self.found[0]

    def add_bound(self, name: str, rows: Rows | None) -> None:
        self.bound[name] = rows if name not in self.bound else None

    def statement(self, name: str) -> Definition | None:
        """The one statement of the module that binds the name, as a module of its own."""
        rows = self.bound.get(name)
        return Definition(self.source, "module", "<module>", "<module>", rows) if rows is not None else None

    def add_module(self, docstring: Rows | None, read: ast.Module | None = None) -> None:
        rows = (1, len(self.source.lines))
        module = Definition(self.source, "module", "<module>", "<module>", rows)
        module.docstring = docstring
        if read is not None:
            module.read = read.body
            if docstring is not None:
                module.apart.append(read.body[0])
        self.found.append(module)

    def add_import(self, target: str, alias: str | None) -> None:
        head = target.partition(".")[0]
        self._bind_import(alias or head, target if alias is not None else head)

    def add_import_from(self, module: str, name: str, alias: str | None) -> None:
        if name == "*":
            self.stars.append(module)
        else:
            separator = "" if module.endswith(".") else "."
            self._bind_import(alias or name, f"{module}{separator}{name}")

    def _bind_import(self, name: str, target: str) -> None:
        if self.imports.get(name, target) != target:
            self.imported_anew.add(name)
        self.imports[name] = target

    def is_one_import(self, name: str) -> bool:
        """Whether the name stands for one imported thing in all of the module."""
        others = (self.imported_anew, self.bound, self.functions, self.classes)
        return name in self.imports and not any(name in names for names in others)

    def add_function(
        self,
        name: str,
        rows: Rows,
        owner: ClassEntry | None,
        docstring: Rows | None,
        decorators: tuple[str, ...],
        read: ast.FunctionDef | ast.AsyncFunctionDef | None = None,
    ) -> None:
        qualname = name if owner is None else f"{owner.qualname}.{name}"
        made = Definition(self.source, "function", name, qualname, rows, owner)
        made.decorators = decorators
        self.found.append(made)
        self._add(made, docstring, read)
        if owner is None:
            self.functions[name] = made
        else:
            owner.methods[name] = made

    def add_class(
        self,
        name: str,
        rows: Rows,
        owner: ClassEntry | None,
        bases: tuple[str, ...],
        docstring: Rows | None,
        read: ast.ClassDef | None = None,
    ) -> ClassEntry:
        qualname = name if owner is None else f"{owner.qualname}.{name}"
        made = ClassEntry(self.source, name, qualname, rows, owner, bases)
        self._add(made, docstring, read)
        self.classes[qualname] = made
        return made

    def _add(
        self,
        made: Definition | ClassEntry,
        docstring: Rows | None,
        read: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | None,
    ) -> None:
        made.docstring = docstring
        holder = self.module if made.owner is None else made.owner
        holder.children.append((made.first_row, made.last_row))
        if read is not None:
            holder.apart.append(read)
            made.read = [read]
            if docstring is not None:
                made.apart.append(read.body[0])
