"""Enrolment at the device: keys into the raw log, settings without a secret key into the file system; and what device and
server first say to each other, while the board is still on the cable. Loaded at the prompt alone.
"""

import json

from firmware.const import const
from firmware.errors import SealError, WireError
from firmware.flash.recordlog import RecordLog
from firmware.flash.spool import Spool
from firmware.keystore import SLOT_BYTES, KeyStore, wipe
from firmware.settings import check
from firmware.wire import downlink, envelope, ladder
from firmware.wire.batch import EPOCH_S
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


def hello(log, board) -> bytes:
    """The first envelope of a device that was installed just now: a `status`, sealed and spooled as each other one. `log` as
    for install().

    Its number is used up before this returns, and it waits in the spool: the first contact sends these very bytes again.
    FlashError if flash does not hold it.
    """
    import gc

    from firmware.sealer import Sealer
    from firmware.version import SECURITY, VERSION
    from firmware.wire import report

    keys, spool = KeyStore(log), Spool(board.region("spool"))
    status = report.pack_status(
        report.BOOT,
        None,  # the hour is what a host said, and a device takes the time from nobody but its server and its receiver
        keys.epoch,
        0,
        0,
        keys.down_next,
        bytes(board.random(8)),  # the next start has another challenge: no answer to this one widens anything
        keys.boots,
        board.reset_cause(),
        board.battery_mv(),
        spool.count(),
        spool.lost,
        keys.refused,
        report.FAULT_TIME_UNTRUSTED,
        gc.mem_free(),
        VERSION,
        "",
        SECURITY,
        0,
    )
    return Sealer(keys, spool, board.random).seal(ladder.STATUS, status, 0, keys.floor_s).envelope


def greet(log, data: bytes) -> int:
    """Open an answer of the server, to prove its keys; its kind (wire.downlink), or 0 if its number is used up. `log` as for
    install(). WireError or SealError for what is no answer to this device.

    Nothing is stored, so nothing is lost: what it says comes again at the first contact, where it is applied and its number used
    up. [Used up here, the record would reserve the next seven with it, and the first contact's answers were refused.]
    """
    keys = KeyStore(log)
    generation, number = envelope.peek_downlink(data)
    if generation != keys.generation:
        raise SealError("downlink of another generation")
    if number < keys.down_next:
        return 0
    key = keys.down_key(number)
    try:
        return downlink.parse(envelope.open_downlink(keys.device, data, key))[0]
    finally:
        wipe(key)


def _parse(enrolment):
    value = unpack(enrolment)
    if not isinstance(value, list) or len(value) != 7 or value[0] != VERSION:
        raise WireError("not an enrolment of version 1")
    _, device, root, generation, first_epoch, now_s, settings = value
    envelope.check_device(device)
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
