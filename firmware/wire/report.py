"""Plaintext of a `status` envelope (wire-format section 5); no personal data in it."""

from firmware.const import const
from firmware.errors import WireError
from firmware.wire.batch import EPOCH_S
from firmware.wire.msgpack import pack

# Reason; 7, the state of an update changed, has its name where updates are handled.
BOOT, HEARTBEAT, APPLIED, CHALLENGE_WANTED, FAULT, STOPPED_AT_DEVICE = range(1, 7)

# Faults 1024 and above have their names in the modules that know of them, as those are not always loaded.

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
# Most of each field in the order of the wire, 0 for what is no number; the least is 0, 1 of the reason.
_MOST = const((7, 86459, _U32, 2147483647, _U32, 0, _U32, 5, 65535, _U32, _U32, _U32, 65535, _U32, 0, 0, 65535, 4))


def pack_status(reason: int, time_s, epoch: int, *rest) -> bytes:
    """Plaintext of one status; time_s is Unix seconds, or None without trusted time. WireError for a field out of range.

    rest: uptime_s, directive, down_next, challenge, boots, reset, battery_mv, spooled, lost, refused, faults, heap_bytes,
    firmware, crash, security, update, as in the table of the wire format; crash names class and place of an exception, never
    its message. [They have no names here: each name of an argument costs the heap.]
    """
    time = _NO_TIME if time_s is None else time_s - epoch * EPOCH_S
    if time_s is not None and time <= _NO_TIME:
        raise WireError("time lies outside the epoch")
    values = [reason, time] + list(rest)
    if len(values) != len(_MOST):
        raise WireError("a status has 18 fields")
    challenge, firmware, crash = values[5], values[14], values[15]
    if not isinstance(challenge, bytes) or len(challenge) != 8:
        raise WireError("challenge must have 8 bytes")
    if not isinstance(firmware, str) or len(firmware.encode()) > 16:
        raise WireError("firmware's name must fit 16 bytes")
    if not isinstance(crash, str) or len(crash) > 48 or any(not " " <= letter <= "~" for letter in crash):
        raise WireError("crash must be 48 printable letters at most")
    for index, most in enumerate(_MOST):
        value, least = values[index], 1 if index == 0 else _NO_TIME if index == 1 else 0
        if most and (not isinstance(value, int) or not least <= value <= most):
            raise WireError("status: field %d out of range" % index)
    return pack(values)
