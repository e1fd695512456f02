"""The first bad loss or gradient, told to the user."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nanlint.finding import Finding
from nanlint.report import ruff_json
from nanlint.report.source_text import SourceText
from nanlint.verify.run import reproducer
from nanlint.verify.run.lint import findings_at
from nanlint.verify.run.names import name_of
from nanlint.verify.run.operands import described, described_tensor
from nanlint.verify.trace.frames import Location
from nanlint.verify.trace.record import Record
from nanlint.verify.trace.tracing import Bad

MOST_LINKS = 12
MOST_FINDINGS = 3


class NonFiniteError(FloatingPointError):
    """A loss or a gradient is NaN or Inf; the message is the report."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The report of one bad loss or gradient, for people and as data for JSON."""

    text: str
    plain: dict[str, Any]


def told(bad: Bad, folder: Path | None = None) -> str:
    """The text of a diagnosis."""
    return diagnosed(bad, folder).text


def diagnosed(bad: Bad, folder: Path | None = None) -> Diagnosis:
    """What is known of one bad loss or gradient; its reproducer goes into `folder`, by default that of this process."""
    blame = bad.blame
    if blame is None:
        unseen = "nobody saw the value being made: it was not traced"
        return Diagnosis(f"{_headline(bad, None)}\n  = {unseen}\n", _plain(bad, None) | {"cause": unseen})
    cause = blame.cause
    because, operands = _cause(cause, blame.because), _operands(cause)
    lines = [_headline(bad, cause.location), *_excerpt(cause.location)]
    lines.append(f"  = cause: {because}")
    lines += [f"  = operand {line}" for line in operands]
    lines += [f"  = of {_what(each)}{_place(each.location)}, {each.contents.words}" for each in blame.because]
    if len(blame.chain) > 1:
        lines.append(f"  = from there to the {bad.what}:")
        lines += [f"      {link}" for link in _links(blame.chain)]
    found = _findings(cause.location)
    lines += _rules(found)
    title = f"{because}{_place(cause.location)}."
    path = reproducer.write(cause, title[:1].upper() + title[1:], folder or Path(reproducer.FOLDER))
    if path is not None:
        lines.append(f"  = reproducer: {_relative(str(path))}")
    elif cause.op:
        lines.append("  = no reproducer: the operands were not kept, were overwritten, or do not fail alone")
    source = SourceText(lambda name: Path(name).read_bytes())
    plain = _plain(bad, cause.location) | {
        "cause": because,
        "operands": operands,
        "chain": [_link(record) for record in blame.chain],
        "findings": [ruff_json.plain(finding, source) for finding in found],
        "reproducer": str(path.absolute()) if path else None,
    }
    return Diagnosis("\n".join(lines) + "\n", plain)


def _plain(bad: Bad, location: Location | None) -> dict[str, Any]:
    """The fields of a finding of `nanlint check` have the same names here."""
    row = location.row if location else 0
    return {
        "message": f"{_subject(bad)} is {bad.contents.words} in step {bad.step}",
        "what": bad.what,
        "contents": bad.contents.words,
        "step": bad.step,
        "filename": os.path.abspath(location.path) if location else None,
        "location": {"row": row, "column": location.column} if location else None,
        "end_location": {"row": row, "column": location.end} if location else None,
    }


def saturation(location: Location | None, dtype: torch.dtype, largest: float) -> str:
    """A warning about a cast to a format of 8 bits."""
    name, limit = str(dtype).removeprefix("torch."), torch.finfo(dtype).max
    where = f"{_relative(location.path)}:{location.row}:{location.column}: " if location else ""
    text = f"a cast to {name} turns {largest:g} into {limit:g}, its largest number, without a sign of it"
    return f"{where}warning: {text}\n"


def _headline(bad: Bad, location: Location | None) -> str:
    where = f"{_relative(location.path)}:{location.row}:{location.column}: " if location else ""
    return f"{where}{_subject(bad)} is {bad.contents.words} in step {bad.step}"


