"""Plain data that a check produces: no syntax trees, no torch, picklable between processes."""

from __future__ import annotations

import enum
from typing import Literal, NamedTuple

from nanlint.slotted import Data


class Confidence(enum.IntEnum):
    """How sure a finding is; the three words are defined in `docs/confidence.md`."""

    POSSIBLE = 1
    LIKELY = 2
    CERTAIN = 3

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, word: str) -> Confidence:
        """Raises ValueError for a word that is none of the three."""
        try:
            return cls[word.upper()]
        except KeyError:
            raise ValueError(f"unknown confidence {word!r}: use possible, likely or certain") from None


class Position(NamedTuple):
    """A place in a file: `row` and `column` count from 1, columns in characters."""

    row: int
    column: int


class Edit(Data):
    """Replace the bytes `start:end` of the file by `text`."""

    start: int
    end: int
    text: str


class Fix(Data):
    """Text edits with a verb-phrase title.

    `safe`: value and gradient agree on benign input. `unsafe`: values near the border change.
    """

    title: str
    applicability: Literal["safe", "unsafe"]
    edits: tuple[Edit, ...]


class Related(Data):
    """Another place that explains a finding, such as the call that passes the bad value."""

    message: str
    start: Position


Status = Literal["confirmed", "confirmed-extreme", "proved", "not-reproduced", "not-runnable"]


class FixVerdict(Data):
    """What running a finding's function with its fix showed: `fix-proved` where the arguments that failed are finite
    then, and ordinary ones give the same value and gradient as before; `text` says what is not so, or how much was.
    """

    status: Literal["fix-proved", "fix-failed"]
    text: str


class Verdict(Data):
    """What running a finding's function showed; the statuses are defined in `docs/verify.md`.

    `text` says what is not finite, what was tried, or why nothing could be run. `witness` holds the arguments that
    fail, `script` a test that shows it; both are Python source, and empty unless the status is a confirmation.
    `unproved` says why it is not `proved` that the value stays finite, "" where that was not asked. `fix` is None where
    nobody asked for it, there is no fix, or nothing was confirmed.
    """

    status: Status
    text: str
    witness: tuple[str, ...] = ()
    script: str = ""
    unproved: str = ""
    fix: FixVerdict | None = None

    @property
    def is_confirmed(self) -> bool:
        return self.status in ("confirmed", "confirmed-extreme")


class Finding(Data):
    """One defect of one file. `name` is the rule's, `path` as the user gave it, `end` exclusive.

    `verdict` is None where nobody asked for one.
    """

    code: str
    name: str
    message: str
    path: str
    start: Position
    end: Position
    confidence: Confidence
    related: tuple[Related, ...] = ()
    fixes: tuple[Fix, ...] = ()
    verdict: Verdict | None = None

    @property
    def sort_key(self) -> tuple[str, Position, str, Position, str]:
        return (self.path, self.start, self.code, self.end, self.message)


class Failure(Data):
    """A rule, or nanlint itself, raised while it looked at `path`: a bug of ours, reported beside the findings."""

    path: str
    rule: str
    traceback: str


class Rewritten(Data):
    """A file before and after its fixes were made, and the findings that they took away.

    `rounds`: the edits in the order of the file, those of each round on what the one before it left.
    """

    before: bytes
    after: bytes
    findings: tuple[Finding, ...]
    rounds: tuple[tuple[Edit, ...], ...] = ()


class Result(Data):
    """What checking one file gave.

    `held_back` counts the findings below the asked confidence, `notes` are sentences for `--verbose`
    (a function whose analysis was cut short, say). Where fixes were made, the rest is of the file after them.
    """

    findings: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()
    held_back: int = 0
    notes: tuple[str, ...] = ()
    rewritten: Rewritten | None = None
