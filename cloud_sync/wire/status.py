"""The status of a device: docs/wire-format.md, section 5."""

from __future__ import annotations

from typing import Any, Final

from cloud_sync.errors import WireFormatError
from cloud_sync.model import EPOCH_SECONDS, StatusReason, StatusReport
from cloud_sync.wire import codec
from cloud_sync.wire.batch import SLACK_S
from cloud_sync.wire.fields import MOST_U32, MOST_VERSION, array, octets, whole

FIELD_COUNT: Final = 15
NO_TIME_S: Final = -61  # one second below the least time of an epoch
MOST_FIRMWARE_BYTES: Final = 16
MOST_BATTERY_MV: Final = 65_535
CHALLENGE_BYTES: Final = 8


def unpack_status(plaintext: bytes, epoch: int) -> StatusReport:
    """The report of a status plaintext that was sealed in `epoch`; WireFormatError if it breaks a rule of section 5."""
    value = array(codec.unpack_padded(plaintext), FIELD_COUNT, FIELD_COUNT, "a status")
    time_s = whole(value[1], NO_TIME_S, EPOCH_SECONDS + SLACK_S - 1, "time")
    return StatusReport(
        reason=StatusReason(whole(value[0], StatusReason.BOOT, StatusReason.STOPPED_AT_DEVICE, "reason")),
        time=None if time_s == NO_TIME_S else epoch * EPOCH_SECONDS + time_s,
        uptime_s=whole(value[2], 0, MOST_U32, "uptime"),
        directive=whole(value[3], 0, MOST_VERSION, "directive"),
        down_next=whole(value[4], 0, MOST_U32, "down_next"),
        challenge=octets(value[5], (CHALLENGE_BYTES,), "challenge"),
        boots=whole(value[6], 0, MOST_U32, "boots"),
        reset=whole(value[7], 0, 5, "reset"),
        battery_mv=whole(value[8], 0, MOST_BATTERY_MV, "battery"),
        spooled=whole(value[9], 0, MOST_U32, "spooled"),
        lost=whole(value[10], 0, MOST_U32, "lost"),
        refused=whole(value[11], 0, MOST_U32, "refused"),
        faults=whole(value[12], 0, MOST_U32, "faults"),  # bits of later firmware are kept, not refused
        heap_free=whole(value[13], 0, MOST_U32, "heap"),
        firmware=_firmware(value[14]),
    )


def pack_status(report: StatusReport, epoch: int) -> bytes:
    """Seal-ready plaintext of a report, for load generation and tests."""
    time_s = NO_TIME_S if report.time is None else report.time - epoch * EPOCH_SECONDS
    value: list[Any] = [
        int(report.reason),
        time_s,
        report.uptime_s,
        report.directive,
        report.down_next,
        report.challenge,
        report.boots,
        report.reset,
        report.battery_mv,
        report.spooled,
        report.lost,
        report.refused,
        report.faults,
        report.heap_free,
        report.firmware,
    ]
    plaintext = codec.pack(value)
    unpack_status(plaintext, epoch)
    return plaintext


def _firmware(value: Any) -> str:
    if type(value) is not str or len(value.encode()) > MOST_FIRMWARE_BYTES:
        raise WireFormatError(f"firmware is not a str of at most {MOST_FIRMWARE_BYTES} bytes")
    return value
