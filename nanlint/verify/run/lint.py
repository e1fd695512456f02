"""What `nanlint check` says of the line that was caught in the act."""

from __future__ import annotations

import os

from nanlint.config import Config, ConfigError, Configs
from nanlint.files import Target
from nanlint.finding import Confidence, Finding
from nanlint.run import check
from nanlint.slotted import replace
from nanlint.verify.trace.frames import Location


def findings_at(location: Location) -> list[Finding]:
    """The findings whose place overlaps a location, the surest first.

    All confidences: that the hazard is real is known by now. Empty for code that is in no file.
    """
    if not os.path.isfile(location.path):
        return []
    try:
        config = Configs().of(os.path.dirname(os.path.abspath(location.path)))
    except ConfigError:
        config = Config()
    target = Target(location.path, replace(config, confidence=Confidence.POSSIBLE))
    found = [each for each in check(target).findings if each.start.row <= location.row <= each.end.row]
    return sorted(found, key=lambda each: (not _overlaps(each, location), -each.confidence, each.sort_key))


def _overlaps(finding: Finding, location: Location) -> bool:
    if finding.start.row != location.row or finding.end.row != location.row:
        return True
    return finding.start.column < location.end and location.column < finding.end.column
