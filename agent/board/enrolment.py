"""Enrolment of a board: the file of `byleave sync enrol` goes into the board's memory, becomes its keys, and is gone."""

from __future__ import annotations

import json
import os
import stat
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.board.console import Console
from agent.errors import AgentError, AlreadyEnrolled, BoardRefused, EnrolmentFileError, LinkLost, NoFirmware

FILE_LIMIT_BYTES = 4096  # settings of 300 bytes and 90 of the rest; what is longer was never an enrolment
# docs/architecture.md, "Enrolment file": array of 7, version 1, then the device as a string of 16 characters and the root.
_HEAD, _ROOT_HEAD = b"\x97\x01\xb0", b"\xc4\x20"
_DEVICE = slice(3, 19)
_UINT_BYTES = {0xCC: 1, 0xCD: 2, 0xCE: 4}  # behind the first byte of an integer in MessagePack
_LEAST_BYTES = 19 + 2 + 32 + 4
_ALPHABET = set("abcdefghijklmnopqrstuvwxyz234567")

# What is typed at the board's prompt. None of it says a key.
_LOOK = """
import gc, json
gc.threshold(32768)
try:
 from firmware import boards, enrol
 from firmware.flash.recordlog import RecordLog
 from firmware.keystore import SLOT_BYTES, KeyStore
except ImportError:
 print(json.dumps(None))
else:
 board = boards.active()
 k = KeyStore(RecordLog(board.region("keys"), SLOT_BYTES))
 print(json.dumps([board.NAME, k.device if k.enrolled else "", k.generation, k.epoch]))
"""
_INSTALL = """
try:
 enrol.install(RecordLog(board.region("keys"), SLOT_BYTES), board, bytes(e))
finally:
 for i in range(len(e)): e[i] = 0
"""
# Large pieces first: a board with 8 MB of heap is through in a second. They hang in a chain [a list that grows wants room in
# one piece, and gives up while small holes are left]; an attempt that failed may have left any of the names undone.
_WIPE = """
import gc
for n in ("e", "k"): globals().pop(n, None)
gc.collect()
b = None
for n in (65536, 4096, 256, 16):
 try:
  while 1: b = b, bytearray(n)
 except MemoryError: pass
del b
gc.collect()
"""
_REMAINS = (
    "The device's root key may still be in the board's memory: unless the next try ends well, take all its power away, "
    "the battery's too, before it leaves your hands"
)


@dataclass(frozen=True)
class Board:
    """What a board says of itself; `device` is "" for one that is not enrolled."""

    board: str
    device: str
    generation: int
    epoch: int


@dataclass(frozen=True)
class EnrolmentFile:
    """An enrolment file that nobody else could read, and whose form is right. Its bytes are in no text of it."""

    path: Path
    data: bytes = field(repr=False)

    @property
    def device(self) -> str:
        """Pseudonym of the device that it makes."""
        return self.data[_DEVICE].decode()

    @classmethod
    def read(cls, path: Path) -> EnrolmentFile:
        """EnrolmentFileError for one that is missing, damaged, or open to others."""
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            raise EnrolmentFileError(
                f"{path}: cannot be read ({error.strerror}); `byleave sync enrol` writes one"
            ) from None
        try:
            status = os.fstat(descriptor)
            # 1. Only who made it may have read it [a root key that another user of this machine has copied].
            if not stat.S_ISREG(status.st_mode):
                raise EnrolmentFileError(f"{path}: is no file")
            if os.name == "posix" and status.st_mode & 0o077:
                raise EnrolmentFileError(
                    f"{path}: others on this machine may read it, and the device's root key in it. Delete it and enrol "
                    f"anew with `byleave sync enrol`; or, where you trust them all, chmod 600 {path}"
                )
            data = os.read(descriptor, FILE_LIMIT_BYTES + 1)
        finally:
            os.close(descriptor)
        # 2. Its form [a file that was cut or mistaken wipes the board's old keys and brings none]: the board checks it all.
        if not _has_form(data):
            raise EnrolmentFileError(f"{path}: is no enrolment, or damaged; `byleave sync enrol` writes a new one")
        return cls(path, data)

    def destroy(self) -> None:
        """Overwrites and deletes it: it is good once. AgentError when it cannot."""
        try:
            with self.path.open("r+b") as file:
                file.write(bytes(len(self.data)))
                file.flush()
                os.fsync(file.fileno())
            self.path.unlink()
        except OSError as error:
            raise AgentError(
                f"the board is enrolled, but {self.path} cannot be deleted ({error.strerror}): delete it yourself"
            ) from None


