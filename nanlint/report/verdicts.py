"""What running a finding showed, as a sentence and as plain data."""

from __future__ import annotations

from nanlint.finding import Verdict

# A witness is small as a rule; one that could not be made small would fill the screen.
LONGEST = 300


def sentence(verdict: Verdict) -> str:
    """One line: the status, what was seen, and the arguments."""
    arguments = ", ".join(verdict.witness)
    fixed = f"; {verdict.fix.status}: {verdict.fix.text}" if verdict.fix else ""
    return f"{verdict.status}: {verdict.text}" + (f" with {shortened(arguments)}" if arguments else "") + fixed


def shortened(source: str) -> str:
    return source if len(source) <= LONGEST else source[: LONGEST - 3] + "..."


def plain(verdict: Verdict) -> dict[str, object]:
    return {
        "status": verdict.status,
        "message": verdict.text,
        "witness": list(verdict.witness),
        "script": verdict.script or None,
        "unproved": verdict.unproved or None,
        **({"fix": {"status": verdict.fix.status, "message": verdict.fix.text}} if verdict.fix else {}),
    }
