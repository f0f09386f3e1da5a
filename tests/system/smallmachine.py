"""A machine as small as a Raspberry Pi Zero 2, for one process: part of a core, little memory, a slow card, a wrong clock.

Processor and memory by a control group where this user may make one, of either version; elsewhere by SIGSTOP in turns, and
no bound on memory but what is measured. The card and the clock by a library that is preloaded.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shutil import which

GROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 10_000  # in the least of the kernel's periods that is longer than a turn: a slow core, and not a fast one that pauses


class SmallMachine:
    """Starts one process on it. Close it, after the process has ended."""

    def __init__(self, home: Path, *, core_share: float, memory_bytes: int, fsync_ms: tuple[int, int]) -> None:
        """A C compiler is needed."""
        compiler = which("cc")
        assert compiler, "no C compiler here: cc makes the slow card"
        self._library = home / "smallmachine.so"
        source = Path(__file__).with_name("smallmachine.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(self._library), str(source), "-ldl"], check=True)
        self._share, self._memory_bytes, self._fsync_ms = core_share, memory_bytes, fsync_ms
        self._clock_file = home / "clock"
        self._clock_file.write_bytes(bytes(8))
        with self._clock_file.open("r+b") as file:
            self._clock = mmap.mmap(file.fileno(), 8)
        self._groups: list[Path] = []
        self.capped_by = self._make_groups(f"byleave-{os.getpid()}")
        self._ended = threading.Event()

    def _make_groups(self, name: str) -> str:
        """How processor and memory are bounded."""
        quota_us = int(self._share * PERIOD_US)
        second = {GROUPS / name: {"cpu.max": f"{quota_us} {PERIOD_US}", "memory.max": self._memory_bytes}}
        first = {
            GROUPS / "cpu" / name: {"cpu.cfs_period_us": PERIOD_US, "cpu.cfs_quota_us": quota_us},
            GROUPS / "memory" / name: {"memory.limit_in_bytes": self._memory_bytes},
        }
        for how, plan in (("control groups, version 2", second), ("control groups, version 1", first)):
            try:
                self._make(plan)
            except OSError:
                self._leave()
            else:
                return how
        return "SIGSTOP in turns"

    def _make(self, plan: dict[Path, dict[str, int | str]]) -> None:
        for group, settings in plan.items():
            group.mkdir()
            self._groups.append(group)
            for key, value in settings.items():
                with (group / key).open("r+") as file:  # only what the kernel has put there
                    file.write(str(value))

    def _leave(self) -> None:
        for group in self._groups:
            with suppress(OSError):
                group.rmdir()
        self._groups.clear()

    def start(self, command: Sequence[str], environment: dict[str, str], stderr: int) -> subprocess.Popen[bytes]:
        """The process, bounded from its first instruction where there are groups."""
        groups = [str(group / "cgroup.procs") for group in self._groups]

        def enter() -> None:
            for group in groups:
                with open(group, "w") as file:  # noqa: PTH123 - between fork and exec: as little as can be
                    file.write("0")

        least, most = self._fsync_ms
        environment = environment | {
            "LD_PRELOAD": str(self._library),
            "SMALL_FSYNC_MS": f"{least} {most}",
            "SMALL_CLOCK": str(self._clock_file),
        }
        process = subprocess.Popen(command, env=environment, stderr=stderr, preexec_fn=enter)  # noqa: PLW1509
        if not self._groups:
            threading.Thread(target=self._duty, args=(process,), daemon=True).start()
        return process

    def _duty(self, process: subprocess.Popen[bytes]) -> None:
        """Lets it work for its share of each 50 ms."""
        while process.poll() is None and not self._ended.is_set():
            process.send_signal(signal.SIGCONT)
            time.sleep(0.05 * self._share)
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.05 * (1 - self._share))
        process.send_signal(signal.SIGCONT)

    def set_clock(self, unix_s: float) -> None:
        """From now on it is that time of day there."""
        self._clock[:8] = struct.pack("=q", int(unix_s - time.time()))

    def close(self) -> None:
        """Nothing is bounded any more."""
        self._ended.set()
        self._leave()
        self._clock.close()