def _has_form(data: bytes) -> bool:
    """Whether all seven fields are there and nothing behind them; their values are the board's to check."""
    if not (_LEAST_BYTES <= len(data) <= FILE_LIMIT_BYTES and data.startswith(_HEAD) and data[19:21] == _ROOT_HEAD):
        return False
    at = 53  # generation, first epoch and time follow the root, then the settings
    for _ in range(3):
        at += 1 + _UINT_BYTES.get(data[at], 0) if at < len(data) else 0
    rest = data[at:]
    if rest[:1] and 0xA0 <= rest[0] <= 0xBF:
        size = 1 + (rest[0] & 0x1F)
    else:
        head = {0xD9: 2, 0xDA: 3}.get(rest[0] if rest else 0, 0)
        size = head + int.from_bytes(rest[1:head], "big")
    return 0 < len(rest) == size and set(data[_DEVICE].decode("latin-1")) <= _ALPHABET


def enrol(port: str, path: Path, *, keep: bool = False, again: bool = False) -> Board:
    """Makes the board at `port` the device of the file, starts it, and deletes the file.

    A board that is this device already, since a cable was pulled last time, is only started, its memory wiped. `again`
    permits to replace another device: its keys, its directive and what it has not sent are wiped. Any of agent.errors.
    """
    # 1. The file first [a board must not be interrupted for nothing].
    enrolment = EnrolmentFile.read(path)
    with closing(Console(port)) as console:
        # 2. What is there? [another MicroPython board on the next port; somebody's enrolled device]
        before = look(console)
        if before.device not in ("", enrolment.device) and not again:
            with suppress(AgentError):  # looked at by mistake, it goes on with its work
                console.restart()
            raise AlreadyEnrolled(
                f"{port}: the board is device {before.device} already. With --again it becomes {enrolment.device}, and "
                "its keys, its directive and what it has not sent are wiped"
            )
        _become(console, enrolment, installs=before.device != enrolment.device)
        after = look(console)
        said = console.restart()
        if "not started" in said:
            raise BoardRefused(f"{port}: the board is enrolled and does not start: {said}")
    # 6. It is good once.
    if not keep:
        enrolment.destroy()
    return after


def look(console: Console) -> Board:
    """What the board says of itself; NoFirmware if byleave's does not run there."""
    try:
        values = json.loads(console.run(_LOOK))
    except ValueError:
        values = None
    if not isinstance(values, list) or len(values) != 4:
        raise NoFirmware(
            f"{console.port}: MicroPython answers, byleave's firmware is not on the board; install it first"
        )
    return Board(*values)


def _become(console: Console, enrolment: EnrolmentFile, *, installs: bool) -> None:
    try:
        if installs:
            _install(console, enrolment)
            # 3. Read anew from its flash [a write that did not hold].
            if look(console).device != enrolment.device:
                raise BoardRefused(f"{console.port}: the board took the enrolment and is not that device; try again")
        # 4. What is left of it in the board's memory, of this try or the last, is overwritten [a memory that outlives the reset].
        console.run(_WIPE)
    except LinkLost as error:
        raise LinkLost(f"{error}. {_REMAINS}") from None
    except AgentError as error:
        # 5. After a refusal too [a board that is given back to somebody with the root in its memory].
        if not _wiped(console):
            raise type(error)(f"{error}. {_REMAINS}") from None
        raise


def _wiped(console: Console) -> bool:
    """Whether the board's memory could be wiped after a failure; it starts again, if it can, as what it is."""
    try:
        console.run(_WIPE)
    except LinkLost:
        return False
    except AgentError:
        wiped = False
    else:
        wiped = True
    with suppress(AgentError):
        console.restart()
    return wiped


def _install(console: Console, enrolment: EnrolmentFile) -> None:
    # As text of a program it goes into the board's memory, never into a file there; nothing here logs it.
    console.run(f"e = bytearray({enrolment.data!r})")
    console.run(_INSTALL)