def _subject(bad: Bad) -> str:
    return "the loss" if bad.what == "loss" else f"the gradient of {_named(bad.tensor)}"


def _named(tensor: torch.Tensor) -> str:
    name = name_of(tensor)
    return f"`{name}`" if name else f"a tensor of shape {list(tensor.shape)}"


def _excerpt(location: Location | None) -> Iterator[str]:
    if location is None or not os.path.isfile(location.path):
        return
    line = SourceText(lambda path: Path(path).read_bytes()).line(location.path, location.row)
    blank = " " * len(str(location.row))
    yield f"{blank} |"
    yield f"{location.row} | {line.expandtabs(4)}".rstrip()
    if location.end > location.column:
        before = line.encode()[: location.column - 1].decode(errors="replace").expandtabs(4)
        text = line.encode()[: location.end - 1].decode(errors="replace").expandtabs(4)
        yield f"{blank} | {' ' * len(before)}{'^' * (len(text) - len(before))}"
    yield f"{blank} |"


def _cause(record: Record, because: tuple[Record, ...]) -> str:
    if not record.op:
        assert record.outside is not None
        # Operands are often views of what has a name.
        whole = record.outside if record.outside._base is None else record.outside._base  # noqa: SLF001
        if isinstance(whole, torch.nn.Parameter):
            return f"the parameter {_named(whole)} held {record.contents.words} before: its last update made that"
        name = name_of(whole)
        shown = f"`{name}`: {described_tensor(record.outside)}" if name else described_tensor(record.outside)
        return f"a tensor from outside ({shown}) held {record.contents.words} when it was used here"
    of = "infinities that are meant" if because and all(each.is_deliberate for each in because) else "infinities"
    return f"{_what(record)} made {record.contents.words} of {of if because else 'finite operands'}"


def _what(record: Record) -> str:
    if not record.op:
        return "a tensor from outside"
    return (
        f"`{record.op}`" if record.node is None else f"`{record.op}` in the backward pass of `{_forward(record.node)}`"
    )


def _forward(node: str) -> str:
    """The operation that a node of the backward pass belongs to: `LogSoftmaxBackward0` is that of `log_softmax`."""
    name = re.sub(r"Backward\d*$", "", node.rsplit("::", 1)[-1])
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _operands(record: Record) -> list[str]:
    if record.call is None:
        return []
    return described(record.call) if record.call.is_intact else ["values were overwritten since"]


def _links(chain: tuple[Record, ...]) -> Iterator[str]:
    shown = chain if len(chain) <= MOST_LINKS else (*chain[: MOST_LINKS - 2], None, chain[-1])
    for record in shown:
        if record is None:
            yield f"... {len(chain) - MOST_LINKS + 1} more"
        else:
            yield _link(record)


def _link(record: Record) -> str:
    return f"{_what(record)}{_place(record.location)}: {record.contents.words}"


def _place(location: Location | None) -> str:
    return f", {_relative(location.path)}:{location.row}" if location else ""


def _findings(location: Location | None) -> list[Finding]:
    if location is None:
        return []
    # how a model is trained is no cause of what one line makes
    return [finding for finding in findings_at(location) if not finding.code.startswith("NAN6")][:MOST_FINDINGS]


def _rules(found: list[Finding]) -> Iterator[str]:
    for finding in found:
        yield f"  = {finding.code} {finding.name}: {finding.message}"
        yield from (f"      fix ({fix.applicability}): {fix.title}" for fix in finding.fixes)
    if found:
        yield f"  = more: nanlint explain {found[0].code}"


def _relative(path: str) -> str:
    """A path as it is shorter: from the current folder, or in full where that is above."""
    try:
        relative = os.path.relpath(path)
    except ValueError:
        return path
    return path if relative.startswith(os.pardir) else relative
