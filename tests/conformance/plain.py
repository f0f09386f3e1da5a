"""Wire format 1 said once more, plainly, for the vectors only: neither firmware nor cloud_sync is imported here.

Written from docs/wire-format.md and meant to be read beside it: no speed, no state, no cleverness. `cryptography`
serves for AES-CCM and X25519, the standard library for SHA-256 and HMAC.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

STREAMS = {"down": 0, "location": 1, "environment": 2, "motion": 3, "status": 4}
STEPS_E7 = {1: 10_000, 2: 100_000, 3: 1_000_000, 4: 10_000_000}  # section 5, step of a cell
TIME_STEPS_S = {0: 1, 1: 10, 2: 60, 3: 600, 4: 3600}
LEAST_QUALITY = {0: 0, 1: 7, 2: 10, 3: 14, 4: 15}
WIDENING = ((25, 1), (63, 2), (72, 3), (77, 4), (81, 6), (85, 12), (87, 24), (89, 72))
TURN_E7 = 3_600_000_000
EPOCH_S = 86_400
READING_STEPS_S = (60, 600, 3600)  # section 5, environment and motion
MOST_LUX = 262_143


# ---- section 1: encoding


def pack(value: Any) -> bytes:
    """MessagePack in the shortest form; section 1."""
    if isinstance(value, int):
        return _pack_int(value)
    if isinstance(value, bytes):
        return _head(len(value), None, 0xC4) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(len(text), (0xA0, 32), 0xD9) + text
    return _array_head(len(value)) + b"".join(pack(entry) for entry in value)


def _pack_int(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack(">B", value & 0xFF)
    unsigned, signed = (
        ((0xCC, "B", 8), (0xCD, "H", 16), (0xCE, "I", 32)),
        ((0xD0, "b", 8), (0xD1, "h", 16), (0xD2, "i", 32)),
    )
    if value >= 0:
        return next(struct.pack(">B" + form, code, value) for code, form, bits in unsigned if value < 1 << bits)
    return next(struct.pack(">B" + form, code, value) for code, form, bits in signed if value >= -(1 << (bits - 1)))


def _head(length: int, fix: tuple[int, int] | None, first_code: int) -> bytes:
    if fix and length < fix[1]:
        return bytes([fix[0] | length])
    sizes = ((first_code, "B", 8), (first_code + 1, "H", 16), (first_code + 2, "I", 32))
    return next(struct.pack(">B" + form, code, length) for code, form, bits in sizes if length < 1 << bits)


def _array_head(length: int) -> bytes:
    return bytes([0x90 | length]) if length < 16 else struct.pack(">BH", 0xDC, length)


# ---- section 3: keys


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """RFC 2104 with SHA-256."""
    return hmac.new(key, data, hashlib.sha256).digest()


def derive(key: bytes, stream: str, kind: str) -> bytes:
    """H(x, label): one block of HKDF-Expand (RFC 5869, section 2.3)."""
    return hmac_sha256(key, f"byleave/1/{stream}/{kind}".encode("ascii") + b"\x01")


def spine(root: bytes, stream: str, epochs: int) -> bytes:
    """S(g, n₀ + epochs)."""
    value = derive(root, stream, "spine")
    for _ in range(epochs):
        value = derive(value, stream, "next")
    return value


def chain(start: bytes, stream: str, steps: int) -> bytes:
    """C moved `steps` envelopes forward."""
    for _ in range(steps):
        start = derive(start, stream, "step")
    return start


def heal(old: bytes, shared: bytes, stream: str) -> bytes:
    """The first spine (or downlink chain) of the next generation."""
    return derive(hmac_sha256(old, shared), stream, "heal")


# ---- section 4: sealing


def bound(header: bytes, device: str) -> bytes:
    """The AAD."""
    return header + bytes([len(device)]) + device.encode("ascii")


def uplink_nonce(stream: int, epoch: int, counter: int, salt: bytes) -> bytes:
    """stream ‖ epoch ‖ counter ‖ salt: 13 bytes."""
    return bytes([stream]) + epoch.to_bytes(4, "big") + counter.to_bytes(4, "big") + salt


def ccm_seal(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes, tag_bytes: int) -> bytes:
    """AES-256-CCM: ciphertext ‖ tag."""
    return AESCCM(key, tag_length=tag_bytes).encrypt(nonce, plaintext, aad)


def digest8(envelope: bytes) -> bytes:
    """First 8 bytes of SHA-256."""
    return hashlib.sha256(envelope).digest()[:8]


# ---- section 5: plaintext


def column(values: list[int], order: int) -> list[int]:
    """One column in the given order, trailing zeros left out."""
    first = [now - before for before, now in pairwise([0, *values])]
    entries = first if order == 1 else [*first[:2], *(b - a for a, b in pairwise(first[1:]))]
    while entries and entries[-1] == 0:
        entries.pop()
    return [order, *entries]


def best_column(values: list[int]) -> list[int]:
    """The order with the shorter encoding, order 1 on a tie; an entry of 33 bits has no encoding."""
    orders = [column(values, 1), column(values, 2)]
    return min(filter(encodable, orders), key=lambda entries: len(pack(entries)))


def encodable(entries: list[int]) -> bool:
    """True if section 1 has a form for every entry."""
    return all(-(2**31) <= entry < 2**32 for entry in entries)


def widening(row: int, step_e7: int) -> int:
    """k of a row."""
    lower_edge_e7 = row * step_e7 if row >= 0 else (-row - 1) * step_e7
    degrees = lower_edge_e7 // 10_000_000
    return next((k for below, k in WIDENING if degrees < below), TURN_E7 // step_e7)


def cell_of(lat_e7: int, lon_e7: int, precision: int) -> tuple[int, int]:
    """Row and column of a position. A cell whose centre would lie at or beyond 180° is named from the west."""
    if precision == 0:
        return (lat_e7 + 50) // 100, (lon_e7 + 50) // 100
    step = STEPS_E7[precision]
    row = min(lat_e7 // step, 900_000_000 // step - 1)
    width = widening(row, step) * step
    col = (lon_e7 - TURN_E7 if lon_e7 == TURN_E7 // 2 else lon_e7) // width
    if col * width + width // 2 >= TURN_E7 // 2:
        col -= TURN_E7 // width
    return row, col


def centre_e7(row: int, col: int, precision: int) -> tuple[int, int]:
    """What a receiver derives from row and column."""
    if precision == 0:
        return row * 100, col * 100
    step = STEPS_E7[precision]
    width = widening(row, step) * step
    return row * step + step // 2, col * width + width // 2


def quality_class(accuracy_mm: int, precision: int) -> int:
    """The smallest q with accuracy ≤ 2^q metres, else 15, as for −1 (unknown); never below the precision's class."""
    smallest = next((q for q in range(15) if 0 <= accuracy_mm <= 1000 << q), 15)
    return max(smallest, LEAST_QUALITY[precision])


