"""A new generation of the key store: one record, counters from the beginning, and nothing of before."""

from __future__ import annotations

import pytest

from firmware.errors import FlashError, SealError
from firmware.keyrecord import chain_of, spine_of
from firmware.keystore import LEAP, SLOT_BYTES, KeyStore
from firmware.wire import ladder
from tests.unit.firmware.device import DEVICE, FIRST_EPOCH, NOW_S, ROOT, Device, Flash, enrolled
from tests.unit.firmware.test_keystore import STREAMS, Board, take

FIRSTS = bytes(range(1, 161))  # first chain of `down`, first spines of the streams


def first_key(stream: int) -> bytes:
    """K(1, FIRST_EPOCH, 0)."""
    spine = FIRSTS[32 * stream : 32 * stream + 32]
    return ladder.seal_key(ladder.day_chain(spine, stream), stream)


def test_all_ladders_change_in_one_record() -> None:
    """Numbers begin at 0 on every stream and on the downlink; epoch, floor and counts stay; the heads are overwritten."""
    device = enrolled()
    device.keys.boot()
    device.keys.set_directive_high(9)
    for stream in STREAMS:
        take(device, stream)
    kept = [device.keys.epoch, device.keys.floor_s, device.keys.boots, device.keys.directive_high]
    heads, before = bytearray(FIRSTS), device.keys._log.sequence
    device.keys.begin_generation(heads)
    assert (device.keys._log.sequence, heads) == (before + 1, bytes(160))
    for again in (device, Device(device.flash)):
        assert (again.keys.generation, again.keys.down_next) == (1, 0)
        assert [again.keys.epoch, again.keys.floor_s, again.keys.boots, again.keys.directive_high] == kept
    for stream in STREAMS:
        assert take(again, stream) == (0, first_key(stream))
    assert bytes(again.keys.down_key(0)) == ladder.seal_key(FIRSTS[:32], ladder.DOWN)


def test_it_leaps_ahead_as_before() -> None:
    """A cut after the first numbers of the generation skips, and repeats none."""
    device = enrolled()
    device.keys.begin_generation(bytearray(FIRSTS))
    assert [take(device)[0] for _ in range(3)] == [0, 1, 2]
    assert take(Device(device.flash))[0] == LEAP


def test_nothing_of_the_old_generation_stays() -> None:
    """Every spine and chain of before, in flash and in the memory that was in use."""
    device = enrolled()
    for stream in STREAMS:
        take(device, stream)
    device.keys.down_key(0)
    body, used = bytes(device.keys._body), [each[1] for each in device.keys._working if each]
    probe = device.keys._probe[1]
    old = [bytes(chain_of(bytearray(body), stream)) for stream in range(5)]
    old += [bytes(spine_of(bytearray(body), stream)) for stream in STREAMS]
    assert all(secret in device.flash.raw() for secret in old)
    device.keys.begin_generation(bytearray(FIRSTS))
    assert not [secret for secret in old if secret in device.flash.raw()]
    assert not any(map(any, used)) and not any(probe)


def test_flash_that_fails_leaves_the_old_generation() -> None:
    """No sector takes the record: FlashError, and the numbers of the old generation go on."""
    device = enrolled()
    counter, _ = take(device)
    device.flash.keys.stuck = {0, 1}
    with pytest.raises(FlashError):
        device.keys.begin_generation(bytearray(FIRSTS))
    device.flash.keys.stuck = set()
    assert device.keys.generation == 0
    assert take(device)[0] == counter + 1


def test_an_old_record_that_cannot_be_wiped_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new record is the current one by then: memory follows it, as a start would, and the status says so."""
    device = enrolled()
    take(device)
    log = device.keys._log
    old, zero = log._slot, log._region.zero
    monkeypatch.setattr(log._region, "zero", lambda offset, n: offset == old * SLOT_BYTES or zero(offset, n))
    assert not device.keys.repaired
    device.keys.begin_generation(bytearray(FIRSTS))
    assert device.keys.generation == 1 and device.keys.repaired
    assert take(device) == (0, first_key(1))
    again = Device(device.flash)
    assert again.keys.generation == 1 and take(again)[0] == LEAP


def test_a_write_that_is_said_to_have_failed_is_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The block device refuses after it has programmed: FlashError, and a start goes on in the old generation, too."""
    device = enrolled()
    counter, _ = take(device)
    program = device.keys._log._region.program

    def refusing(offset: int, data: bytes) -> None:
        monkeypatch.undo()
        program(offset, data)
        raise FlashError("block device failed")

    monkeypatch.setattr(device.keys._log._region, "program", refusing)
    with pytest.raises(FlashError, match="block device"):
        device.keys.begin_generation(bytearray(FIRSTS))
    again = Device(device.flash)
    assert (device.keys.generation, again.keys.generation) == (0, 0)
    assert take(device)[0] == counter + 1


def test_the_last_generation_has_no_next() -> None:
    """65 535 is refused a successor; the one before is not."""
    for generation, refused in ((65_534, False), (65_535, True)):
        keys = KeyStore(Flash().log())
        keys._log.load()
        keys.enrol(DEVICE, bytearray(ROOT), generation, FIRST_EPOCH, NOW_S)
        if refused:
            with pytest.raises(SealError):
                keys.begin_generation(bytearray(FIRSTS))
        else:
            keys.begin_generation(bytearray(FIRSTS))
            assert keys.generation == 65_535


def test_retained_memory_of_before_is_not_taken() -> None:
    """An export of the old generation, left by a wake that never read it, would bring its numbers into the new one."""
    device = enrolled()
    take(device)
    board = Board(Device(device.flash).keys.export_retained())
    device.keys.begin_generation(bytearray(FIRSTS))
    assert not Device(device.flash).keys.import_retained(board)
    device = enrolled()
    device.keys.begin_generation(bytearray(FIRSTS))
    assert take(device)[0] == 0
    board = Board(device.keys.export_retained())
    again = Device(device.flash)
    assert again.keys.import_retained(board) and take(again)[0] == 1


def test_the_blur_secret_is_the_enrolments() -> None:
    """From the root by a label of its own; the same after days, starts and generations; another root, another secret."""
    device = enrolled()
    secret = bytes(device.keys.blur_secret())
    assert secret == ladder.derive(ROOT, "device", "blur")[:16]
    device.keys.advance(FIRST_EPOCH + 3, NOW_S)
    device.keys.begin_generation(bytearray(FIRSTS))
    assert bytes(Device(device.flash).keys.blur_secret()) == secret
    other = Device(Flash())
    other.keys.enrol(DEVICE, bytearray(bytes(32)), 0, FIRST_EPOCH, NOW_S)
    assert bytes(other.keys.blur_secret()) != secret
    with pytest.raises(SealError):
        Device(Flash()).keys.blur_secret()


def test_a_record_fits_its_slot() -> None:
    """Head and CRC of the log included."""
    assert len(enrolled().keys._body) + 12 <= SLOT_BYTES
