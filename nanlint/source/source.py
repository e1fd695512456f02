"""One file: its bytes, text and rows, and the way between them."""

from __future__ import annotations

import codecs
import os
import tokenize
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from nanlint.finding import Position
from nanlint.lazily import cached_property
from nanlint.patterns import pattern
from nanlint.source import stdlib
from nanlint.source.errors import SourceError
from nanlint.source.index import ClassEntry, Definition, Index
from nanlint.source.lex import without_prose, words_of
from nanlint.source.suppressions import Suppressions
from nanlint.source.tree import TOO_DEEP, Tree

if TYPE_CHECKING:
    from nanlint.source.lowered import Lowered
    from nanlint.source.newer import Converted
    from nanlint.source.nodes import Node
    from nanlint.source.stdlib import Parsed

NEWLINE = pattern(r"\r\n|\r|\n")
STAR = pattern(r"\bimport[\s\\]*\*")


def mentions_torch(data: bytes) -> bool:
    """Whether a file can have anything to do with torch.

    `keepdim=` is torch's keyword (numpy's is `keepdims=`): a file may work on tensors and import no torch.
    """
    return b"torch" in data or b"keepdim=" in data


class Source:
    """A Python file, with its tree where somebody has `parsed` it.

    Raises SourceError for bytes that are no text in the encoding that the file declares.
    """

    def __init__(self, data: bytes, path: str, parsed: Parsed | None = None) -> None:
        self.data = data
        self.path = path
        self.has_bom = data.startswith(codecs.BOM_UTF8)
        self._bom = len(codecs.BOM_UTF8) if self.has_bom else 0
        self.encoding = _encoding(data)
        self.text = _decode(data[self._bom :], self.encoding)
        self._parsed = parsed if parsed is not None and parsed.text == self.text else None
        # the trees of its units that were asked for
        self.lowered: list[Lowered | Converted] = []
        self.is_outlined = False
        null = self.text.find("\0")
        if null >= 0:
            raise SourceError("source code cannot contain null bytes", self.position(null))

    @cached_property
    def _normal(self) -> str:
        """The text with LF for every newline; rows and columns are the same."""
        return NEWLINE.sub("\n", self.text) if "\r" in self.text else self.text

    @cached_property
    def lines(self) -> list[str]:
        """The rows without their newlines; Python's newlines only, not those of `str.splitlines`."""
        return self._normal.split("\n")

    @cached_property
    def bare(self) -> str:
        """The rows without comments and what stands in strings; see `without_prose`."""
        return without_prose(self._normal)

    @cached_property
    def words(self) -> set[str]:
        """The words of its code, see `words_of`."""
        return words_of(self.bare)

    @cached_property
    def has_assumptions(self) -> bool:
        """Some comment may state what a parameter is."""
        return "nanlint:" in self.text

    @cached_property
    def vocabulary(self) -> str:
        """The words in one text, where what stands within a word is found soon."""
        return " ".join(self.words)

    @cached_property
    def bare_rows(self) -> list[str]:
        return self.bare.split("\n")

    @cached_property
    def _row_starts(self) -> list[int]:
        """The offset in `text` of the start of each row, and the length of the text."""
        if "\r" not in self.text:
            return [*accumulate((len(line) + 1 for line in self.lines[:-1]), initial=0), len(self.text)]
        return [0, *(newline.end() for newline in NEWLINE.finditer(self.text)), len(self.text)]

    @property
    def name(self) -> str:
        """The name of the file, with that of its folder where it stands for the folder."""
        folder, name = os.path.split(os.path.abspath(self.path))
        return f"{os.path.basename(folder)}/{name}" if self.is_package else name

    @property
    def is_package(self) -> bool:
        """The file is what importing its folder runs."""
        return os.path.basename(self.path).partition(".")[0] == "__init__"

    def rows_text(self, first_row: int, last_row: int) -> str:
        """The rows as they are in the file, their newlines included."""
        return self.text[self._row_starts[first_row - 1] : self._row_starts[last_row]]

    def position(self, offset: int) -> Position:
        """The position of an offset in `text`."""
        row = bisect_right(self._row_starts, offset, hi=len(self._row_starts) - 1)
        return Position(row, offset - self._row_starts[row - 1] + 1)

    def offset(self, position: Position) -> int:
        """The offset in `text` of a position. Raises IndexError for a row that the file does not have."""
        return self._row_starts[position.row - 1] + position.column - 1

    def byte_offset(self, position: Position) -> int:
        """The offset in `data` of a position."""
        offset = self.offset(position)
        if len(self.data) - self._bom == len(self.text):
            return self._bom + offset
        if self._byte_starts is None:
            return self._bom + len(self.text[:offset].encode("utf-8"))
        return self._byte_starts[offset]

    @cached_property
    def _byte_starts(self) -> list[int] | None:
        """Where each character starts in `data`; None for UTF-8, the one encoding that may have a BOM."""
        if codecs.lookup(self.encoding).name in ("utf-8", "utf-8-sig"):
            return None
        # an encoding may spell one character in several ways, or shift between states: ask its decoder, byte by byte
        decoder = codecs.getincrementaldecoder(self.encoding)()
        starts = [0]
        for index in range(len(self.data)):
            starts.extend([index + 1] * len(decoder.decode(self.data[index : index + 1])))
        starts.extend([len(self.data)] * (len(self.text) + 1 - len(starts)))
        return starts

    @cached_property
    def index(self) -> Index:
        """What the file holds. Raises SourceError if it is not Python."""
        index = Index(self)
        try:
            tree = self._parsed.tree if self._parsed is not None else stdlib.parse(self._normal)
        except SyntaxError as error:
            self._index_newer_syntax(index, error)
        except (RecursionError, MemoryError):
            raise SourceError(TOO_DEEP, Position(1, 1)) from None
        except ValueError as error:
            raise SourceError(str(error), Position(1, 1)) from None
        else:
            stdlib.fill(index, tree)
        return index

    @property
    def is_indexed(self) -> bool:
        """Whether `index` costs nothing any more."""
        return "index" in self.__dict__

    def may_bind(self, name: str) -> bool:
        """Whether the module may have that name, by its text."""
        return name in self.text or self._has_star

    @cached_property
    def _has_star(self) -> bool:
        """It imports all that another module has."""
        return STAR.search(self.text) is not None

    def check_syntax(self) -> None:
        """Raises SourceError if the file is not Python, as `index` does, for two thirds of its cost."""
        if self._parsed is None and not self.is_indexed and not stdlib.is_python(self._normal):
            assert self.index

    def outline(self) -> bool:
        """Index the file without a look into its functions, for those that import it; False where that fails.

        What is wrong within a function is found when its node is asked for. Raises nothing.
        """
        from nanlint.source.outline import outline

        made = outline(self._normal, self.lines)
        if made is None or (tree := stdlib.parsed(made[0])) is None:
            return False
        index = Index(self)
        stdlib.fill(index, tree, made[1])
        self.__dict__["index"] = index
        self.is_outlined = True
        return True

    def _index_newer_syntax(self, index: Index, error: SyntaxError) -> None:
        """Raises SourceError as Python puts it if libcst, which reads newer syntax, cannot read the file either."""
        try:
            from nanlint.source import newer

            newer.fill(index, self.whole)
        except SourceError:
            position = Position(max(error.lineno or 1, 1), max(error.offset or 1, 1))
            raise SourceError(error.msg or "invalid syntax", position) from None

    @cached_property
    def whole(self) -> Tree:
        """The syntax tree of the whole file: slow, for what cannot be parsed otherwise. Raises SourceError."""
        return Tree(self.lines, range(1, len(self.lines) + 1))

    def span(self, unit: Definition | ClassEntry, node: Node) -> tuple[Position, Position]:
        """Start and exclusive end of a node of the tree of `unit`, without the parentheses and blanks around it.

        Raises KeyError for a node of another tree.
        """
        return unit.span(node)

    def code(self, node: Node) -> str | None:
        """The text of a node of the file, without the parentheses around it; None for one of another file."""
        return next((tree.code(node) for tree in self.lowered if node in tree), None)

    def forget_trees(self) -> None:
        """Let go of what only a check of the file itself needs; what it defines is kept for those that import it."""
        self._parsed = None
        index: Index | None = self.__dict__.get("index")
        for unit in (*index.found, *index.classes.values()) if index is not None else ():
            unit.forget_tree()
        for name in ("whole", "suppressions", "lines", "_row_starts", "bare", "bare_rows", "words", "vocabulary"):
            self.__dict__.pop(name, None)
        self.lowered.clear()

    def close(self) -> None:
        """Let go of index and trees, which refer back to the file, so that they are freed now; see Session.close."""
        index: Index | None = self.__dict__.pop("index", None)
        if index is not None:
            for entry in index.classes.values():
                entry.methods.clear()

    @cached_property
    def suppressions(self) -> Suppressions:
        return Suppressions(self._normal)


def _encoding(data: bytes) -> str:
    """The encoding by PEP 263. Raises SourceError for one that Python does not know or that contradicts the BOM."""
    # a cookie counts in the first two rows, and tokenize knows no rows that end in a carriage return
    rows = iter([row + b"\n" for row in _normal(data).split(b"\n", maxsplit=2)[:2]])
    try:
        encoding, _ = tokenize.detect_encoding(lambda: next(rows, b""))
        codecs.lookup(encoding)
    except SyntaxError as error:
        if "missing encoding declaration" in str(error):
            return "utf-8"  # bytes that are not UTF-8: decoding says where
        raise SourceError(str(error.msg), Position(1, 1)) from None
    return "utf-8" if encoding == "utf-8-sig" else encoding


def _normal(data: bytes) -> bytes:
    """With each newline as one line feed."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _decode(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        before = body[: error.start]
        rows = _normal(before).split(b"\n")
        column = len(rows[-1].decode(encoding, errors="replace")) + 1
        byte = body[error.start]
        raise SourceError(f"byte 0x{byte:02x} is not {encoding}", Position(len(rows), column)) from None
    except (LookupError, ValueError) as error:
        raise SourceError(f"cannot decode as {encoding}: {error}", Position(1, 1)) from None