def location(precision: int, fixes: list[list[int]], epoch: int) -> list[Any]:
    """The array of a location batch from fixes as the firmware has them.

    [time_s, lat_e7, lon_e7, h_acc_mm, speed_mm_s, course_e5, mode, satellites], −1 for what is unknown.

    Speed and course of −1 (unknown or not permitted) leave the two columns out.
    """
    step_s = TIME_STEPS_S[precision]
    times = [(fix[0] - epoch * EPOCH_S) // step_s * step_s for fix in fixes]
    cells = [cell_of(fix[1], fix[2], precision) for fix in fixes]
    columns = [times, [row for row, _ in cells], [col for _, col in cells]]
    columns.append([quality_class(fix[3], precision) for fix in fixes])
    if precision == 0 and all(fix[4] >= 0 and fix[5] >= 0 for fix in fixes):
        columns.append([fix[4] // 100 for fix in fixes])
        columns.append([fix[5] // 100_000 for fix in fixes])
    return [precision, len(fixes), *(best_column(values) for values in columns)]


def light_class(lux: int) -> int:
    """Class of an illuminance in whole lux, from its highest bit and the two below it."""
    if lux < 1:
        return 0
    digits = bin(min(lux, MOST_LUX))[2:]
    exponent, below = len(digits) - 1, (digits[1:] + "00")[:2]
    return 1 + 4 * exponent + int(below, 2)


def least_lux(light: int) -> int:
    """What a receiver derives from a class."""
    exponent, below = divmod(light - 1, 4)
    return (4 + below) * 2**exponent // 4 if light else 0


def reading_step_s(precision: int) -> int:
    """Step of `environment` and `motion` under a directive with this precision, whatever it lets sense."""
    position = TIME_STEPS_S.get(precision, 0)
    return next(step_s for step_s in READING_STEPS_S if step_s >= position)


def environment(sensors: int, step_s: int, entries: list[list[int]], epoch: int) -> list[Any]:
    """The array of an environment batch from entries [time_s, temperature in 0.1 °C and, or, class of the light]."""
    return [sensors, step_s, len(entries), *_reading_columns(entries, epoch)]


def motion(step_s: int, entries: list[list[int]], epoch: int) -> list[Any]:
    """The array of a motion batch from entries [time_s, events]."""
    return [step_s, len(entries), *_reading_columns(entries, epoch)]


def places(entries: list[list[int]], epoch: int) -> list[Any]:
    """The array of a batch of events of places from entries [time_s, place, event]."""
    return [6, len(entries), *_reading_columns(entries, epoch)]


def aggregates(sensors: int, span_s: int, entries: list[list[int]], epoch: int) -> list[Any]:
    """The array of sums of intervals from entries [time_s, then count, least, mean and most for each sensor]."""
    return [128 + sensors, span_s, len(entries), *_reading_columns(entries, epoch)]


def _reading_columns(entries: list[list[int]], epoch: int) -> list[list[int]]:
    times, *rest = zip(*entries, strict=True)
    return [best_column(list(values)) for values in ([time_s - epoch * EPOCH_S for time_s in times], *rest)]
