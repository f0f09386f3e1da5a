"""Enrolment of a board: what it is to become goes into its memory, becomes its keys, and is gone from there.

Two ways lead to it. A file that the server prepared (`byleave sync enrol`): `enrol`. An invitation (`byleave sync invite`), to
which board and host make the keys: `agent.enrolment.invited`. From "installed" on they are the same: `become`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.board.asking import Board, garbled, look, said
from agent.board.console import Console
from agent.board.programs import REACH
from agent.board.typed import DIGEST, literal
from agent.board.typed import INSTALL as _INSTALL
from agent.board.typed import WIPE as _WIPE
from agent.enrolment.replacing import empty
from agent.errors import AgentError, AlreadyEnrolled, BoardRefused, EnrolmentFileError, Garbled, LinkLost
from agent.files import read_private
from agent.reset.factory import RESET
from agent.said.log import shown
from agent.stopping import shielded

FILE_LIMIT_BYTES = 4096  # settings of 300 bytes and 90 of the rest; what is longer was never an enrolment
# docs/architecture.md, "Enrolment file": array of 7, version 1, then the device as a string of 16 characters and the root.
_HEAD, _ROOT_HEAD = b"\x97\x01\xb0", b"\xc4\x20"
_DEVICE = slice(3, 19)
_UINT_BYTES = {0xCC: 1, 0xCD: 2, 0xCE: 4}  # behind the first byte of an integer in MessagePack
_LEAST_BYTES = 19 + 2 + 32 + 4
_ALPHABET = set("abcdefghijklmnopqrstuvwxyz234567")

_ANEW = "enrol anew with `byleave sync enrol`"
EMPTIED = "What the board was is erased, and it was reset and is no device; see to it, and give the same command again"
REMAINS = (
    "The device's root key may still be in the board's memory: unless the next try ends well, take all its power away, "
    "the battery's too, before it leaves your hands"
)


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
        # 1. Only who made it may have read it [a root key that another user of this machine has copied].
        data = read_private(path, limit_bytes=FILE_LIMIT_BYTES, holds="the device's root key", instead=_ANEW)
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
    permits to replace another device: all that is personal on the board is erased first (`replacing`). Any of agent.errors.
    """
    # 1. The file first [a board must not be interrupted for nothing].
    enrolment = EnrolmentFile.read(path)
    with closing(Console(port)) as console, going_on(console):
        # 2. What is there? [another MicroPython board on the next port; somebody's enrolled device]
        console.run(REACH)
        before = look(console)
        if before.device not in ("", enrolment.device) and not again:
            raise another(console, before, enrolment.device)
        installs = before.device != enrolment.device
        if installs and again:
            empty(console)
        elif before.device:
            console.hold()  # its watchdog would reset it in the midst of it
        with said_if_emptied(again and installs):
            become(console, enrolment.device, enrolment.data if installs else None)
        after = started(console, enrolment.device)
    # 6. It is good once.
    if not keep:
        enrolment.destroy()
    return after


def leave(console: Console) -> None:
    """Looked at by mistake, or for nothing: it starts as what it is.

    Hard where a watchdog was held, since nothing else stops that one [it would reset the board at a moment of its own, in the midst
    of the next command].
    """
    with suppress(AgentError):
        if console.held:
            console.leave(RESET)
        else:
            console.restart()


@contextmanager
def going_on(console: Console) -> Iterator[None]:
    """Whatever ends what is done within, no board that can be reached is left at its prompt [a tracker that stands still since
    somebody pressed Ctrl-C]."""
    try:
        yield
    except BaseException as error:
        gone = isinstance(error, LinkLost) and not isinstance(error, Garbled)
        if console.at_prompt and not gone:
            with shielded(), suppress(AgentError):
                if not isinstance(error, AgentError):  # stopped anywhere, in the midst of a program too
                    console.interrupt()
                leave(console)
        raise


def another(console: Console, before: Board, becomes: str) -> AlreadyEnrolled:
    """Why a board that is a device stays it."""
    return AlreadyEnrolled(
        f"{console.port}: the board is device {before.device} already. With --again it becomes {becomes}, and "
        "its keys, its settings and what it has not sent are erased first"
    )


@contextmanager
def said_if_emptied(emptied: bool) -> Iterator[None]:
    """A refusal behind an erasure says what the board is now."""
    try:
        yield
    except BoardRefused as refused:
        if not emptied:
            raise
        raise BoardRefused(f"{refused}. {EMPTIED}") from None


def become(
    console: Console,
    device: str,
    data: bytes | bytearray | None,
    then: Callable[[], None] = lambda: None,
) -> None:
    """The board installs `data` and is that device; `then` is done; what is left in its memory is overwritten.

    data: as of docs/architecture.md, "Enrolment file"; None for a board that is the device already. Whatever fails, the memory
    is overwritten too where the board can still be reached, and the sentence says where it cannot.
    """
    try:
        if data is not None:
            _install(console, data)
            # 3. Read anew from its flash [a write that did not hold].
            if look(console).device != device:
                raise BoardRefused(f"{console.port}: the board took the enrolment and is not that device; try again")
            then()
        # 4. What is left of it in the board's memory, of this try or the last, is overwritten [a memory that outlives the reset].
        console.run(_WIPE)
    except BaseException as error:
        with shielded():
            raise _cleaned(console, error) from None


def _cleaned(console: Console, error: BaseException) -> BaseException:
    """What is to be said of a failure, once the board's memory is overwritten, or could not be."""
    # What came garbled came from a board that is still there.
    if isinstance(error, LinkLost):
        clean = isinstance(error, Garbled) and (_wiped(console) or _stopped(console))
        return error if clean else LinkLost(f"{error}. {REMAINS}")
    # 5. After a refusal too [a board that is given back to somebody with the root in its memory].
    if isinstance(error, AgentError):
        return error if _wiped(console) else type(error)(f"{error}. {REMAINS}")
    # Ctrl-C and its like [a board that stands at its prompt with the root in its memory, and nobody is told].
    return error if _stopped(console) else LinkLost(f"{console.port}: stopped on the way. {REMAINS}")


def started(console: Console, device: str) -> Board:
    """Starts the board as this device, which it has become."""
    after = look(console)
    if after.device != device:
        raise BoardRefused(f"{console.port}: the board said that it was enrolled, and is not that device; try again")
    try:
        told = console.restart()
    except LinkLost as error:
        raise LinkLost(
            f"{error}; it is enrolled. Then give the same command again, which ends what is left to do"
        ) from None
    if "not started" in told:
        with suppress(AgentError):  # its watchdog has nobody who feeds it
            console.interrupt()
            leave(console)
        raise BoardRefused(f"{console.port}: the board is enrolled and does not start: {shown(told)}")
    return after


def hand(console: Console, data: bytes | bytearray) -> None:
    """Bytes into the board's variable `e`: into its memory, never into a file there; nothing here logs them.

    Garbled unless the board says their digest [a bit of a root or a Wi-Fi key that changed on the wire: a device that nobody
    hears, and that nobody knows the keys of].
    """
    text = literal(data)
    try:
        console.run(bytes(text))
    finally:
        text[:] = bytes(len(text))
    if said(console, DIGEST) != hashlib.sha256(data).hexdigest():
        raise garbled(console)


def _install(console: Console, data: bytes | bytearray) -> None:
    hand(console, data)
    console.run(_INSTALL)


def _stopped(console: Console) -> bool:
    """As `_wiped`, of a board whose program may still run."""
    try:
        console.interrupt()
    except AgentError:
        return False
    return _wiped(console)


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
    leave(console)
    return wiped
