"""Files of an export: a folder of its own, private, JSON that is written record by record and never held in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from cloud_sync.errors import ConfigError

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


class Folder:
    """A new folder, and files in it that are flushed to the disk when they are closed."""

    def __init__(self, path: str | Path) -> None:
        """ConfigError when it is there already: an export is never mixed with another one."""
        self.path = Path(path)
        try:
            self.path.mkdir(mode=FOLDER_MODE)
        except FileExistsError:
            raise ConfigError(f"{path}: exists already and is not overwritten; name another folder") from None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be made ({error.strerror}); name another folder") from error

    @contextmanager
    def file(self, name: str) -> Iterator[TextIO]:
        """A new text file; ConfigError when the disk does not take it."""
        target = self.path / name
        try:
            descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ConfigError(f"{target}: cannot be written ({error.strerror}); name another folder") from error

    @contextmanager
    def array(self, name: str) -> Iterator[Array]:
        """A new file with one JSON array; it is closed as an array even when what fills it ends early."""
        with self.file(name) as file:
            array = Array(file)
            try:
                yield array
            finally:
                array.close()

    def value(self, name: str, value: Any) -> None:
        """A new file with one JSON value."""
        with self.file(name) as file:
            json.dump(value, file, indent=2, ensure_ascii=False, sort_keys=True)
            file.write("\n")


class Array:
    """A JSON array, an element a line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.count = 0
        self.columns: dict[str, None] = {}  # of rows, in the order in which they come

    def add(self, value: Any) -> None:
        """Append an element."""
        if isinstance(value, dict) and not value.keys() <= self.columns.keys():
            self.columns.update(dict.fromkeys(value))
        self._file.write(",\n" if self.count else "[\n")
        self._file.write(json.dumps(value, ensure_ascii=False))
        self.count += 1

    def close(self) -> None:
        """Write its end."""
        self._file.write("\n]\n" if self.count else "[]\n")
