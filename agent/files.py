"""Files with secrets, and files that must outlive a power cut."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from agent.errors import AgentError, EnrolmentFileError

NEW = ".new"  # behind the name of a file while it is written


def read_private(
    path: Path, *, limit_bytes: int, holds: str, instead: str, refusal: type[AgentError] = EnrolmentFileError
) -> bytes:
    """What is in a file that nobody else could read, at most `limit_bytes` + 1 bytes of it.

    `refusal` for one that is missing, a link, no regular file, or open to others. `holds` names the secret in it, and
    `instead` says how to come by another; both stand in its sentences.
    """
    data, status = _read(path, limit_bytes, instead, refusal, links=False)
    # Only who made it may have read it [a secret that another user of this machine has copied].
    if os.name == "posix" and status.st_mode & 0o077:
        raise refusal(
            f"{path}: others on this machine may read it, and {holds} in it. Delete it and {instead}; "
            f"or, where you trust them all, chmod 600 {path}"
        )
    return data


def read_bounded(
    path: Path, *, limit_bytes: int, instead: str, refusal: type[AgentError] = EnrolmentFileError
) -> bytes:
    """What is in a file without a secret, at most `limit_bytes` + 1 bytes of it; a link may lead to it."""
    return _read(path, limit_bytes, instead, refusal, links=True)[0]


def _read(
    path: Path, limit_bytes: int, instead: str, refusal: type[AgentError], *, links: bool
) -> tuple[bytes, os.stat_result]:
    # A pipe is not waited for, and a link with a secret behind it leads to a file that somebody else may have chosen.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if links else getattr(os, "O_NOFOLLOW", 0))
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP and not links and path.is_symlink():
            raise refusal(f"{path}: is a link; name the file itself") from None
        raise refusal(f"{path}: cannot be read ({error.strerror}); {instead}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise refusal(f"{path}: is no file")
        data = b""
        while len(data) <= limit_bytes and (more := os.read(descriptor, limit_bytes + 1 - len(data))):
            data += more
    except OSError as error:
        raise refusal(f"{path}: cannot be read ({error.strerror}); {instead}") from None
    finally:
        os.close(descriptor)
    return data, status


def write_private(path: Path, data: bytes) -> None:
    """Writes a file with mode 0600 in one step: after a power cut it is there as a whole, or what was there before it.

    AgentError when it cannot.
    """
    beside = path.with_name(path.name + NEW)
    try:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()  # of an attempt that was killed
        # Made anew and never opened by its name alone [a link that somebody has put there, a file of theirs].
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise AgentError(f"{path}: cannot be written ({error.strerror}); choose a folder of yours with room") from None


def never_dumped() -> None:
    """No core file of this process from now on [Ctrl-\\ writes a secret in its memory to disk]."""
    with contextlib.suppress(ModuleNotFoundError, OSError, ValueError):  # not on Windows
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable; nothing where a folder cannot be opened, as on Windows."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
