"""Enrolment at the device: keys into the raw log, settings without a secret key into the file system."""

import json

from firmware.const import const
from firmware.errors import WireError
from firmware.flash.recordlog import RecordLog
from firmware.flash.spool import Spool
from firmware.keystore import SLOT_BYTES, KeyStore
from firmware.settings import check
from firmware.wire import ladder
from firmware.wire.batch import EPOCH_S
from firmware.wire.envelope import check_device
from firmware.wire.msgpack import unpack

VERSION = 1
_ROOT_BYTES = const(32)


def install(log, board, enrolment: bytes) -> KeyStore:
    """Install an enrolment (docs/architecture.md); `log` is the RecordLog over board.region("keys"). Returns its
    KeyStore.

    WireError for a malformed enrolment, before anything changes. A cut leaves a device that is not enrolled, or one
    that is in full: keys are the last but the settings, which are written before them.
    """
    # 1. All of it is checked first [half an enrolment would leave the old person's rules with the new person's keys].
    device, root, generation, first_epoch, now_s, settings = _parse(enrolment)
    # 2. The former keys go, then what was permitted and what waited under them [another person takes the device].
    log.load()
    log.wipe()
    RecordLog(board.region("rules"), SLOT_BYTES).wipe()
    Spool(board.region("spool")).wipe()
    # 3. Settings, which hold no key; 4. the keys, in one record.
    board.save_settings(settings)
    keystore = KeyStore(log)
    keystore.enrol(device, root, generation, first_epoch, now_s)
    return keystore


def _parse(enrolment):
    value = unpack(enrolment)
    if not isinstance(value, list) or len(value) != 7 or value[0] != VERSION:
        raise WireError("not an enrolment of version 1")
    _, device, root, generation, first_epoch, now_s, settings = value
    check_device(device)
    if not isinstance(root, bytes) or len(root) != _ROOT_BYTES:
        raise WireError("root must have 32 bytes")
    for number, most in ((generation, ladder.MAX_GENERATION), (first_epoch, ladder.MAX_EPOCH), (now_s, 2**32 - 1)):
        if not isinstance(number, int) or not 0 <= number <= most:
            raise WireError("enrolment: number out of range")
    # A generation that began tomorrow has no keys for today; one that began long ago was never used.
    if abs(now_s // EPOCH_S - first_epoch) > 1:
        raise WireError("enrolment: first epoch is not the day of its time")
    return device, bytearray(root), generation, first_epoch, now_s, _settings(settings)


def _settings(text):
    """Settings of architecture.md."""
    try:
        settings = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        raise WireError("enrolment: settings are no JSON")
    check(settings)
    return settings
