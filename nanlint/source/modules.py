"""Where the other files of a project come from, for an analysis that does no input itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nanlint.source.source import Source
    from nanlint.source.stdlib import Parsed


class Modules(Protocol):
    """The modules of the project that the checked file belongs to."""

    def open(self, data: bytes, path: str, parsed: Parsed | None = None) -> Source:
        """The file that is checked; see Source. Raises SourceError."""

    def find(self, name: str, asker: Source, binding: str = "") -> Source | None:
        """The file of the module of that dotted name, as the file `asker` imports it, leading dots for relative names.

        None for what is not there, is no part of the project or cannot be read; where only what has the name `binding`
        is asked for, for a file that surely has nothing of that name, too. Otherwise the same file is the same Source
        until the check is over, and the checked file is itself.
        """
