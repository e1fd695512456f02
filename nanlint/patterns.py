"""Regular expressions that are compiled when they are first used.

Compiling takes as long as importing what uses them, and most files need a few of the hundred that nanlint has.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Late:
    def __init__(self, text: Any, flags: int) -> None:
        self._of = (text, flags)

    def search(self, *where: Any) -> Any:
        """So that taking the method to use it later compiles nothing."""
        self.search = re.compile(*self._of).search  # type: ignore[method-assign]
        return self.search(*where)

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._of), name)
        setattr(self, name, found)
        return found


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What behaves like `re.compile(text, flags)`, whose methods are the same."""
    return cast("re.Pattern[AnyStr]", _Late(text, flags))
