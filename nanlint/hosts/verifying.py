"""Verdicts for the findings of a run, and the files that show them."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from nanlint.finding import Finding
from nanlint.slotted import replace

if TYPE_CHECKING:
    from nanlint.cache import Cache


def shard(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """`2/4`: the second of four parts."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+)/(\d+)", value)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise click.BadParameter("give a part and the number of parts, such as 2/4")
    return int(match[1]), int(match[2])


def device(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    """The name of a device; "" for none. Whether it is there is not looked at."""
    from nanlint.verify.devices import NAMES

    if value is not None and not NAMES.fullmatch(value):
        raise click.BadParameter("give cuda, cuda:1 or cpu")
    return value or ""


def judged(
    findings: Sequence[Finding], options: dict[str, Any], cache: Cache | None, *, wanted: bool
) -> tuple[Finding, ...]:
    """The findings with their verdicts as the options ask for them, those of one shard where one is asked for."""
    from nanlint.hosts import output

    chosen = part(findings, options.get("shard"))
    with output.ProgressBar(wanted=wanted, doing="verifying", things="findings") as progress:
        on_ray, with_fixes = options.get("pool") == "ray", bool(options.get("fixed"))
        if on_ray and with_fixes:
            raise click.UsageError("--fixed does not go together with --pool ray")
        told = verified(
            chosen, progress, cache=cache, on_ray=on_ray, with_fixes=with_fixes, device=options.get("device", "")
        )
    if options["reproducers"]:
        write_reproducers(told, options["reproducers"])
    return told


def part(findings: Sequence[Finding], which: tuple[int, int] | None) -> list[Finding]:
    """The findings of a shard: every so manieth, so that each has its share of all files."""
    index, count = which or (1, 1)
    return list(findings[index - 1 :: count])


def verified(
    findings: Sequence[Finding],
    progress: Callable[[int, int], None],
    *,
    cache: Cache | None = None,
    on_ray: bool = False,
    with_fixes: bool = False,
    device: str = "",
) -> tuple[Finding, ...]:
    """The findings with their verdicts. Runs their code, in child processes of this machine or of those of a Ray
    cluster; raises click.UsageError without torch, the device, or Ray.
    """
    if not findings:
        return ()
    with _leaving_at_sigterm():
        if on_ray:
            return _on_ray(findings, progress, cache, device)
        return _here(findings, progress, cache, device, with_fixes=with_fixes)


@contextmanager
def _leaving_at_sigterm() -> Iterator[None]:
    """Where it would end this process at once, and leave the scratch folder, it now ends what runs inside first."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _here(
    findings: Sequence[Finding], progress: Callable[[int, int], None], cache: Cache | None, device: str, *,
    with_fixes: bool,
) -> tuple[Finding, ...]:  # fmt: skip
    from nanlint.verify.devices import DeviceMissing
    from nanlint.verify.verdicts import TorchMissing, Verifier

    try:
        verifier = Verifier(cache=cache, device=device)
    except (TorchMissing, DeviceMissing) as missing:
        raise click.UsageError(str(missing)) from None
    judged = []
    with verifier:
        for finding in findings:
            verdict = verifier.verdict(finding)
            if with_fixes:
                verdict = replace(verdict, fix=verifier.fix_verdict(finding, verdict))
            judged.append(replace(finding, verdict=verdict))
            progress(len(judged), len(findings))
    return tuple(judged)


def _on_ray(
    findings: Sequence[Finding], progress: Callable[[int, int], None], cache: Cache | None, device: str
) -> tuple[Finding, ...]:
    from nanlint.verify.cluster import RayMissing, verdicts

    try:
        found = verdicts(findings, progress, cache, device)
    except RayMissing as missing:
        raise click.UsageError(str(missing)) from None
    return tuple(replace(finding, verdict=verdict) for finding, verdict in zip(findings, found, strict=True))


def write_reproducers(findings: Sequence[Finding], folder: Path) -> None:
    """A file for pytest for each confirmed finding; raises click.UsageError where it cannot be written."""
    taken: set[str] = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for finding in findings:
            if finding.verdict is None or not finding.verdict.is_confirmed:
                continue
            stem = re.sub(r"\W", "_", Path(finding.path).stem)
            base = name = f"test_{stem}_{finding.start.row}_{finding.code.lower()}"
            number = 1
            while name in taken:
                number += 1
                name = f"{base}_{number}"
            taken.add(name)
            (folder / f"{name}.py").write_text(finding.verdict.script, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"cannot write to {folder}: {error.strerror}") from None
