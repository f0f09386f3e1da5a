"""ROMFS images: MicroPython's read-only file system, whose bytecode runs where it lies.

MicroPython documentation, "ROMFS": a header, then records of kind, length and payload; numbers of seven bits to a byte.
mpremote has a writer too; it makes the image's length even, not the address at which the records begin.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.errors import AgentError

_MAGIC = b"\xd2\xcd\x31"
_DATA, _DIRECTORY, _FILE = 2, 4, 5


def image(files: Mapping[str, bytes]) -> bytes:
    """An image of these files by their paths, in the order of their names; the same files give the same bytes."""
    content = _records(files)
    size = _number(len(content))
    # The records begin at an even address, since bytecode runs where it lies.
    return _MAGIC + (b"\x80" if len(size) % 2 == 0 else b"") + size + content


def _records(files: Mapping[str, bytes]) -> bytes:
    folders: dict[str, dict[str, bytes] | bytes] = {}
    for path, data in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            inner = folders.setdefault(name, {})
            if not isinstance(inner, dict):
                raise AgentError(f"{name} is a file and a folder in one release")
            inner[rest] = data
        else:
            folders[name] = data
    return b"".join(_entry(name, folders[name]) for name in sorted(folders))


def _entry(name: str, content: dict[str, bytes] | bytes) -> bytes:
    label = _number(len(name.encode())) + name.encode()
    if isinstance(content, dict):
        return _record(_DIRECTORY, label + _records(content))
    return _record(_FILE, label + _record(_DATA, content))


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _number(value: int) -> bytes:
    """Most significant group first, the top bit set in all but the last."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.insert(0, 0x80 | value & 0x7F)
    return bytes(groups)
