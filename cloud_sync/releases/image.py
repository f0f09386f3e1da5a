"""The image of a release: what `byleave agent release` compiled, as a ROMFS that runs in place on the device.

Source: MicroPython documentation, "ROMFS": records of kind, length and payload, numbers of seven bits a byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cloud_sync.errors import ConfigError

RELEASE_FILE: Final = "release.json"
PACKAGE: Final = "firmware/"  # what starts a release lies beside it on the board, and is never replaced over the air
NOT_WITHIN: Final = {"firmware/main.py", "firmware/main.mpy", "firmware/slots.mpy"}
_MAGIC: Final = b"\xd2\xcd\x31"
_DATA, _DIRECTORY, _FILE = 2, 4, 5


def read_folder(folder: Path) -> tuple[str, str, int, dict[str, bytes]]:
    """(board, version, security version, files by path) of a folder with release.json; ConfigError if anything is amiss."""
    try:
        about: dict[str, Any] = json.loads((folder / RELEASE_FILE).read_bytes())
        named = {str(name): str(row["sha256"]) for name, row in about["files"].items()}
        board, version, security = str(about["board"]), str(about["version"]), int(about["security"])
    except OSError as error:
        raise ConfigError(f"{folder}: no {RELEASE_FILE} ({error.strerror}); byleave agent release makes one") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{folder / RELEASE_FILE}: is not of byleave agent release; make it anew") from error
    files = {}
    for name, digest in sorted(named.items()):
        if name.startswith(PACKAGE) and name not in NOT_WITHIN:
            files[name] = _read(folder, name, digest)
    if not files:
        raise ConfigError(f"{folder}: holds no modules of the firmware; byleave agent release makes them")
    return board, version, security, files


def _read(folder: Path, name: str, digest: str) -> bytes:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f"{folder / RELEASE_FILE}: names a file outside of its folder")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); make the release anew") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ConfigError(f"{path}: is not what {RELEASE_FILE} says; make the release anew")
    return content


def romfs(files: Mapping[str, bytes]) -> bytes:
    """The same files always give the same bytes."""
    content = _records(files)
    size = _number(len(content))
    # Bytecode runs where it lies, so the records begin at an even address.
    return _MAGIC + (b"\x80" if len(size) % 2 == 0 else b"") + size + content


def _records(files: Mapping[str, bytes]) -> bytes:
    folders: dict[str, dict[str, bytes]] = {}
    out = {}
    for path, content in files.items():
        head, _, rest = path.partition("/")
        if rest:
            folders.setdefault(head, {})[rest] = content
        else:
            out[head] = _record(_FILE, _name(head) + _record(_DATA, content))
    for name, within in folders.items():
        out[name] = _record(_DIRECTORY, _name(name) + _records(within))
    return b"".join(out[name] for name in sorted(out))


def _name(name: str) -> bytes:
    return _number(len(name.encode())) + name.encode()


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _number(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.insert(0, 0x80 | value & 0x7F)
    return bytes(groups)
