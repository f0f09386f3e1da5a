"""Factory reset: keys, rules, spool, settings and memory of a board are destroyed, and that is proven by reading them back."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from agent.board.console import HELD, Console
from agent.errors import AgentError, BoardRefused, LinkLost, NotProven
from agent.files import NEW
from agent.release.make import firmware_folder
from agent.reset import erasing
from agent.reset.erasing import SECTOR_BYTES
from agent.reset.regions import UNFINISHED, Known, Region, ask, known, mark, read_back, steps

# Sectors: 3.2 s on the slowest chip (400 ms each, W25Q64JV data sheet, 9.6), within any watchdog's time.
ERASED_AT_ONCE = 8
KEPT_BYTES = 512 << 10  # of the program's files: three releases
WRITE_BYTES = 2048
MPY = b"M\x06"  # first bytes of MicroPython's bytecode
PERSONAL = ("keys", "rules", "spool", "files", "nvs")  # in this order: without keys a board does not start
_OF_RELEASE = re.compile(r"^/(release-[^/]*/)?")
_START = re.compile(rb"/release-[0-9a-zA-Z.-]{1,40}\s*")
_FIRST = frozenset({"keys", "rules"})  # overwritten before they are erased
RESET = "import machine\nmachine.reset()"  # hard: what ran of a watchdog and of timers ends too

Progress = Callable[[int, int], None]  # (sectors done, of so many)


@dataclass(frozen=True)
class Erased:
    """What was done, and read back; all of it is proven."""

    chip: str
    board: str
    device: str
    regions: tuple[Region, ...]
    retained_bytes: int
    slots: tuple[str, ...]
    kept: dict[str, str] = field(default_factory=dict)  # path of a program's file → SHA-256
    flash_again: bool = False
    chip_mark: str = ""

    def fields(self) -> dict[str, Any]:
        """As plain data."""
        rows = [
            {"name": each.name, "offset": each.offset, "bytes": each.size, "sectors": each.sectors}
            | {"sectors_erased": each.sectors, "sha256": each.erased_sha256}
            for each in self.regions
        ]
        files = [{"path": path, "sha256": digest} for path, digest in self.kept.items()]
        return {
            "proven": True,
            "chip": self.chip,
            "chip_mark": self.chip_mark,
            "board": self.board,
            "device": self.device,
            "regions": rows,
            "retained_bytes_zeroed": self.retained_bytes,
            "memory_overwritten": True,
            "file_system": {"made_anew": True, "program_files_kept": files},
            "slots": list(self.slots),
            "flash_firmware_again": self.flash_again,
        }


def identify(port: str) -> Known:
    """What is at `port`; the board goes on with its work. NoFirmware where byleave's regions are not."""
    with closing(Console(port)) as console:
        try:
            return known(console)
        finally:
            with suppress(AgentError):
                console.restart()


def reset(
    port: str, *, device: str | None, release_too: bool = False, progress: Progress = lambda done, of: None
) -> Erased:
    """Erases the board at `port` and proves it. `device`: the one that a person has confirmed, None for whichever it is.

    NotProven where a sector does not erase, or reads back otherwise; LinkLost where the board goes away. Either way the same
    command again begins anew. The board ends by a hard reset.
    """
    with closing(Console(port)) as console:
        console.hold()
        try:
            before = _meant(console, device)
        except LinkLost:
            raise
        except AgentError:
            # Not softly: the watchdog that `hold` has begun would bite whatever is done with the board next.
            with suppress(AgentError):
                console.leave(RESET)
            raise
        try:
            erased = erase(console, before, release_too=release_too, progress=progress)
            erased = replace(erased, chip_mark=mark(console, before.device))
        except LinkLost as lost:
            raise LinkLost(f"{lost}. {UNFINISHED}") from None
        except BoardRefused as refused:
            given_up(console)
            raise NotProven(f"{port}: {refused}. {UNFINISHED}") from None
        except NotProven:
            given_up(console)
            raise
        except BaseException:  # Ctrl-C, in the midst of a program that erases
            with suppress(AgentError):
                console.interrupt()
                given_up(console)
            raise
        console.run(erasing.wipe(HELD))
        with suppress(LinkLost):  # a port that the chip makes goes away with it
            console.leave(RESET)
    return erased


def erase(
    console: Console, before: Known, *, release_too: bool = False, progress: Progress = lambda done, of: None
) -> Erased:
    """The same at a prompt that is open and stays so, its file system made anew: for who installs something behind it. NotProven,
    BoardRefused, LinkLost."""
    return _Reset(console, before, release_too, progress).done()


def _meant(console: Console, device: str | None) -> Known:
    """What is at the prompt, if it is that device, or none; any if `device` is None."""
    before = known(console)
    if device is not None and before.device not in ("", device):
        raise AgentError(
            f"{console.port}: the board is {before.device}, not {device} as a moment ago; nothing was erased"
        )
    return before


def given_up(console: Console) -> None:
    """Of a board that stays unproven: its memory is overwritten all the same; hard, so that a watchdog that was held ends too."""
    with suppress(AgentError):
        console.run(erasing.wipe(HELD))
        console.leave(RESET)


