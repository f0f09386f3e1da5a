"""A sound file of a factory reset, of no board's."""

from __future__ import annotations

import hashlib
from typing import Any


def region(name: str, offset: int, sectors: int) -> dict[str, Any]:
    """A row that agrees with itself."""
    size = sectors * 4096
    row = {"name": name, "offset": offset, "bytes": size, "sectors": sectors, "sectors_erased": sectors}
    return row | {"sha256": hashlib.sha256(b"\xff" * size).hexdigest()}


SOUND: dict[str, Any] = {
    "form": "byleave-factory-reset-1",
    "byleave": "0.1.0",
    "began": "2026-01-09T10:00:00Z",
    "ended": "2026-01-09T10:00:20Z",
    "proven": True,
    "chip": "Raspberry Pi Pico W with RP2040",
    "chip_mark": "ab" * 32,
    "board": "pico_w",
    "device": "abcdefghijklmnop",
    "regions": [
        region("keys", 0x14000, 2),
        region("rules", 0x16000, 2),
        region("spool", 0x18000, 124),
        region("files", 0, 20),
    ],
    "retained_bytes_zeroed": 0,
    "memory_overwritten": True,
    "file_system": {"made_anew": True, "program_files_kept": [{"path": "/main.py", "sha256": "cd" * 32}]},
    "slots": ["release", ""],
    "flash_firmware_again": False,
}
