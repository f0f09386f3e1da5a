"""The sealed enrolment on this host's disk, and how far the attempt behind it has come.

Beside the file lies a note while the work is unfinished: the pseudonyms that were tried, each written down before its board
could have it, and which of them the file is complete for. So the same command, given again after anything was cut, knows its
own half-finished board from somebody else's device. It holds no secret, is locked while a command works, and goes at the end.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from agent.enrolment.sealing import ID_BYTES, MAGIC, confirmation
from agent.errors import AgentError, EnrolmentFileError
from agent.files import read_bounded, sync_folder, write_private

UNFINISHED = ".unfinished"  # behind the name of the file
_HEAD = "byleave-unfinished-1 "
_TRIED, _COMPLETE = "tried ", "complete "
_TRIED_LINE = re.compile(_TRIED + "[a-z2-7]{16}")
MOST_BYTES = 2048  # of a sealed enrolment (docs/wire-format.md section 10)
_NOTE_LIMIT_BYTES = 64 << 10  # of 2,800 attempts


class Outcome:
    """Where the sealed enrolment goes; `tried` are the devices of attempts at it, `complete` the one that it is whole for.

    `finished`: it was made by a command that came to its end. `confirmation`: the code of the file that is whole.
    """

    def __init__(self, path: Path, note: int, ident: bytes) -> None:
        self.path = path
        self._note = note
        there = _is_of(path, ident)
        head, lines, torn = _lines(note)
        # A note of another invitation, or one without its head, says nothing of this one.
        ours = head == _HEAD + ident.hex()
        self.tried = {line[len(_TRIED) :] for line in lines if ours and _TRIED_LINE.fullmatch(line)}
        # What was tried last is what the file is of.
        whole = ours and there and lines and lines[-1].startswith(_COMPLETE)
        self.complete = lines[-1].removeprefix(_COMPLETE) if whole else ""
        self.finished = there and not ours
        self.confirmation = confirmation(_content(path)) if self.complete else ""
        self._before = ("\n" if torn else "") if ours else f"{_HEAD}{ident.hex()}\n"
        self._ours = ours

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path, ident: bytes) -> Iterator[Outcome]:
        """For the invitation with this id. EnrolmentFileError if something else has that name, AgentError if nothing can be
        written there, or another command is at it. A note in which nothing was tried is taken away again.
        """
        if not path.name:
            raise EnrolmentFileError(f"{path}: is no name of a file; choose another --out")
        note_path = path.with_name(path.name + UNFINISHED)
        note, outcome = _locked(note_path), None
        try:
            outcome = cls(path, note, ident)
            yield outcome
        finally:
            if not (outcome.tried if outcome else os.fstat(note).st_size):
                with contextlib.suppress(OSError):  # it stays then, and says what it said
                    note_path.unlink(missing_ok=True)
            os.close(note)

    def begin(self, device: str, sealed: bytes) -> None:
        """An attempt at this device: noted, and its file durable, before its keys may leave this host."""
        if not self._ours:
            os.ftruncate(self._note, 0)
        self._ours = True
        self._say(f"{self._before}{_TRIED}{device}\n")
        self._before = ""
        self.tried.add(device)
        self.complete = self.confirmation = ""
        write_private(self.path, sealed)

    def replace(self, device: str, sealed: bytes) -> None:
        """The file with all that belongs into it."""
        write_private(self.path, sealed)
        self._say(f"{_COMPLETE}{device}\n")
        self.complete, self.confirmation = device, confirmation(sealed)

    def finish(self) -> None:
        """The board has started: the file is all that is left."""
        self.tried.clear()

    def _say(self, text: str) -> None:
        data = text.encode()
        try:
            if os.write(self._note, data) != len(data):  # a disk that has room for a part says no error
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._note)
            sync_folder(self.path.parent)
        except OSError as error:
            raise _unwritten(self.path, error) from None


def _locked(path: Path) -> int:
    """A descriptor of the note, of which there is one at a time; made if it is missing."""
    while True:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
            note = os.open(path, flags, 0o600)
        except OSError as error:
            raise _unwritten(path, error) from None
        try:
            status = os.fstat(note)
            if not stat.S_ISREG(status.st_mode):
                raise EnrolmentFileError(f"{path}: is no file; choose another --out")
            # In a folder of many: it would say which board may be replaced, and whose file is whole.
            if os.name == "posix" and os.geteuid() not in (0, status.st_uid):
                raise EnrolmentFileError(f"{path}: is somebody else's; choose another --out")
            _lock(note, path)
            if os.fstat(note).st_nlink:  # else a command that came to its end meanwhile took it away
                return note
        except BaseException:
            os.close(note)
            raise
        os.close(note)


def _lock(note: int, path: Path) -> None:
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return
    try:
        fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise AgentError(f"{path}: another command enrols into the same file; choose another --out, or wait") from None


def _lines(note: int) -> tuple[str, list[str], bool]:
    """Head, the other lines, and whether a cut left half of the last: that one says nothing, its device went to no board."""
    text = os.read(note, _NOTE_LIMIT_BYTES).decode("ascii", "replace")
    head, *lines = text.split("\n")
    return head, lines[:-1], not text.endswith("\n")


def _is_of(path: Path, ident: bytes) -> bool:
    """Whether there is a sealed enrolment of this invitation. EnrolmentFileError if there is something else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EnrolmentFileError(f"{path}: is something else ({error.strerror}); choose another --out") from None
    try:
        head = os.read(descriptor, len(MAGIC) + ID_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    finally:
        os.close(descriptor)
    if not head.startswith(MAGIC):
        raise EnrolmentFileError(f"{path}: is no enrolment, and is not overwritten; choose another --out")
    if head != MAGIC + ident:
        raise EnrolmentFileError(
            f"{path}: is the enrolment of another invitation, and is not overwritten; choose another --out"
        )
    return True


def _content(path: Path) -> bytes:
    return read_bounded(path, limit_bytes=MOST_BYTES, instead="choose another --out")


def _unwritten(path: Path, error: OSError) -> AgentError:
    return AgentError(f"{path}: cannot be written ({error.strerror}); choose a folder of yours with room")
