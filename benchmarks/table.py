"""Tables that read well on a terminal and are Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def render(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """A Markdown table with padded cells; the first `left` columns start left, the others end right."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = "|".join(
        "-" * (width + 2) if column < left else "-" * (width + 1) + ":" for column, width in enumerate(widths)
    )
    return "\n".join([line(heads), f"|{rule}|", *map(line, rows)])
