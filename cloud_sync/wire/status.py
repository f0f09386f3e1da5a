"""The status of a device, and its answer to an offer of healing: docs/wire-format.md, section 5."""

from __future__ import annotations

from typing import Any, Final

from cloud_sync.errors import WireFormatError
from cloud_sync.model import EPOCH_SECONDS, HealAnswer, StatusReason, StatusReport, UpdateState
from cloud_sync.wire import codec
from cloud_sync.wire.batch import SLACK_S
from cloud_sync.wire.fields import MOST_U32, MOST_VERSION, array, octets, whole

FIELD_COUNT: Final = 18
HEAL_ANSWER: Final = 16  # where a status has its reason
NO_TIME_S: Final = -61  # one second below the least time of an epoch
MOST_FIRMWARE_BYTES: Final = 16
MOST_BATTERY_MV: Final = 65_535
CHALLENGE_BYTES: Final = 8
MOST_FAULTS: Final = 2**16 - 1  # bits of later firmware are kept, not refused
MOST_CRASH_BYTES: Final = 48  # a class and a place in the program: a message would need more [it may quote a reading]
MOST_SECURITY: Final = 65_535
PUBLIC_BYTES: Final = 32  # X25519, RFC 7748


def read_status(plaintext: bytes, epoch: int) -> StatusReport | HealAnswer:
    """What a plaintext of the `status` stream says that was sealed in `epoch`; WireFormatError as `unpack_status`."""
    value = array(codec.unpack_padded(plaintext), 3, FIELD_COUNT, "a status")
    return _heal_answer(value) if len(value) == 3 else _report(value, epoch)


def unpack_status(plaintext: bytes, epoch: int) -> StatusReport:
    """The report of a status plaintext that was sealed in `epoch`; WireFormatError if it breaks a rule of section 5."""
    return _report(codec.unpack_padded(plaintext), epoch)


def _report(fields: Any, epoch: int) -> StatusReport:
    value = array(fields, FIELD_COUNT, FIELD_COUNT, "a status")
    time_s = whole(value[1], NO_TIME_S, EPOCH_SECONDS + SLACK_S - 1, "time")
    return StatusReport(
        reason=StatusReason(whole(value[0], StatusReason.BOOT, StatusReason.UPDATE_CHANGED, "reason")),
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
        faults=whole(value[12], 0, MOST_FAULTS, "faults"),
        heap_free=whole(value[13], 0, MOST_U32, "heap"),
        firmware=_firmware(value[14]),
        crash=_crash(value[15]),
        security=whole(value[16], 0, MOST_SECURITY, "security"),
        update=UpdateState(whole(value[17], 0, max(UpdateState), "update")),
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
        report.crash,
        report.security,
        int(report.update),
    ]
    plaintext = codec.pack(value)
    unpack_status(plaintext, epoch)
    return plaintext


def pack_heal_answer(answer: HealAnswer) -> bytes:
    """Seal-ready plaintext of an answer to an offer of healing, for tests."""
    value = [HEAL_ANSWER, *answer]
    _heal_answer(value)
    return codec.pack(value)


def _heal_answer(value: list[Any]) -> HealAnswer:
    whole(value[0], HEAL_ANSWER, HEAL_ANSWER, "reason")
    return HealAnswer(whole(value[1], 0, MOST_U32, "downlink number"), octets(value[2], (PUBLIC_BYTES,), "public key"))


def _crash(value: Any) -> str:
    if type(value) is not str or len(value) > MOST_CRASH_BYTES or not (value.isascii() and value.isprintable()):
        raise WireFormatError(f"crash is not a str of at most {MOST_CRASH_BYTES} bytes of printable ASCII")
    return value


def _firmware(value: Any) -> str:
    if type(value) is not str or len(value.encode()) > MOST_FIRMWARE_BYTES:
        raise WireFormatError(f"firmware is not a str of at most {MOST_FIRMWARE_BYTES} bytes")
    return value
