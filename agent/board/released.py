"""A release in a folder, as `byleave agent release` writes it: read whole, its files held against release.json."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.release.make import FORM, IMAGE, RELEASE

FILES_LIMIT = 400  # four times those of today's
FILE_LIMIT_BYTES = 1 << 20  # a slot has 252 KiB; nothing of a release is larger than the chip's flash
_NAME = re.compile(r"[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*\.(mpy|py)")
_AGAIN = "make it anew with `byleave agent release`"


@dataclass(frozen=True)
class Release:
    """A release for one board: its modules, and the image of the package that runs in place."""

    board: str
    version: str
    security: int
    files: dict[str, bytes] = field(repr=False)
    image: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the image, in hexadecimal."""
        return hashlib.sha256(self.image).hexdigest()

    @property
    def bytes(self) -> int:
        """Size of all its modules."""
        return sum(map(len, self.files.values()))

    @property
    def bytecode(self) -> int:
        """Version of MicroPython's bytecode (MicroPython documentation, ".mpy files": the second byte)."""
        return self.files["slots.mpy"][1]

    @classmethod
    def read(cls, folder: Path) -> Release:
        """AgentError for a folder without a release, or with files that are not those of its release.json."""
        try:
            told = json.loads((folder / RELEASE).read_bytes())
        except OSError as error:
            raise AgentError(f"{folder / RELEASE}: {error.strerror}; `byleave agent release` makes one") from None
        except ValueError:
            raise AgentError(f"{folder / RELEASE}: is no JSON; {_AGAIN}") from None
        try:
            return cls._of(told, folder)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise AgentError(f"{folder / RELEASE}: is not the description of a release; {_AGAIN}") from None

    @classmethod
    def _of(cls, told: dict[str, Any], folder: Path) -> Release:
        rows = told["files"]
        if told["form"] != FORM or told["image"]["name"] != IMAGE or not 0 < len(rows) <= FILES_LIMIT:
            raise ValueError
        # Names go to a board's file system: none leads out of it [a folder that somebody else made].
        if not all(_NAME.fullmatch(name) for name in rows) or not {"main.py", "slots.mpy"} <= set(rows):
            raise ValueError
        if not isinstance(told["board"], str) or not isinstance(told["version"], str):
            raise TypeError
        files = {name: _checked(folder / name, row) for name, row in sorted(rows.items())}
        image = _checked(folder / IMAGE, told["image"])
        return cls(told["board"], told["version"], int(told["security"]), files, image)


def _checked(path: Path, row: dict[str, Any]) -> bytes:
    if not 0 < int(row["bytes"]) <= FILE_LIMIT_BYTES:
        raise ValueError
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT_BYTES + 1)
    except OSError as error:
        raise AgentError(f"{path}: {error.strerror}; {_AGAIN}") from None
    if len(data) != row["bytes"] or hashlib.sha256(data).hexdigest() != row["sha256"]:
        raise AgentError(f"{path}: is not the file that {RELEASE} names, it was changed or damaged; {_AGAIN}")
    return data
