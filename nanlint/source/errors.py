"""What is raised for a file that cannot be read as Python."""

from __future__ import annotations

from nanlint.finding import Position


class SourceError(Exception):
    """`message` is one sentence for the user, `position` the place in the file that it is about."""

    def __init__(self, message: str, position: Position) -> None:
        super().__init__(message, position)
        self.message = message
        self.position = position

    def __str__(self) -> str:
        return f"{self.position.row}:{self.position.column}: {self.message}"
