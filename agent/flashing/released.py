"""A release in a folder, as `byleave agent release` writes it: read whole, its files held against release.json."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.board.answers import parsed
from agent.errors import AgentError
from agent.release import romfs
from agent.release.make import FORM, IMAGE, RELEASE
from agent.release.stated import stated

FILES_LIMIT = 400  # four times those of today's
FILE_LIMIT_BYTES = 512 << 10  # an image has 448 KiB at most (docs/wire-format.md, section 9), and holds all modules
LIMIT_BYTES = 4 << 20  # of all of it: the chip's flash
TEXT_LIMIT_BYTES = 256 << 10  # of release.json; today's has 12 KB
SECURITY_MOST = 0xFFFF
_MAIN, _SLOTS, _VERSION, _PACKAGE = "main.py", "slots.mpy", "firmware/version.mpy", "firmware/"
_NAME = re.compile(r"[A-Za-z0-9_]{1,40}(/[A-Za-z0-9_]{1,40}){0,4}\.(mpy|py)")
_WORD = re.compile(r"[A-Za-z0-9_.+-]{1,16}")  # board and version: as in a manifest, and fit to be shown
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
    def folder_digest(self) -> str:
        """SHA-256 of the names and contents of what lies in its folder, where it lies as files."""
        rows = [f"{name} {hashlib.sha256(data).hexdigest()}\n" for name, data in self.files.items() if name != _MAIN]
        return hashlib.sha256("".join(sorted(rows)).encode()).hexdigest()

    @property
    def bytes(self) -> int:
        """Size of all its modules."""
        return sum(map(len, self.files.values()))

    @property
    def bytecode(self) -> int:
        """Version of MicroPython's bytecode (MicroPython documentation, ".mpy files": the second byte)."""
        return self.files[_SLOTS][1]

    @classmethod
    def read(cls, folder: Path) -> Release:
        """AgentError for a folder without a release, or with files that are not those of its release.json."""
        path = folder / RELEASE
        text = _content(path, TEXT_LIMIT_BYTES, "`byleave agent release` makes one")
        try:
            told = parsed(text.decode("utf-8"))
        except ValueError:
            raise AgentError(f"{path}: is no JSON; {_AGAIN}") from None
        try:
            return cls._of(told, folder)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            raise AgentError(f"{folder / RELEASE}: is not the description of a release; {_AGAIN}") from None

    @classmethod
    def _of(cls, told: dict[str, Any], folder: Path) -> Release:
        rows = told["files"]
        if told["form"] != FORM or told["image"]["name"] != IMAGE or not 0 < len(rows) <= FILES_LIMIT:
            raise ValueError
        # Names go to a board's file system: none leads out of it [a folder that somebody else made].
        if not all(_NAME.fullmatch(name) for name in rows) or not {_MAIN, _SLOTS, _VERSION} <= set(rows):
            raise ValueError
        if not _WORD.fullmatch(told["board"]) or not _WORD.fullmatch(told["version"]):
            raise ValueError
        if type(told["security"]) is not int or not 0 <= told["security"] <= SECURITY_MOST:
            raise ValueError
        if sum(_size(row) for row in rows.values()) > LIMIT_BYTES:
            raise ValueError
        files = {name: _checked(folder / name, row) for name, row in sorted(rows.items())}
        if len(files[_SLOTS]) < 4 or files[_SLOTS][:1] != b"M":
            raise ValueError
        image = _checked(folder / IMAGE, told["image"])
        found = cls(told["board"], told["version"], told["security"], files, image)
        found._agree(folder)
        return found

    def _agree(self, folder: Path) -> None:
        """What is said of it is what its modules say themselves, and what starts from a slot are these modules.

        [With a higher security version than its modules have, one flash would keep every honest release off the board; with a
        lower one, it would itself be passed over at the next start.]
        """
        package = {name: data for name, data in self.files.items() if name.startswith(_PACKAGE)}
        if romfs.image(package) != self.image:
            raise AgentError(f"{folder / IMAGE}: does not hold the modules that lie beside it; {_AGAIN}")
        try:
            own = stated(self.files[_VERSION])
        except ValueError:
            raise AgentError(f"{folder / _VERSION}: is no version module of a release; {_AGAIN}") from None
        version = own.pop("VERSION", "")
        if own != {"SECURITY": self.security} or version not in (self.version, None):
            raise AgentError(
                f"{folder / RELEASE}: names version {self.version}, security version {self.security}, and its modules say "
                f"otherwise; {_AGAIN}"
            )


def _checked(path: Path, row: dict[str, Any]) -> bytes:
    _size(row)
    data = _content(path, FILE_LIMIT_BYTES, _AGAIN)
    if len(data) != row["bytes"] or hashlib.sha256(data).hexdigest() != row["sha256"]:
        raise AgentError(f"{path}: is not the file that {RELEASE} names, it was changed or damaged; {_AGAIN}")
    return data


def _size(row: dict[str, Any]) -> int:
    if type(row["bytes"]) is not int or not 0 < row["bytes"] <= FILE_LIMIT_BYTES:
        raise ValueError
    return int(row["bytes"])


def _content(path: Path, most: int, do: str) -> bytes:
    """Of a plain file, one byte more than `most` at most [a pipe would be waited for, a device has no end]."""
    try:
        if path.exists() and not path.is_file():
            raise AgentError(f"{path}: is no file; {do}")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise AgentError(f"{path}: {error.strerror}; {do}") from None
    if len(data) > most:
        raise AgentError(f"{path}: is longer than any of a release; {do}")
    return data
