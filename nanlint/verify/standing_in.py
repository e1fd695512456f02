"""A script that sees another text in the place of one file."""

from __future__ import annotations

LOADING = """import importlib.machinery
import os


def _stand_in(path, data):
    loader = importlib.machinery.SourceFileLoader
    read, stats = loader.get_data, loader.path_stats

    def get_data(self, name):
        return data if os.path.realpath(name) == path else read(self, name)

    def path_stats(self, name):
        # without them nothing that was compiled before is used, and nothing is kept
        if os.path.realpath(name) == path:
            raise OSError(name)
        return stats(self, name)

    loader.get_data, loader.path_stats = get_data, path_stats


"""


def with_file(script: str, path: str, data: bytes) -> str:
    """The script, for which the file at the real path `path` holds `data` once it imports it."""
    return f"{LOADING}_stand_in({path!r}, {data!r})\n{script}"
