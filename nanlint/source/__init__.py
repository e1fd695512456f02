"""From bytes to what the analysis reads: text, an index, and syntax trees and positions on demand."""

from nanlint.source.errors import SourceError
from nanlint.source.glance import glance
from nanlint.source.index import ClassEntry, Definition, Index
from nanlint.source.modules import Modules
from nanlint.source.source import Source, mentions_torch
from nanlint.source.stdlib import Parsed
from nanlint.source.suppressions import Suppression, Suppressions

__all__ = [
    "ClassEntry",
    "Definition",
    "Index",
    "Modules",
    "Parsed",
    "Source",
    "SourceError",
    "Suppression",
    "Suppressions",
    "glance",
    "mentions_torch",
]
