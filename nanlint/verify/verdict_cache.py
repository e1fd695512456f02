"""Verdicts kept from run to run, beside the results of checks: an entry for each file that has findings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, get_args

from nanlint.cache import Cache, entry_name
from nanlint.finding import Finding, Status, Verdict
from nanlint.project import digest_of
from nanlint.slotted import replace
from nanlint.verify.dependencies import environment, fingerprint

KEPT = ("status", "text", "witness", "script", "unproved")
"""The parts of a verdict that are kept."""
# Another search may do better on these reasons without any change that could be seen: there was too little time or
# memory, or something is missing that is not a file.
KEPT_REASONS = ("construction", "arguments", "line not reached", "random")


class VerdictCache:
    """`limits` is the `repr` of what bounds a search.

    A verdict holds as long as the finding, nanlint, torch, the installed packages and all files that its child imported
    or read are as they were: more than the function needs, since a verdict that holds no longer is worse than a search.
    """

    def __init__(self, cache: Cache, limits: str) -> None:
        self._entries = cache.entries
        self._version = digest_of(repr((cache.version, limits, environment())).encode())
        self._fingerprints: dict[str, str] = {}
        self._known: dict[str, dict[str, Any]] = {}

    def get(self, finding: Finding) -> Verdict | None:
        """The verdict on a finding, if it is known."""
        name = _entry(finding)
        if name not in self._known:
            self._known[name] = self._valid(self._entries.load(name))
        kept = self._known[name].get(_key(finding))
        try:
            return None if kept is None else _verdict(kept)
        except (KeyError, TypeError, ValueError):
            return None

    def put(self, finding: Finding, verdict: Verdict, files: Mapping[str, str] | None) -> None:
        """Keep a verdict that rests on `files`, with their fingerprints; one without them is not kept."""
        if files is None or (verdict.status == "not-runnable" and verdict.text.split(":")[0] not in KEPT_REASONS):
            return
        name = _entry(finding)
        # another process may have added to it
        stored = self._entries.load(name)
        before = self._valid(stored)
        if before and all(files.get(path, was) == was for path, was in stored["files"].items()):
            files = {**stored["files"], **files}
        else:
            before = {}
        verdicts = {**before, _key(finding): {part: getattr(verdict, part) for part in KEPT}}
        self._entries.store(name, {"version": self._version, "files": files, "verdicts": verdicts})

    def _valid(self, stored: Any) -> dict[str, Any]:
        """The verdicts of an entry, none where it is damaged or does not hold any more."""
        try:
            holds = stored["version"] == self._version and all(
                self._is_as_before(path, was) for path, was in stored["files"].items()
            )
            return dict(stored["verdicts"]) if holds else {}
        except (KeyError, TypeError, ValueError, AttributeError):
            return {}

    def _is_as_before(self, path: str, was: str) -> bool:
        """Many verdicts rest on the same files: each is looked at once in a run."""
        if path not in self._fingerprints:
            self._fingerprints[path] = fingerprint(path)
        return self._fingerprints[path] == was


def _entry(finding: Finding) -> str:
    return entry_name(("verdicts", os.path.abspath(finding.path), finding.path))


def _key(finding: Finding) -> str:
    return digest_of(repr(replace(finding, fixes=(), verdict=None)).encode("utf-8", "surrogateescape"))


def _verdict(plain: Any) -> Verdict:
    if plain["status"] not in get_args(Status):
        raise ValueError("no status of a verdict")
    witness = tuple(map(str, plain["witness"]))
    return Verdict(plain["status"], str(plain["text"]), witness, str(plain["script"]), str(plain["unproved"]))
