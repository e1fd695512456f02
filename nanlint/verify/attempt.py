"""Values for arguments that reach a line, until some make it fail."""

from __future__ import annotations

import enum
import importlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any

from torch import Tensor

from nanlint.verify.arguments.reach import Reached
from nanlint.verify.values.catalogue import Catalogue, Values, is_extreme, is_finite, of_learned
from nanlint.verify.values.comparison import Comparison
from nanlint.verify.values.shrink import shrink
from nanlint.verify.values.trial import Failure, Trials

# Of processor time, as everywhere in a search: what is found does not depend on what else the machine does.
SECONDS = 5.0
# How long to look for arguments that make the finding itself fail, once some make its statement fail.
FOR_EXACT_S = 1.5
OTHER_SHAPES = 2
Arguments = dict[str, Any]


class Span(enum.Enum):
    """Which values are tried: those that data can have; these and extreme magnitudes; these and half precision; half
    precision alone; the likeliest of those that data can have.
    """

    ORDINARY = enum.auto()
    FULL_PRECISION = enum.auto()
    ALL = enum.auto()
    HALF_PRECISION = enum.auto()
    EDGES = enum.auto()


class Attempt:
    """`may` says which arguments the code is meant for; `fixed` are the expressions of those that stay as found, and
    `needed` leaves out arguments that the call has by itself.

    `families` counts the calls that returned, `arguments` are those that fail in the end, with `learned` for the
    parameters of a module.
    """

    def __init__(
        self,
        trials: Trials | Comparison,
        found: Reached,
        may: Callable[[Arguments], bool],
        fixed: Collection[str] = (),
        needed: Callable[[Arguments], Arguments] | None = None,
        span: Span = Span.ALL,
    ) -> None:
        self.families: Counter[str] = Counter()
        self.arguments = found.arguments
        self.learned: dict[str, Tensor] = {}
        self._found, self._may, self._fixed, self._needed = found, may, fixed, needed
        self._trials, self._span = trials, span

    def run(self) -> Failure | None:
        """The failure of the first values that make the flagged expression fail; the arguments are as small as can be
        then. None too where only another part of its statement failed.
        """
        # The first traced call needs it, and the seconds that this takes are not those of a search.
        importlib.import_module("torch._dynamo")
        until = time.process_time() + SECONDS
        self._trials.prepare(self._found.arguments)
        for values in self._all_values():
            if time.process_time() > until:
                break
            if not self._is_fair(values.arguments):
                continue
            self._trials.learned = values.learned
            fails = self._trials.run(values.arguments)
            if self._trials.error is None:
                self.families[values.family] += 1
            if fails and (failure := self._trials.blamed(values.arguments)):
                if failure.exact:
                    self.arguments = self._smallest(values.arguments, failure)
                    self.learned = self._trials.learned
                    return self._trials.blamed(self.arguments) or failure
                # what another part of the statement makes is no sign of this finding
                until = min(until, time.process_time() + FOR_EXACT_S)
        return None

    def _all_values(self) -> Iterator[Values]:
        catalogue = Catalogue(self._found.arguments, self._fixed)
        if self._span is Span.EDGES:
            yield from catalogue.edges()
        if self._span in (Span.ORDINARY, Span.FULL_PRECISION, Span.ALL):
            yield from catalogue.ordinary()
            for learned in of_learned(self._trials.own):
                yield Values("parameters", "", self._found.arguments, learned)
            yield from catalogue.magnitudes()
            for arguments in islice(self._found.others, OTHER_SHAPES):
                yield from Catalogue(arguments).edges()
        if self._span in (Span.FULL_PRECISION, Span.ALL):
            yield from catalogue.extreme()
        if self._span in (Span.HALF_PRECISION, Span.ALL):
            yield from catalogue.half()

    def _is_fair(self, arguments: Arguments) -> bool:
        return is_finite(arguments) and self._may(arguments)

    def _smallest(self, arguments: Arguments, failure: Failure) -> Arguments:
        may_be_extreme = is_extreme(arguments)

        def keeps(smaller: Arguments) -> bool:
            if not self._is_fair(smaller) or (is_extreme(smaller) and not may_be_extreme):
                return False
            again = self._trials.blamed(smaller)
            return again is not None and again.signature == failure.signature

        if self._needed and keeps(fewer := self._needed(arguments)):
            arguments = fewer
        arguments = shrink(arguments, keeps)
        self._unlearn(arguments, keeps)
        return arguments

    def _unlearn(self, arguments: Arguments, keeps: Callable[[Arguments], bool]) -> None:
        """Give a module's parameters their own values where others are not needed."""
        for name in list(self._trials.learned):
            before = self._trials.learned
            self._trials.learned = {other: tensor for other, tensor in before.items() if other != name}
            if not keeps(arguments):
                self._trials.learned = before
