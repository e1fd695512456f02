"""Text for people: one line for each finding, or an excerpt of the source with the place underlined."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from nanlint.finding import Confidence, Finding, Verdict
from nanlint.report import verdicts
from nanlint.report.source_text import SourceText

TAB_WIDTH = 4
_COLOURS = {Confidence.CERTAIN: "31", Confidence.LIKELY: "33", Confidence.POSSIBLE: "36"}
_STATUSES = {
    "confirmed": "1;31",
    "confirmed-extreme": "33",
    "proved": "32",
    "not-reproduced": "36",
    "not-runnable": "2",
}


class Paint:
    """Wraps text in terminal colours, or leaves it as it is."""

    def __init__(self, *, on: bool) -> None:
        self._on = on

    def __call__(self, text: str, style: str) -> str:
        """`style` is the parameter of the SGR escape sequence, such as "1" for bold or "31" for red."""
        return f"\x1b[{style}m{text}\x1b[0m" if self._on and text else text


def concise(findings: Sequence[Finding], paint: Paint) -> str:
    """`path:row:column: code [confidence] message`, a line each, with the verdict where there is one."""
    return "".join(_headline(finding, paint) + _told(finding.verdict, paint) + "\n" for finding in findings)


def full(findings: Sequence[Finding], text: SourceText, paint: Paint) -> str:
    """As `concise`, each with its source line, the places that explain it and its fixes."""
    explained: set[str] = set()
    blocks = []
    for finding in findings:
        lines = [_headline(finding, paint), *_excerpt(finding, text, paint)]
        lines += [
            f"  {paint('=', '34')} {_shown(finding.path)}:{place.start.row}:{place.start.column}: "
            f"{_shown(place.message)}"
            for place in finding.related
        ]
        lines += [f"  {paint('=', '34')} fix ({fix.applicability}): {fix.title}" for fix in finding.fixes]
        lines += _verdict(finding.verdict, paint) if finding.verdict else []
        if finding.code not in explained and finding.code != "NAN000":
            explained.add(finding.code)
            lines.append(f"  {paint('=', '34')} more: nanlint explain {finding.code}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def summary(findings: Sequence[Finding], held_back: int, threshold: Confidence, *, complete: bool, paint: Paint) -> str:
    """The last line: how many findings of which confidence, and how many below the threshold were held back.

    `complete` is False where errors kept nanlint from a verdict on some of the files.
    """
    counts = Counter(finding.confidence for finding in findings)
    if findings:
        parts = ", ".join(f"{counts[level]} {level.word}" for level in sorted(counts, reverse=True))
        line = paint(f"Found {len(findings)} {'finding' if len(findings) == 1 else 'findings'}", "1") + f" ({parts})"
    else:
        line = paint("All clear", "32") if complete else "No findings in what could be checked"
    statuses: Counter[str] = Counter(finding.verdict.status for finding in findings if finding.verdict)
    if statuses:
        line += ": " + ", ".join(f"{statuses[status]} {status}" for status in _STATUSES if statuses[status])
    if held_back:
        words = " or ".join(level.word for level in sorted(Confidence, reverse=True) if level < threshold)
        verb = "one is" if held_back == 1 else "ones are"
        line += f"; {held_back} {words} {verb} held back (--confidence possible shows them)"
    return line + ".\n"


def statistics(findings: Sequence[Finding], paint: Paint) -> str:
    """Count, code and name of each rule that spoke, the most frequent first."""
    counts = Counter((finding.code, finding.name) for finding in findings)
    width = max((len(str(count)) for count in counts.values()), default=0)
    return "".join(
        f"{count:>{width}}  {paint(code, '1;31')}  {name}\n"
        for (code, name), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _told(verdict: Verdict | None, paint: Paint) -> str:
    if verdict is None:
        return ""
    rest = verdicts.sentence(verdict).removeprefix(verdict.status)
    return f" ({paint(verdict.status, _STATUSES[verdict.status])}{_shown(rest)})"


def _verdict(verdict: Verdict, paint: Paint) -> list[str]:
    sign = paint("=", "34")
    lines = [f"  {sign} {paint(verdict.status, _STATUSES[verdict.status])}: {_shown(verdict.text)}"]
    lines += [f"  {sign}     {_shown(verdicts.shortened(each))}" for each in verdict.witness]
    if verdict.fix:
        style = _STATUSES["proved" if verdict.fix.status == "fix-proved" else "confirmed"]
        lines.append(f"  {sign} {paint(verdict.fix.status, style)}: {_shown(verdict.fix.text)}")
    return lines


def _headline(finding: Finding, paint: Paint) -> str:
    word = paint(f"[{finding.confidence.word}]", _COLOURS[finding.confidence])
    place = f"{paint(_shown(finding.path), '1')}:{finding.start.row}:{finding.start.column}:"
    return f"{place} {paint(finding.code, '1;31')} {word} {_shown(finding.message)}"


def _excerpt(finding: Finding, text: SourceText, paint: Paint) -> Iterator[str]:
    first, last = finding.start.row, finding.end.row
    if finding.end.column == 1 and last > first:
        # The span ends before the first character of a line: that line is not part of it.
        last -= 1
    if not text.line(finding.path, first).strip() and first == last:
        return
    rows = [first] if first == last else [first, last]
    width = len(str(last))
    bar = paint("|", "34")
    yield f"{' ' * width} {bar}"
    for row in rows:
        if row == last and last > first + 1:
            yield f"{'.' * width} {bar}"
        line = text.line(finding.path, row)
        yield f"{paint(f'{row:>{width}}', '34')} {bar} {_shown(line)}".rstrip()
        start = finding.start.column if row == first else len(line) - len(line.lstrip()) + 1
        end = finding.end.column if row == finding.end.row else len(line.rstrip()) + 1
        left = _columns(line, start)
        carets = "^" * max(1, _columns(line, end) - left)
        yield f"{' ' * width} {bar} {' ' * left}{paint(carets, _COLOURS[finding.confidence])}"
    yield f"{' ' * width} {bar}"


def _columns(line: str, column: int) -> int:
    """How many columns of the terminal the characters before `column` take."""
    return sum(_width(character) for character in line[: column - 1])


def _shown(text: str) -> str:
    """The text with tabs, which terminals stretch, as blanks and what would move the cursor as a question mark."""
    return "".join(
        " " * TAB_WIDTH if c == "\t" else c if unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") else "?"
        for c in text
    )


def _width(character: str) -> int:
    if character == "\t":
        return TAB_WIDTH
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
