"""Healing at the device: a new generation of all ladders, out of the old spines and an X25519 exchange (wire-format section 7).

Loaded when an offer comes. Two steps, with the server's word between them: `answer` sends the device's public key and keeps
what the new ladders begin with in RAM; `settle` stores it once the verdict says that the server has the answer. A cut in
between forgets it: the device goes on in the old generation, and the server offers again.
"""

import sys

from firmware.const import const
from firmware.errors import FirmwareError, SealError
from firmware.keyrecord import wipe
from firmware.keystore import MAX_JUMP
from firmware.wire import downlink, ladder, report
from firmware.wire.envelope import digest8, peek_uplink
from firmware.wire.msgpack import pack

_ANSWER = const(16)  # in the place of a status' reason
_SECRET_BYTES = const(32)


def answer(node, offer: tuple, rng):
    """Answer an offer that was opened just now; (number and digest of the answer's envelope, heads), or None if it is passed
    over.

    offer: (public, spine_epoch, first_epoch) of wire.downlink.parse(). rng(n) -> bytes.
    """
    keys = node.keystore
    number = keys.down_next - 1  # authentic, and never to be accepted again: the sealer has seen to both
    node.on_time()
    public, spine_epoch, first_epoch = offer
    # 1. It is for this day, and for spines that the device can still step to [a server and a device that begin at
    # different days never meet again].
    if first_epoch != keys.epoch or not keys.epoch < spine_epoch <= keys.epoch + MAX_JUMP:
        return None
    try:
        # 2. An exchange of its own for each offer.
        own, shared = _exchange(public, rng, node.feed)
        # 3. The ladders that would follow, in RAM only.
        heads = _heads(keys, spine_epoch, shared, node.feed)
        # 4. The answer, sealed under the old generation.
        time_s = node.clock.now_s() or keys.floor_s
        entry = node.sealer.seal(ladder.STATUS, pack([_ANSWER, number, own]), node.in_force.version, time_s)
    except FirmwareError as error:
        print("healing:", error)
        return None
    return peek_uplink(entry.envelope)[:4] + (digest8(entry.envelope),), heads


def settle(node, pending: tuple, code: int) -> None:
    """The verdict for the answer has come: begin the generation, or forget it."""
    (generation, _, epoch, _, _), heads = pending
    keys = node.keystore
    node.on_time()
    # 1. The server has the answer, so that it can follow [a device that goes on alone is silent for good]. 2. It is still
    # the day that the server begins with.
    if code != downlink.STORED or (keys.generation, keys.epoch) != (generation, epoch):
        wipe(heads)
        return
    # 3. What was sensed until now belongs to the old generation.
    node.sensors.close()
    try:
        # 4. All ladders in one record, read back before the old one is zeroed [a cut leaves one generation whole].
        keys.begin_generation(heads)
    except FirmwareError as error:
        print("healing:", error)
        return
    print("healed", keys.generation)
    # 5. The first envelope of the new generation retires the old one at the server.
    node.report_soon(report.HEARTBEAT)


def _exchange(public: bytes, rng, tick):
    """(own public key, shared secret); SealError if the other side's key makes it zero."""
    from firmware.wire import x25519

    try:
        private = bytearray(rng(_SECRET_BYTES))
        shared = bytearray(x25519.multiply(private, public, tick))
        if not any(shared):
            raise SealError("shared secret is not contributory")  # RFC 7748 section 6.1: a peer of low order
        own = x25519.multiply(private, x25519.BASE, tick)
        wipe(private)
        return own, shared
    finally:
        forget("firmware.wire.x25519")


def _heads(keys, spine_epoch: int, shared, tick) -> bytearray:
    """First spine of each stream in the new generation; in the place of `down` its first chain. `shared` is overwritten."""
    heads = bytearray(_SECRET_BYTES)
    for stream in range(ladder.LOCATION, ladder.STATUS + 1):
        spine = keys.next_spine(stream)
        for _ in range(spine_epoch - keys.epoch - 1):
            spine[:] = ladder.next_spine(spine, stream)
            tick()
        heads.extend(ladder.mix(spine, shared, stream))
        if stream == ladder.STATUS:
            heads[:_SECRET_BYTES] = ladder.mix(spine, shared, ladder.DOWN)
        wipe(spine)
    wipe(shared)
    return heads


def forget(name: str) -> None:
    """Drop a module that is needed for a moment, a month: what it takes in memory is more than a buffer of the link."""
    package, _, short = name.rpartition(".")
    del sys.modules[name]
    delattr(sys.modules[package], short)
