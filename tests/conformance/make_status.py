"""Vectors of the status of section 5: status.json."""

from __future__ import annotations

from typing import Any

from . import plain
from .make_telemetry import DAY_START_S, EPOCH
from .vectorfile import VectorFile, plain_value

STATUS_FIELDS = (
    "reason", "time", "uptime", "directive", "down_next", "challenge", "boots", "reset", "battery", "spooled", "lost",
    "refused", "faults", "heap", "firmware", "crash", "security", "update",
)  # fmt: skip
BOOT = [1, 30_000, 12, 0, 0, bytes(range(8)), 1, 1, 3_900, 0, 0, 0, 0, 120_000, "0.1.0", "", 3, 0]


def status_file() -> VectorFile:
    """Each reason and extreme of a status, and each field out of its range once."""
    file = VectorFile(
        "status",
        "5, `status`",
        "`value` in the order of the fields; `time` is null where the device has no trusted time",
    )
    top = 2**32 - 1
    for name, value in (
        ("boot", BOOT),
        *((f"reason-{reason}", [reason, *BOOT[1:]]) for reason in range(2, 8)),
        *((f"reset-{reset}", [*BOOT[:7], reset, *BOOT[8:]]) for reset in (0, 2, 3, 4, 5)),
        ("no-time", [BOOT[0], -61, *BOOT[2:]]),
        ("time-least", [BOOT[0], -60, *BOOT[2:]]),
        ("time-most", [BOOT[0], 86_459, *BOOT[2:]]),
        ("all-faults", [*BOOT[:12], 65_535, *BOOT[13:]]),
        ("firmware-16", [*BOOT[:14], "0.1.0-abcdef0123", *BOOT[15:]]),
        ("firmware-none", [*BOOT[:14], "", *BOOT[15:]]),
        ("crash", [*BOOT[:15], "OSError app.py:117 -5", *BOOT[16:]]),
        ("crash-48", [*BOOT[:15], " ~" * 24, *BOOT[16:]]),
        ("security-most", [*BOOT[:16], 65_535, 0]),
        *((f"update-{state}", [*BOOT[:17], state]) for state in range(1, 5)),
        (
            "extremes",
            [7, 0, top, 2**31 - 1, top, b"\xff" * 8, top, 5, *(65_535, top, top, top, 127, top, "x", "~", 65_535, 4)],
        ),
    ):
        _status(file, name, value, b"")
    _status(file, "padded", BOOT, b"\xc1" * 64)
    for name, kind, field, wrong in (
        ("reason-0", "range", "reason", 0),
        ("reason-8", "range", "reason", 8),
        ("reason-16", "range", "reason", 16),
        ("time-early", "range", "time", -62),
        ("time-late", "range", "time", 86_460),
        ("uptime-negative", "range", "uptime", -1),
        ("directive-2-to-31", "range", "directive", 2**31),
        ("down-next-negative", "range", "down_next", -1),
        ("challenge-7", "shape", "challenge", bytes(7)),
        ("challenge-9", "shape", "challenge", bytes(9)),
        ("challenge-text", "shape", "challenge", "12345678"),
        ("boots-negative", "range", "boots", -1),
        ("reset-6", "range", "reset", 6),
        ("battery-above", "range", "battery", 65_536),
        ("spooled-negative", "range", "spooled", -1),
        ("lost-negative", "range", "lost", -1),
        ("refused-negative", "range", "refused", -1),
        ("faults-negative", "range", "faults", -1),
        ("faults-above", "range", "faults", 65_536),
        ("heap-negative", "range", "heap", -1),
        ("firmware-17", "shape", "firmware", "0.1.0-abcdef01234"),
        ("firmware-bin", "shape", "firmware", b"0.1.0"),
        ("crash-49", "shape", "crash", "x" * 49),
        ("crash-beyond-ascii", "shape", "crash", "Fehler ü"),
        ("crash-line-break", "shape", "crash", "a\nb"),
        ("crash-delete", "shape", "crash", "\x7f"),
        ("crash-bin", "shape", "crash", b"OSError"),
        ("security-above", "range", "security", 65_536),
        ("security-negative", "range", "security", -1),
        ("update-5", "range", "update", 5),
        ("update-negative", "range", "update", -1),
    ):
        value = [wrong if name_of == field else entry for name_of, entry in zip(STATUS_FIELDS, BOOT, strict=True)]
        _refused_status(file, name, kind, field, value)
    _refused_status(file, "field-missing", "shape", "update left out", BOOT[:17])
    _refused_status(file, "fields-of-before", "shape", "the last three fields left out", BOOT[:15])
    _refused_status(file, "field-more", "shape", "a field added", [*BOOT, 0])
    _refused_status(file, "trailing", "encoding", "a byte added", BOOT, b"\x00")
    _heal_answers(file)
    return file


def _heal_answers(file: VectorFile) -> None:
    """The form `[16, number, public]`; `fields` are then these two."""
    public = bytes(range(32))
    for name, number, tail in (("heal", 7, b""), ("heal-number-most", 2**32 - 1, b""), ("heal-padded", 7, b"\xc1" * 9)):
        value, fields = [16, number, public], {"number": number, "public": plain_value(public)}
        file.valid(name, epoch=EPOCH, value=plain_value(value), fields=fields, plaintext=plain.pack(value) + tail)
    for name, kind, changed, wrong in (
        ("heal-number-negative", "range", "number", [16, -1, public]),
        ("heal-number-bin", "shape", "number", [16, b"\x07", public]),
        ("heal-public-31", "shape", "public", [16, 7, public[:31]]),
        ("heal-public-33", "shape", "public", [16, 7, public + b"\x00"]),
        ("heal-public-text", "shape", "public", [16, 7, "0" * 32]),
        ("heal-other-reason", "range", "reason", [15, 7, public]),
        ("heal-without-public", "shape", "public left out", [16, 7]),
        ("heal-four", "shape", "an entry added", [16, 7, public, 0]),
    ):
        file.invalid(name, kind, "heal", changed, epoch=EPOCH, value=plain_value(wrong), plaintext=plain.pack(wrong))


def _status(file: VectorFile, name: str, value: list[Any], padding: bytes) -> None:
    fields = dict(zip(STATUS_FIELDS, plain_value(value), strict=True))
    fields["time"] = None if value[1] == -61 else DAY_START_S + value[1]
    file.valid(name, epoch=EPOCH, value=plain_value(value), fields=fields, plaintext=plain.pack(value) + padding)


def _refused_status(file: VectorFile, name: str, kind: str, changed: str, value: list[Any], tail: bytes = b"") -> None:
    file.invalid(name, kind, "boot", changed, epoch=EPOCH, value=plain_value(value), plaintext=plain.pack(value) + tail)
