"""Where parts of a delivery go within one machine: a call, or a file. Beyond it: `webhook`, and `cloud_sync.mqtt.sink`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cloud_sync.errors import CloudSyncError, ConfigError, LinkError
from cloud_sync.stores import Parcel

PRIVATE: Final = 0o600
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)  # keys are made here; a path must not come out of one


class CallbackSink:
    """Hands each part to a function; whatever it raises means that the recipient did not take it."""

    def __init__(self, take: Callable[[Parcel], None]) -> None:
        self._take = take

    def deliver(self, parcel: Parcel) -> None:
        """Call it; LinkError in place of what is no error of cloud_sync [a stranger's exception that quotes the readings]."""
        try:
            self._take(parcel)
        except CloudSyncError:
            raise
        except Exception as error:
            raise LinkError(f"{parcel.recipient} did not take it: {type(error).__name__}") from None


class FileSink:
    """A file a part in a folder: whole and durable, or not there; the same part again is the same file.

    What the recipient has not fetched lies here still, so an erasure takes it back.
    """

    SUFFIX = ".json"

    def __init__(self, folder: str | Path) -> None:
        """ConfigError unless the folder is there."""
        self._folder = Path(folder)
        if not self._folder.is_dir():
            raise ConfigError(f"{self._folder}: is no folder; make it, readable by the recipient alone")

    def withdraw(self, recipient: str, delivery: str) -> int:
        """Overwrite and remove the parts of a delivery that lie here; how many. LinkError when the disk refuses."""
        if not _NAME.fullmatch(delivery) or not _NAME.fullmatch(recipient):
            return 0
        its_own = re.compile(rf"{recipient}-{delivery}-[0-9]+-[0-9a-f]+\.[a-z]+", re.ASCII)  # [d-1 is none of d]
        found = [path for path in self._folder.iterdir() if its_own.fullmatch(path.name)]
        try:
            for path in found:
                with path.open("r+b") as file:
                    file.write(bytes(path.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
        except OSError as error:
            raise LinkError(f"{self._folder}: cannot be written ({error.strerror})") from error
        return len(found)

    def deliver(self, parcel: Parcel) -> None:
        """Write beside, flush, rename, flush the folder; LinkError when the disk does not take it."""
        self._write(parcel, self.SUFFIX)

    def _write(self, parcel: Parcel, suffix: str) -> None:
        if not _NAME.fullmatch(parcel.key) or not _NAME.fullmatch(parcel.recipient):
            raise LinkError("the key of the part is no file name")
        target = self._folder / f"{parcel.recipient}-{parcel.key}{suffix}"
        beside = target.with_suffix(".part")
        try:
            with os.fdopen(os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, PRIVATE), "wb") as file:
                file.write(parcel.body)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise LinkError(f"{self._folder}: cannot be written ({error.strerror})") from error