class _Reset:
    """One factory reset at one prompt."""

    def __init__(self, console: Console, before: Known, release_too: bool, progress: Progress) -> None:
        self._console, self._before = console, before
        by_name = {each.name: each for each in before.regions}
        self._regions = [by_name[name] for name in PERSONAL if name in by_name]
        self._slots = by_name.get("slots")
        # 1. The release last: modules may run in place from there.
        self._last = [self._slots] if release_too and self._slots else []
        self._progress, self._done = progress, 0
        self._of = 2 * sum(each.sectors for each in [*self._regions, *self._last])
        self._bad: list[str] = []

    def done(self) -> Erased:
        """Carries it out."""
        console = self._console
        console.run(erasing.ERASE + erasing.VERIFY)
        files: dict[str, bytes] = {}
        kept_all = True
        for region in self._regions:
            if region.name == "files":
                files, kept_all = self._put_aside()
            self._erase(region)
        retained = int(ask(console, erasing.RETAINED))
        if retained < 0:
            self._bad.append("retained memory does not take zeros")
        for region in self._regions:
            self._verify(region)
        slots = () if self._last or not self._slots else tuple(ask(console, erasing.SLOTS))
        if "bad" in slots:
            self._bad.append("the record of an update does not take zeros")
        # Also where something is bad: it stays a board that starts.
        try:
            kept = self._put_back(files)
        except BoardRefused:  # where blocks are bad the file system may not be made
            self._raise_bad()
            raise
        for region in self._last:
            self._erase(region)
            self._verify(region)
        self._raise_bad()
        again = not self._before.has_firmware or not kept_all or bool(self._last)
        regions = (*self._regions, *self._last)
        before = self._before
        return Erased(before.chip, before.board, before.device, regions, retained, slots, kept, again)

    def _raise_bad(self) -> None:
        if self._bad:
            raise NotProven(
                f"{self._console.port}: NOT proven: {'; '.join(self._bad)}. Do not give this board away; try once more, "
                "and if it stays so destroy its flash chip"
            )

    def _tick(self, sectors: int) -> None:
        self._done += sectors
        self._progress(self._done, self._of)

    def _erase(self, region: Region) -> None:
        for first, end in steps(region.sectors, ERASED_AT_ONCE):
            call = f"_erase({region.name!r}, {first}, {end}, {region.name in _FIRST})"
            for sector, zeroed in ask(self._console, call):
                at = sector * SECTOR_BYTES
                where = f"{region.name} + {at:#x}" if region.offset < 0 else f"{region.offset + at:#x} ({region.name})"
                what = "its content was overwritten with zeros" if zeroed else "and it may hold what it held"
                self._bad.append(f"the sector at {where} does not erase, {what}")
            self._tick(end - first)

    def _verify(self, region: Region) -> None:
        """2. Read anew once all is erased [what wrote meanwhile]."""
        blank, digest = read_back(self._console, region, self._tick)
        if (blank, digest) != (region.sectors, region.erased_sha256):
            missing = region.sectors - blank
            read = "reads" if missing == 1 else "read"
            self._bad.append(
                f"of region {region.name} {missing} of {region.sectors} sectors {read} otherwise than erased"
            )

    # --- the program's own files

    def _put_aside(self) -> tuple[dict[str, bytes], bool]:
        """(the program's files, whether none had to be left out); after it no file system is mounted."""
        files: dict[str, bytes] = {}
        room = KEPT_BYTES
        try:
            found = ask(self._console, erasing.OPEN)
        except BoardRefused:  # it can be mounted, and not be read: that must not save it from being erased
            return {}, False
        for path, size in found:
            if 0 <= size <= room:
                data = self._read(path, size)
                if _is_program(path, data):
                    files[path] = data
                    room -= size
        return files, len(files) == len(found)

    def _read(self, path: str, size: int) -> bytes:
        """What is in a file; b"" for one that cannot be read."""
        data = b""
        try:
            self._console.run(f"_file = _fs.open({path!r}, 'rb')")
            while len(data) < size and (rows := self._console.run(erasing.READ).split()):
                data += b"".join(b64decode(row, validate=True) for row in rows)
        except (BoardRefused, ValueError):
            return b""
        return data

    def _put_back(self, files: dict[str, bytes]) -> dict[str, str]:
        console, kept = self._console, {}
        console.run(erasing.MAKE)
        folders = {path[:at] for path in files for at in range(1, len(path)) if path[at] == "/"}
        for folder in sorted(folders):
            console.run(f"_fs.mkdir({folder!r})")
        for path, data in sorted(files.items(), key=lambda each: each[0] == "/main.py"):  # which starts what there is
            # Its name last [half of `slots`, of a cable that was pulled: a board that nothing of the firmware starts on].
            console.run(f"_path = {path + NEW!r}\n_file = _fs.open(_path, 'wb')")
            for at in range(0, len(data), WRITE_BYTES):
                console.run(f"_file.write({data[at : at + WRITE_BYTES]!r}) and None")
            console.run("_file.close()")
            digest = hashlib.sha256(data).hexdigest()
            if ask(console, erasing.CHECK) != digest:
                raise NotProven(
                    f"{console.port}: {path} of the firmware does not read back; all that was personal is erased. "
                    f"Give the same command again, then flash the firmware again (`byleave agent flash`)"
                )
            console.run(f"_fs.rename(_path, {path!r})")
            kept[path] = digest
        # 3. Nothing else is in the new file system.
        there = ask(console, erasing.LIST)
        if sorted(there) != sorted({path.split("/")[1] for path in files}):
            self._bad.append("the new file system holds something")
        return kept


def _is_program(path: str, data: bytes) -> bool:
    """Bytecode, the name of a release's folder, or byte for byte a text that byleave ships [a main.py of one's own that names a
    Wi-Fi key]."""
    if path.endswith(".mpy"):
        return data.startswith(MPY)
    if path == "/start":
        return _START.fullmatch(data) is not None
    name = _OF_RELEASE.sub("", path).removeprefix("firmware/")
    shipped = firmware_folder() / name
    return ".." not in name and shipped.is_file() and shipped.read_bytes() == data
