"""Room that a spool keeps for itself: a file of nothing, thrown off when the disk is full.

What the broker has is deleted from the spool by writing. [SQLite writes a deletion into its log before it frees anything: on a
disk without a free block nothing would ever be deleted again, and after a restart all of it would be published again.]
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

# The log of 32 deletions is 106 pages of 4096 bytes at most (three of each row, ten above them): twice that, and what the fold of
# one commit adds to the file.
BALLAST_BYTES: Final = 1 << 20


class Ballast:
    """`NAME.ballast` beside a spool's file."""

    def __init__(self, spool: Path) -> None:
        self.path = spool.with_name(f"{spool.stem}.ballast")

    @property
    def laid(self) -> bool:
        """Whether it lies there whole."""
        with suppress(OSError):
            return self.path.lstat().st_size == BALLAST_BYTES
        return False

    def lay(self) -> None:
        """Make it, of blocks that are really taken (posix_fallocate(3)). OSError: then nothing is left of it."""
        if self.laid:
            return
        self.release()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
        except OSError:
            self.release()
            raise
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Its room is free. OSError where it cannot be deleted."""
        self.path.unlink(missing_ok=True)
