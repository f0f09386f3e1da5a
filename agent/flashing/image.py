"""MicroPython itself onto an ESP32, by an installed esptool: a program of its own under the GPL, run and never imported.

A merged image is written, with byleave's partition table in place of its own. A board that has that table already keeps its data
partitions: keys, rules, spool, settings and releases. Any other's are erased [MicroPython does not start on a file system that
is not where it looks for it].
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from agent.board.unopened import unopened
from agent.errors import AgentConfigError, AgentError, BoardRefused, LinkLost, NoPrompt, NotProven
from agent.flashing import partitions
from agent.flashing.filing import Show

BAUD = "460800"  # what the slowest of the usual bridges bears
INSTALL = "pip install esptool"
LIMIT_BYTES = 16 << 20  # of an image: the largest flash of these chips
_MAGIC = 0xE9  # ESP-IDF, esp_image_header_t: first byte; chip_id is the little-endian number at 12
_CHIPS = {0: "esp32", 9: "esp32s3"}
_OFFSETS = {
    "esp32": 0x1000,
    "esp32s3": 0x0,
}  # of the boot loader (esptool documentation, "Flashing Firmware"), where images begin
_APP_AT = 0x10000
_PERCENT = re.compile(rb"(\d{1,3})(?:\.\d+)? ?%")
_PROOF = b"Hash of data verified"
_TAIL_BYTES = 4096  # of what esptool says, for its last words


@dataclass(frozen=True)
class EspImage:
    """A merged image for one board: boot loader, partition table, program."""

    board: str
    data: bytes = field(repr=False)

    @property
    def offset(self) -> int:
        """Where in flash it begins."""
        return _OFFSETS[self.board]

    @classmethod
    def read(cls, path: Path, board: str = "") -> EspImage:
        """AgentConfigError for what is no merged image of an ESP32 or ESP32-S3, is another board's, or does not fit."""
        try:
            with path.open("rb") as file:
                data = file.read(LIMIT_BYTES + 1)
        except OSError as error:
            raise AgentConfigError(f"{path}: cannot be read ({error.strerror})") from None
        found = _CHIPS.get(int.from_bytes(data[12:14], "little")) if data[:1] == bytes([_MAGIC]) else None
        if found is None:
            raise AgentConfigError(f"{path}: is no image for an ESP32 or ESP32-S3; take MicroPython's .bin, or a .uf2")
        if board and board != found:
            raise AgentConfigError(f"{path}: is for {found}, and --board names {board}")
        app, table = _APP_AT - _OFFSETS[found], partitions.TABLE_AT - _OFFSETS[found]
        if data[app : app + 1] != bytes([_MAGIC]) or data[table : table + 2] != b"\xaa\x50":
            raise AgentConfigError(f"{path}: is no merged image (boot loader, partition table and program in one)")
        factory = next(row for row in partitions.ours() if row.label == "factory")
        most = factory.offset + factory.size - _OFFSETS[found]
        if len(data) > most:
            raise AgentConfigError(f"{path}: {len(data)} bytes reach into the keys; {most} is the most that fits")
        return cls(found, data)

    def with_table(self, table: bytes) -> bytes:
        """The image with this partition table, erased flash behind it up to the sector's end."""
        at = partitions.TABLE_AT - self.offset
        return (
            self.data[:at] + table.ljust(partitions.SECTOR_BYTES, b"\xff") + self.data[at + partitions.SECTOR_BYTES :]
        )


def write(port: str, image: EspImage, show: Show) -> bool:
    """Writes it, by esptool's own hash check; whether the board was one of byleave's before. Any of agent.errors."""
    tool = Esptool(port, image.board)
    table = partitions.binary(partitions.ours())
    with tempfile.TemporaryDirectory(prefix="byleave-image-") as name:
        folder = Path(name)
        # 1. Whose board is it? [keys of a device that is one]
        tool.run(
            "read_flash", hex(partitions.TABLE_AT), hex(partitions.TABLE_BYTES), str(folder / "table"), after="no_reset"
        )
        known = (folder / "table").read_bytes() == table
        if not known:
            show("erasing", 0, 0)
            for begin, size in _foreign():
                tool.run("erase_region", hex(begin), hex(size), after="no_reset")
        # 2. The image, which esptool reads back as a hash.
        (folder / "image.bin").write_bytes(image.with_table(table))
        said = tool.run("write_flash", hex(image.offset), str(folder / "image.bin"), show=show)
    if _PROOF not in said:
        raise NotProven(f"{port}: esptool did not confirm what it wrote; give the same command again")
    return known


