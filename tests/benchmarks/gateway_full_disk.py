"""kill -9 of the gateway's core on a small disk that it fills, and that others fill and leave, then an exact count.

The disk is a tmpfs of 4 MiB, which root alone may mount.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.unit.agent.gateway.bench import Clock, drained, spool_at
from tests.unit.agent.gateway.killed_gateway import campaign

MIB = 1 << 20
# What a kill may have published again: deletions that nobody waits for (spool._DONE_AT_ONCE), twice, as a turn adds to them.
MOST_AGAIN = 512


@contextmanager
def small_disk() -> Iterator[Path]:
    """A folder on a disk of 4 MiB."""
    if os.geteuid():
        raise AssertionError("root alone may mount a disk of 4 MiB: run it as root")
    with tempfile.TemporaryDirectory() as home:
        disk = Path(home) / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(disk)], check=True)
        try:
            yield disk
        finally:
            subprocess.run(["umount", str(disk)], check=True)


class Others:
    """Somebody else on the disk: takes all that is free, half of it or nothing, anew at each kill."""

    def __init__(self, disk: Path) -> None:
        self._path, self._rng = disk / "others", random.Random(4)
        self.full = 0
        self._disk = disk

    def __call__(self, turn: int) -> None:
        self._path.unlink(missing_ok=True)
        free = self._free()
        with self._path.open("wb", buffering=0) as file:
            try:
                os.posix_fallocate(file.fileno(), 0, max(1, self._rng.choice([0, free // 2, free, free])))
            except OSError:
                file.truncate(0)
        time.sleep(0.05)
        self.full += self._free() < 64 << 10

    def _free(self) -> int:
        status = os.statvfs(self._disk)
        return status.f_bavail * status.f_frsize


def run(*, quick: bool = False) -> dict[str, object]:
    """It fails where anything is lost or twice in the spool, where more is published again than a kill explains, or where the
    spool does not take once it is empty."""
    kills = 10 if quick else 100
    found: dict[str, object] = {}
    for name, share in (("broker mostly away", 0.1), ("broker mostly there", 0.9)):
        for with_others in (False, True):
            with small_disk() as disk:
                others = Others(disk) if with_others else None
                figures = campaign(disk, kills, share=share, disk=others)
                figures["kills on a full disk"] = others.full if others else 0
                (disk / "others").unlink(missing_ok=True)
                clock = Clock()
                spool = spool_at(disk, clock, most_bytes=64 * MIB)
                again = len(drained(spool))
                for _ in range(200):
                    clock.pass_s(1)
                    spool.commit()
                figures["takes in the end"] = spool.ready
                spool.close()
                spool = spool_at(disk, clock, most_bytes=64 * MIB)
                figures["left after a restart"] = spool.count
                spool.close()
                assert not figures["lost"] and not figures["twice in the spool"] and not figures["damaged files"], (
                    figures
                )
                assert figures["published again"] <= kills * MOST_AGAIN and again <= figures["left in the spool"], (
                    figures
                )
                assert figures["takes in the end"] and not figures["left after a restart"], figures
            found[name + (", and others on the disk" if with_others else "")] = figures
    return found
