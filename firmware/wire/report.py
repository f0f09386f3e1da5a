"""Plaintext of a `status` envelope (wire-format section 5); no personal data in it."""

from firmware.const import const
from firmware.errors import WireError
from firmware.wire.batch import EPOCH_S
from firmware.wire.msgpack import pack

BOOT, HEARTBEAT, APPLIED, CHALLENGE_WANTED, FAULT, STOPPED_AT_DEVICE = range(1, 7)  # reason

FAULT_GNSS_SILENT = 1
FAULT_GNSS_REFUSED = 2
FAULT_SPOOL_FULL = 4
FAULT_COUNTER_SPENT = 8
FAULT_KEYS_REPAIRED = 16
FAULT_TIME_UNTRUSTED = 32
FAULT_GNSS_IMPLAUSIBLE = 64
FAULT_TEMPERATURE = 128
FAULT_LIGHT = 256
FAULT_MOTION = 512

_NO_TIME = const(-61)
_U32 = const(2**32 - 1)
# (name, least, most) in the order of the wire; the challenge and the firmware's name are checked apart.
_FIELDS = (
    ("reason", 1, 6),
    ("time", _NO_TIME, EPOCH_S + 59),
    ("uptime", 0, _U32),
    ("directive", 0, 2**31 - 1),
    ("down_next", 0, _U32),
    ("challenge", None, None),
    ("boots", 0, _U32),
    ("reset", 0, 5),
    ("battery", 0, 65_535),  # mV: a tracker's cells are far below 65 V
    ("spooled", 0, _U32),
    ("lost", 0, _U32),
    ("refused", 0, _U32),
    ("faults", 0, 1023),
    ("heap", 0, _U32),
    ("firmware", None, None),
)


def pack_status(
    reason: int,
    time_s,
    epoch: int,
    uptime_s: int,
    directive: int,
    down_next: int,
    challenge: bytes,
    boots: int,
    reset: int,
    battery_mv: int,
    spooled: int,
    lost: int,
    refused: int,
    faults: int,
    heap_bytes: int,
    firmware: str,
) -> bytes:
    """Plaintext of one status; time_s is Unix seconds, or None without trusted time. WireError for a field out of
    range.
    """
    time = _NO_TIME if time_s is None else time_s - epoch * EPOCH_S
    if time_s is not None and time <= _NO_TIME:
        raise WireError("time lies outside the epoch")
    if not isinstance(challenge, bytes) or len(challenge) != 8:
        raise WireError("challenge must have 8 bytes")
    if not isinstance(firmware, str) or len(firmware.encode()) > 16:
        raise WireError("firmware's name must fit 16 bytes")
    head = [reason, time, uptime_s, directive, down_next, challenge]
    tail = [boots, reset, battery_mv, spooled, lost, refused, faults, heap_bytes, firmware]
    values = head + tail
    for index, (name, least, most) in enumerate(_FIELDS):
        value = values[index]
        if least is not None and (not isinstance(value, int) or not least <= value <= most):
            raise WireError("status: " + name + " out of range")
    return pack(values)