def _foreign() -> list[tuple[int, int]]:
    """What lies behind the program: one stretch, as the table has it."""
    behind = [row for row in partitions.ours() if row.offset >= 0x200000]
    begin, end = min(row.offset for row in behind), max(row.offset + row.size for row in behind)
    return [(begin, end - begin)]


class Esptool:
    """The installed esptool at one port. AgentConfigError that says how to install it where there is none."""

    def __init__(self, port: str, board: str) -> None:
        self._port = port
        self._command = _found()
        major = self._version()
        # The names with a low line are those of versions before 5, which warns of them.
        self._named: Callable[[str], str] = (lambda word: word.replace("_", "-")) if major >= 5 else str
        self._chip = board  # our names of these two are esptool's

    def _version(self) -> int:
        done = subprocess.run([*self._command, "version"], capture_output=True, check=False)  # noqa: S603 - the tool found above
        found = re.findall(rb"(\d+)\.\d+", done.stdout)
        if done.returncode or not found:
            raise AgentConfigError(f"{' '.join(self._command)} does not run; install it anew: {INSTALL}")
        return int(found[-1])

    def run(self, command: str, *words: str, after: str = "hard_reset", show: Show | None = None) -> bytes:
        """What it says in one run, its progress shown. Its errors by what they mean."""
        options = ["--chip", self._chip, "--port", self._port, "--baud", BAUD]
        options += ["--before", self._named("default_reset"), "--after", self._named(after)]
        line = [*self._command, *options, self._named(command), *words]
        with subprocess.Popen(  # noqa: S603 - as above
            line,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
        ) as process:
            said = _heard(process.stdout, show) if process.stdout else b""
        if process.returncode:
            raise self._failure(said)
        return said

    def _failure(self, said: bytes) -> AgentError:
        lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        last = next((line for line in lines if "rror" in line), lines[-1] if lines else "nothing")[:200]
        if b"Lost connection" in said or "serial exception" in last:
            return LinkLost(f"{self._port}: the board went away on the way; give the same command again")
        if "open" in last and "port" in last:
            return unopened(self._port)
        if "onnect" in last or "serial data" in last:
            return NoPrompt(
                f"{self._port}: no boot loader answers. Hold the board's button BOOT, press RESET, let BOOT go, and give the same "
                f"command again (esptool says: {last})"
            )
        if "MD5" in last:
            return NotProven(f"{self._port}: flash holds other bytes than were sent; give the same command again")
        return BoardRefused(f"{self._port}: esptool says: {last}")


def _found() -> list[str]:
    if importlib.util.find_spec("esptool") is not None:
        return [sys.executable, "-m", "esptool"]
    for name in ("esptool", "esptool.py"):
        if path := shutil.which(name):
            return [path]
    raise AgentConfigError(f"--image with a .bin needs esptool, which is not installed: {INSTALL}")


def _heard(stream: IO[bytes], show: Show | None) -> bytes:
    """All that it says, the last of it kept; each percentage shown when it comes."""
    said, proven = b"", False
    for part in _parts(stream):
        said = (said + part)[-_TAIL_BYTES:]
        proven = proven or _PROOF in part
        if show and (percent := _PERCENT.search(part)):
            show("writing MicroPython", min(100, int(percent[1])), 100)
    return said + (b"\n" + _PROOF if proven else b"")


def _parts(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines, or what a carriage return ends, as they come."""
    rest = b""
    while data := stream.read1(_TAIL_BYTES) if hasattr(stream, "read1") else stream.read(1):
        *whole, rest = re.split(rb"[\r\n]", rest + data)
        yield from (part + b"\n" for part in whole)
        rest = rest[-_TAIL_BYTES:]
    yield rest
