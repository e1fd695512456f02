"""The flake8 plugin: codes `NAN...`, one tree plugin.

flake8 chooses the files and applies its own noqa, select and per-file-ignores; `# nanlint: ignore` counts too, and
`[tool.nanlint]` is read, except for its `exclude`. flake8 adds 1 to columns itself.
"""

from __future__ import annotations

import io
import os
import tokenize
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nanlint import __version__
from nanlint.config import Configs
from nanlint.files import Target
from nanlint.finding import Confidence
from nanlint.slotted import replace
from nanlint.source import Parsed, mentions_torch

if TYPE_CHECKING:
    import argparse
    import ast

    from flake8.options.manager import OptionManager

Violation = tuple[int, int, str, type[Any]]
INTERNAL = "NAN000"


class Plugin:
    """What flake8 makes of each file: `tree` is that of its `lines`, whose byte order mark is stripped."""

    name = "nanlint"
    version = __version__
    confidence: ClassVar[Confidence | None] = None
    configs: ClassVar[Configs] = Configs()

    def __init__(self, tree: ast.Module, filename: str, lines: Sequence[str]) -> None:
        self.tree = tree
        self.filename = filename
        self.lines = lines

    @classmethod
    def add_options(cls, manager: OptionManager) -> None:
        manager.add_option(
            "--nanlint-confidence",
            metavar="WORD",
            choices=[level.word for level in Confidence],
            parse_from_config=True,
            help="Report findings of this confidence and above: possible, likely or certain."
            " Default: `confidence` of [tool.nanlint], else likely.",
        )

    @classmethod
    def parse_options(cls, options: argparse.Namespace) -> None:
        word = options.nanlint_confidence
        cls.confidence = Confidence.parse(word) if word else None

    def run(self) -> Iterator[Violation]:
        """Row, column from 0, text and class of each finding.

        An exception here would end the whole flake8 run, so whatever goes wrong becomes one line of code NAN000.
        """
        try:
            violations = list(self._violations())
        except Exception as error:
            words = " ".join(str(error).split()) or "no message"
            violations = [(1, 0, f"{INTERNAL} nanlint failed: {type(error).__name__}: {words}", type(self))]
        yield from violations

    def _violations(self) -> Iterator[Violation]:
        data = encoded(self.lines)
        if not mentions_torch(data):
            return
        from nanlint.run import run

        config = self.configs.of(os.path.dirname(os.path.abspath(self.filename)))
        if self.confidence is not None:
            config = replace(config, confidence=self.confidence)
        parsed = Parsed("".join(self.lines), self.tree)
        report = run([Target(self.filename, config, data, noqa=False, parsed=parsed)], jobs=1)
        for finding in report.findings:
            row, column = finding.start
            text = f"{finding.code} [{finding.confidence.word}] {finding.message}"
            yield row, column - 1, text, type(self)
        for failure in report.failures:
            last = failure.traceback.strip().rpartition("\n")[2]
            yield 1, 0, f"{INTERNAL} {failure.rule} failed, what else was found is reported: {last}", type(self)
        for error in report.errors:
            yield 1, 0, f"{INTERNAL} {' '.join(error.split())}", type(self)


def encoded(lines: Sequence[str]) -> bytes:
    """The bytes of a file that flake8 has decoded and whose byte order mark it has stripped.

    They are in the encoding that the file's own cookie names, so that decoding them gives the same text. What that
    encoding cannot hold (flake8 reads as Latin-1 what the cookie's encoding cannot read) becomes one `?` per character:
    columns stay right.
    """
    text = "".join(lines)
    head = io.BytesIO("".join(lines[:2]).encode("utf-8", "replace"))
    try:
        encoding = tokenize.detect_encoding(head.readline)[0]
    except SyntaxError:
        encoding = "utf-8"
    return text.encode(encoding, "replace")
