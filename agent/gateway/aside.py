"""Spools that were damaged: put aside beside the new one, for whoever looks into it, and never more than a few.

None holds the only copy of anything: a device keeps each envelope until the server's verdict. [A card that wears out damages
one file after the other, and would be full of them.]
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

# The first is the nearest to what began it, the last tells whether it goes on, and one between them.
MOST_FILES: Final = 3
_LOGS: Final = ("-wal", "-shm")


def put_aside(path: Path) -> Path:
    """Rename a damaged file, with its log, to NAME.damaged-N, N above all that are there. OSError where nothing is renamed."""
    aside = path.with_name(f"{path.name}.damaged-{max(_all(path), default=0) + 1}")
    path.rename(aside)
    for suffix in _LOGS:
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


class Aside:
    """What lies aside of one spool: `files` and `bytes` now, `dropped` since the start."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path, self._most_bytes = path, most_bytes
        self.files = self.bytes = self.dropped = 0

    def tidy(self) -> None:
        """Keep the first, then the newest, within MOST_FILES and most_bytes; the rest is deleted."""
        found = _all(self._path)
        newest = sorted(found, reverse=True)
        self.files = self.bytes = 0
        for n in newest[-1:] + newest[:-1]:
            size = sum(_size(each) for each in found[n])
            if self.files < MOST_FILES and self.bytes + size <= self._most_bytes:
                self.files, self.bytes = self.files + 1, self.bytes + size
            elif _deleted(found[n]):
                self.dropped += 1


def _all(path: Path) -> dict[int, list[Path]]:
    """Files that were put aside, with their logs, by number."""
    form = re.compile(re.escape(path.name) + r"\.damaged-(\d{1,9})(?:-wal|-shm)?", re.ASCII)
    found: dict[int, list[Path]] = {}
    with suppress(OSError):
        for each in sorted(path.parent.iterdir()):
            if match := form.fullmatch(each.name):
                found.setdefault(int(match[1]), []).append(each)
    return found


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_size
    return 0


def _deleted(paths: list[Path]) -> bool:
    try:
        for path in paths:
            path.unlink()
    except OSError:
        return False
    return True
