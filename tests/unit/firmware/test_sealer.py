"""Sealer: sealed once, spooled before it is handed out; a downlink is accepted once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware.errors import FirmwareError, FlashError, SealError, WireError
from firmware.flash.region import RawRegion
from firmware.flash.spool import Spool
from firmware.sealer import FAR_TRIES, NEAR
from firmware.wire import envelope, ladder, msgpack
from tests.unit.firmware.device import FIRST_EPOCH, NOW_S, Device, Server, enrolled, number_of

PLAINTEXT = msgpack.pack([0, 1, [1, 3600], [1, 5], [1, 6], [1, 3]])


def test_the_server_opens_what_was_sealed() -> None:
    """Header, number and plaintext; the salt makes two envelopes differ."""
    device = enrolled()
    entries = [device.sealer.seal(1, PLAINTEXT, 7, NOW_S) for _ in range(20)]
    assert [number_of(entry.envelope) for entry in entries] == [(0, 1, FIRST_EPOCH, k) for k in range(20)]
    assert [Server().open(entry.envelope) for entry in entries] == [PLAINTEXT] * 20
    assert {envelope.peek_uplink(entry.envelope)[4] for entry in entries} == {7}
    assert len({msgpack.unpack(entry.envelope)[1] for entry in entries}) == 20


def test_an_entry_is_durable_when_it_is_handed_out() -> None:
    """A boot finds the same bytes: a retry sends what was stored."""
    device = enrolled()
    entry = device.sealer.seal(4, PLAINTEXT, 0, NOW_S)
    assert list(Spool(RawRegion(device.flash.spool)).pending()) == [entry]


def test_a_plaintext_that_is_too_long_costs_a_number_only() -> None:
    """1024 bytes of envelope at most; the next one goes on with a fresh number."""
    device = enrolled()
    room = 1024 - len(device.sealer.seal(1, bytes(300), 1, NOW_S).envelope) + 300
    assert len(device.sealer.seal(1, bytes(room), 1, NOW_S).envelope) == 1024
    with pytest.raises(WireError):
        device.sealer.seal(1, bytes(room + 1), 1, NOW_S)
    assert number_of(device.sealer.seal(1, PLAINTEXT, 1, NOW_S).envelope)[3] == 3
    assert device.spool.count() == 3


def test_a_spool_that_fails_never_leads_to_a_second_use() -> None:
    """The envelope is not handed out and its number is gone."""
    device = enrolled()
    device.flash.spool.stuck.update(range(6))
    with pytest.raises(FlashError):
        device.sealer.seal(1, PLAINTEXT, 1, NOW_S)
    device.flash.spool.stuck.clear()
    assert number_of(device.sealer.seal(1, PLAINTEXT, 1, NOW_S).envelope)[3] == 1


def _flip(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: _flip(data, -1),
        lambda data: _flip(data, len(data) // 2),
        lambda data: data + b"\x00",
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: bytes(1025),
        lambda data: data.replace(b"\x94\x01\x00\x00\x05", b"\x94\x01\x00\x00\x06", 1),
        lambda data: data.replace(b"\x94\x01\x00\x00\x05", b"\x94\x01\x01\x00\x05", 1),
        lambda data: data.replace(b"\x94\x01\x00\x00\x05", b"\x94\x01\x00\x01\x05", 1),
    ],
    ids=["tag", "ciphertext", "longer", "shorter", "empty", "huge", "number", "generation", "stream"],
)
def test_a_changed_downlink_changes_nothing(change: Callable[[bytes], bytes]) -> None:
    """One thing is changed: refused, counted, and the right one is still accepted afterwards."""
    device = enrolled()
    good = Server().down([3, NOW_S, bytes(8)], 5)
    assert change(good) != good
    before = device.flash.raw()
    with pytest.raises((WireError, SealError)):
        device.sealer.open(change(good))
    assert (device.keys.refused, device.keys.down_next, device.flash.raw() == before) == (1, 0, True)
    assert device.sealer.open(good) == [3, NOW_S, bytes(8)]
    assert (device.keys.refused, device.keys.down_next) == (1, 6)


def test_no_downlink_is_accepted_twice_or_backwards() -> None:
    """Replayed, reordered, and after a boot."""
    device, server = enrolled(), Server()
    messages = [server.down([1, number], number) for number in range(12)]
    for number in (0, 1, 3, 7):
        assert device.sealer.open(messages[number]) == [1, number]
    again = Device(device.flash)
    for target in (device, again):
        for number in (0, 1, 2, 3, 4, 5, 6, 7):
            with pytest.raises(SealError):
                target.sealer.open(messages[number])
    assert device.sealer.open(messages[8]) == [1, 8]


def test_few_downlinks_from_far_ahead_may_fail_in_a_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs up to 4096 hashes: after FAR_TRIES none is spent on the next, near ones open, a new contact tries on."""
    device, server, hashes = enrolled(), Server(), [0]
    step = ladder.step
    monkeypatch.setattr("firmware.wire.ladder.step", lambda *args: hashes.__setitem__(0, hashes[0] + 1) or step(*args))
    far, near = server.down([1, 0], NEAR + 1), server.down([1, 1], NEAR)

    def forged() -> int:
        hashes[0] = 0
        with pytest.raises(SealError):
            device.sealer.open(_flip(far, -1))
        return hashes[0]

    costs = [forged() for _ in range(FAR_TRIES + 1)]
    assert costs == [NEAR + 1] * FAR_TRIES + [0]
    assert device.sealer.open(near) == [1, 1] and device.keys.refused == FAR_TRIES + 1
    device, hashes = enrolled(), [0]
    for _ in range(FAR_TRIES):
        forged()
    with pytest.raises(SealError):
        device.sealer.open(far)  # no forgery, but nobody can tell
    device.sealer.begin()
    assert device.sealer.open(far) == [1, 0]


def test_random_bytes_raise_firmware_errors_only() -> None:
    """Whatever a broker sends."""
    device = enrolled()
    rng = device.flash.supply.rng
    good = Server().down([1])
    for _ in range(300):
        data = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if data == good:
            continue
        with pytest.raises(FirmwareError):
            device.sealer.open(bytes(data))
    assert device.sealer.open(good) == [1]
