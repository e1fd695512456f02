"""Where each node of a libcst tree starts and ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from libcst._nodes.internal import CodegenState

if TYPE_CHECKING:
    import libcst

Place = tuple[int, int]


class _Recorder(CodegenState):
    """The positions of libcst's PositionProvider in a third of its time: rows from 1, columns from 0."""

    # the fields of the base class are slots of a dataclass, these are not
    def __init__(self, module: libcst.Module) -> None:
        super().__init__(module.default_indent, module.default_newline)
        self.row = 1
        self.column = 0
        self.started: list[Place] = []
        self.spans: dict[libcst.CSTNode, tuple[Place, Place]] = {}

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.column += len(token)

    def add_token(self, value: str) -> None:
        newlines = value.count("\n")
        if newlines:
            self.row += newlines
            self.column = len(value) - value.rindex("\n") - 1
        else:
            self.column += len(value)

    def pop_trailing_newline(self) -> None:
        pass

    def before_codegen(self, node: libcst.CSTNode) -> None:
        self.started.append((self.row, self.column))

    def after_codegen(self, node: libcst.CSTNode) -> None:
        start = self.started.pop()
        if node not in self.spans:
            self.spans[node] = (start, (self.row, self.column))

    @contextmanager
    def record_syntactic_position(
        self,
        node: libcst.CSTNode,
        *,
        start_node: libcst.CSTNode | None = None,
        end_node: libcst.CSTNode | None = None,
    ) -> Iterator[None]:
        start = (self.row, self.column)
        yield
        if start_node is not None:
            start = self.spans[start_node][0]
        end = (self.row, self.column) if end_node is None else self.spans[end_node][1]
        self.spans[node] = (start, end)


def record(module: libcst.Module) -> dict[libcst.CSTNode, tuple[Place, Place]]:
    """Start and exclusive end of every node of a module whose newlines are all LF."""
    recorder = _Recorder(module)
    module._codegen(recorder)  # noqa: SLF001
    return recorder.spans
