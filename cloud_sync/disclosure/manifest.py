"""The manifest of a copy: each file with its rows, bytes and SHA-256, and one SHA-256 over all; and the check of it.

    {"format": "byleave-copy/1", "kind": "portability", "subject": …, "as_of": …, "policy": {…},
     "files": [{"name", "about", "purpose", "rows", "bytes", "sha256", "form_of"}], "rows": …, "sha256": …}

`rows` counts those of the JSON files: a file that is another form of one names it in `form_of`. `sha256` of the whole is over
`<sha256> <name>\n` of each file, in the order of names, as `sha256sum` prints them.

A folder that somebody brings is hostile until it is checked: nothing of it is opened but files that lie in it themselves [a link to
another file of this machine, a pipe that never ends], and none of another size than the manifest says.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cloud_sync.errors import ConfigError

MANIFEST: Final = "manifest.json"
FORMAT: Final = "byleave-copy/1"
MOST_MANIFEST_BYTES: Final = 2**20  # a copy has some dozens of files; what is larger is none
MOST_COPY_BYTES: Final = 2**32  # years of readings and pictures; a copy that is larger is taken in by hand
MOST_TEXT: Final = (
    255  # of a name or word in the manifest: that of a file name; each is kept again with every piece of rows
)
MOST_WORDS: Final = 8  # about the policy: its id, version and SHA-256, and room for what a later version adds
PIECE_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a copy."""

    name: str
    about: str
    purpose: str
    rows: int
    bytes: int
    sha256: str
    form_of: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a copy has."""

    kind: str
    subject: str
    as_of: str
    policy: dict[str, str]
    files: tuple[Listed, ...]

    @property
    def rows(self) -> int:
        """How many rows the JSON files have."""
        return sum(file.rows for file in self.files if not file.form_of)

    @property
    def sha256(self) -> str:
        """Over all files."""
        return whole(self.files)

    def value(self) -> dict[str, Any]:
        """As JSON has it."""
        head = {
            "format": FORMAT,
            "kind": self.kind,
            "subject": self.subject,
            "as_of": self.as_of,
            "policy": self.policy,
        }
        return {**head, "files": [asdict(file) for file in self.files], "rows": self.rows, "sha256": self.sha256}


def digest(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256, in hex, of a file, piece by piece."""
    total, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            total.update(piece)
            size += len(piece)
    return size, total.hexdigest()


def whole(files: Iterable[Listed]) -> str:
    """The SHA-256 over all files: lines as `sha256sum` prints them, in the order of names."""
    lines = "".join(f"{file.sha256}  {file.name}\n" for file in sorted(files, key=lambda each: each.name))
    return hashlib.sha256(lines.encode()).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a copy whose files are exactly those that it lists, unchanged; ConfigError says what is not."""
    path = folder / MANIFEST
    try:
        if _size(path) > MOST_MANIFEST_BYTES:
            raise ConfigError(f"{path}: is no manifest of a copy; name the folder of one")
        made, said = _parsed(json.loads(path.read_bytes()), path)
        if said != (made.rows, made.sha256):
            raise ConfigError(f"{path}: does not add up: it was changed; ask for the copy again")
        _check(folder, made)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be read ({error.strerror}); name the folder of a copy") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path}: is no manifest of a copy; name the folder of one") from error
    return made


def _parsed(found: Any, path: Path) -> tuple[Manifest, tuple[Any, Any]]:
    """The manifest, and what it says of all its files; ValueError, KeyError or TypeError for what is none."""
    if found["format"] != FORMAT:
        raise ConfigError(f"{path}: is of another format than {FORMAT}; export it anew")
    files = tuple(_listed(each) for each in found["files"])
    about = dict(found["policy"])
    if len(about) > MOST_WORDS:
        raise ValueError("too much about the policy")
    _texts(found["kind"], found["subject"], found["as_of"], *about, *about.values())
    made = Manifest(found["kind"], found["subject"], found["as_of"], about, files)
    return made, (found["rows"], found["sha256"])


def _listed(each: Any) -> Listed:
    made = Listed(**each)
    _texts(made.name, made.about, made.purpose, made.sha256, made.form_of)
    if any(type(number) is not int or number < 0 for number in (made.rows, made.bytes)):
        raise TypeError("no number of rows or bytes")
    return made


def _texts(*values: Any) -> None:
    if not all(isinstance(value, str) and len(value) <= MOST_TEXT for value in values):
        raise TypeError("no word")


def _size(path: Path) -> int:
    """Of a file that lies there itself; ConfigError for a link, a folder and whatever else is no file."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path}: is a link, or no file: a copy has files alone; ask for the copy again")
    return found.st_size


def _check(folder: Path, made: Manifest) -> None:
    names = {file.name for file in made.files}
    there = {path.name for path in folder.iterdir()} - {MANIFEST}
    if len(names) < len(made.files) or names != there:
        other = ", ".join(map(ascii, sorted(names ^ there)))
        raise ConfigError(f"{folder}: its files are not those of the manifest: {other}")
    if sum(file.bytes for file in made.files) > MOST_COPY_BYTES:
        raise ConfigError(f"{folder}: has more than {MOST_COPY_BYTES} bytes; take in what it has piece by piece")
    for file in made.files:
        path = folder / file.name
        if _size(path) != file.bytes or digest(path) != (file.bytes, file.sha256):
            raise ConfigError(f"{path}: is not as it was exported; ask for the copy again")
