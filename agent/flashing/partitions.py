"""The partition table of an ESP32, from byleave's own list of it.

Format: ESP-IDF Programming Guide, "Partition Tables": entries of 32 bytes (magic 0xAA 0x50, type, subtype, offset, size, label
of 16, flags), little-endian, then a row of 0xEB 0xEB and 14 bytes 0xFF with the MD5 of all before it, 0xFF to the end.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from agent.errors import AgentError
from agent.release.make import firmware_folder

TABLE_AT = 0x8000  # CONFIG_PARTITION_TABLE_OFFSET, which MicroPython leaves as it is
TABLE_BYTES = 0xC00  # at most, with the MD5 row
SECTOR_BYTES = 4096
_ENTRY = struct.Struct("<2sBBII16sI")
_MAGIC, _MD5 = b"\xaa\x50", b"\xeb\xeb" + b"\xff" * 14
_TYPES = {"app": 0, "data": 1}
_SUBTYPES = {("app", "factory"): 0, ("data", "phy"): 1, ("data", "nvs"): 2, ("data", "fat"): 0x81}


@dataclass(frozen=True)
class Partition:
    """One row of the table."""

    label: str
    type: int
    subtype: int
    offset: int
    size: int


def ours() -> list[Partition]:
    """The partitions of byleave's ESP32 boards (firmware/boards/partitions-4MiB.csv)."""
    try:
        text = (firmware_folder() / "boards" / "partitions-4MiB.csv").read_text(encoding="utf-8")
    except OSError as error:
        raise AgentError(
            f"byleave's partition table is not installed ({error.strerror}): pip install byleave"
        ) from None
    return parsed(text)


def parsed(text: str) -> list[Partition]:
    """Rows of the CSV form, with every offset and size written out. AgentError for what it does not say so."""
    found = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            label, kind, subtype, offset, size, *flags = (cell.strip() for cell in line.split(","))
            number = _SUBTYPES[kind, subtype] if (kind, subtype) in _SUBTYPES else int(subtype, 0)
            found.append(Partition(label, _TYPES[kind], number, int(offset, 0), int(size, 0)))
        except (KeyError, ValueError):
            raise AgentError(
                f"partition table: {line.strip()!r} is no row of label, type, subtype, offset, size"
            ) from None
        if any(flags) or len(label.encode()) > 16:
            raise AgentError(f"partition table: {line.strip()!r} has flags, or a label of more than 16 bytes")
    return found


def binary(partitions: list[Partition]) -> bytes:
    """The table as it lies in flash, TABLE_BYTES."""
    rows = b"".join(
        _ENTRY.pack(_MAGIC, row.type, row.subtype, row.offset, row.size, row.label.encode(), 0) for row in partitions
    )
    table = rows + _MD5 + hashlib.md5(rows, usedforsecurity=False).digest()
    if len(table) > TABLE_BYTES:
        raise AgentError("partition table: more rows than a table has")
    return table.ljust(TABLE_BYTES, b"\xff")
