"""RecordLog: one record, the newest, and nothing of the older ones."""

from __future__ import annotations

import pytest

from firmware.errors import FlashError
from firmware.flash.recordlog import RecordLog
from firmware.flash.region import RawRegion
from tests.unit.firmware.nor import Nor


def opened(nor: Nor) -> tuple[RecordLog, bytearray | None]:
    """A log as a boot finds it."""
    log = RecordLog(RawRegion(nor), 512)
    return log, log.load()


def test_a_record_survives_a_boot_and_replaces_the_former() -> None:
    """Forty records over two sectors of eight slots; only the last is readable, also in the raw flash."""
    nor = Nor(2)
    log, found = opened(nor)
    assert found is None
    for number in range(40):
        log.store(bytes([number]) * 300)
        assert opened(nor)[1] == bytes([number]) * 300
        for former in range(number):
            assert bytes([former or 0xAA]) * 20 not in nor.data
    assert log.sequence == 40
    assert not log.repaired


def test_sector_changes_erase_the_other_sector_only() -> None:
    """Eight slots a sector: one erase for eight records, in turn."""
    nor = Nor(2)
    log, _ = opened(nor)
    for number in range(64):
        log.store(bytes([number]) * 10)
    assert nor.erases == [4, 4]


def test_rubbish_is_zeroed_at_boot() -> None:
    """Half a record, an older one and noise are gone, and the log says that it repaired something."""
    nor = Nor(2)
    log, _ = opened(nor)
    log.store(b"old secret" * 20)
    old = bytes(nor.data[:512])
    log.store(b"new secret" * 20)
    assert not opened(nor)[0].repaired
    nor.data[4096 : 4096 + 512] = old
    nor.data[1024 + 40 : 1024 + 60] = b"half a record found "
    again, body = opened(nor)
    assert body == b"new secret" * 20
    assert again.repaired
    assert b"old secret" not in nor.data
    assert b"half a record" not in nor.data


@pytest.mark.parametrize("at", [0, 3, 7, 11, 12, 200])
def test_one_flipped_bit_is_no_record(at: int) -> None:
    """Magic, length, sequence, CRC and body all count."""
    nor = Nor(2)
    opened(nor)[0].store(bytes(range(189)))
    assert opened(nor)[1] == bytes(range(189))
    nor.data[at] ^= 0x01
    assert opened(nor)[1] is None


def test_a_bad_slot_is_passed_over_and_the_old_record_stands_until_then() -> None:
    """A sector that takes no program any more: the record goes on in the other one."""
    nor = Nor(3)
    log, _ = opened(nor)
    for number in range(8):
        log.store(bytes([number + 1]) * 30)
    nor.stuck.add(1)
    with pytest.raises(FlashError):
        log.store(b"lost" * 9)
    assert opened(nor)[1] == bytes([8]) * 30
    nor.stuck.clear()
    log.store(b"kept" * 9)
    assert opened(nor)[1] == b"kept" * 9


@pytest.mark.parametrize("failing", range(1, 5))
@pytest.mark.parametrize("begun", [0, 7])
def test_what_a_failed_write_left_is_gone_with_the_next_record(failing: int, begun: int) -> None:
    """Each operation of one store fails in turn, without a boot: the next store leaves itself alone readable."""
    nor = Nor(2)
    log, _ = opened(nor)
    for number in range(begun):
        log.store(bytes([number + 1]) * 400)
    log.store(b"old secret" * 40)

    class FailingOnce(Nor):
        """Takes one operation of a store for failed."""

        left = failing

        def writeblocks(self, block: int, buf: bytes, offset: int = 0) -> int:
            """Half of the page is programmed."""
            self.left -= 1
            if self.left:
                return super().writeblocks(block, buf, offset)
            super().writeblocks(block, buf[:128] + b"\xff" * 128, offset)
            raise OSError(5)

    nor.__class__ = FailingOnce
    try:
        log.store(b"mid secret" * 40)
    except FlashError:
        assert failing <= 2 and not log.repaired  # two pages of the new record, then two of the old one's zeros
    else:
        assert failing > 2 and log.repaired
    log.store(b"new secret" * 40)
    assert b"old secret" not in nor.data and b"mid secret" not in nor.data
    assert opened(nor)[1] == b"new secret" * 40


class Worn(Nor):
    """Flash of which single sectors take no erase any more; `stuck` ones take no program."""

    unerasable: frozenset[int] = frozenset()

    def ioctl(self, op: int, arg: int) -> int:
        """An erase that says that it went well."""
        return 0 if op == 6 and arg in self.unerasable else super().ioctl(op, arg)


def two_records(erases: bool) -> tuple[Worn, bytes]:
    """An older record in a sector that takes no zeros any more, and the newer one in the other sector."""
    nor = Worn(2)
    log, _ = opened(nor)
    log.store(b"old secret" * 30)
    old = bytes(nor.data[:512])
    for number in range(8):
        log.store(bytes([number + 1]) * 300)
    assert log._slot == 8
    nor.data[:512] = old  # as a cut leaves it
    nor.stuck, nor.unerasable = {0}, frozenset() if erases else frozenset({0})
    return nor, bytes([8]) * 300


@pytest.mark.parametrize("erases", [True, False])
def test_what_cannot_be_zeroed_is_erased_or_told_and_holds_no_start_up(erases: bool) -> None:
    """The newer record is the current one; where an erase helps nothing of the older is left, else the log says so."""
    nor, newest = two_records(erases)
    log, body = opened(nor)
    assert body == newest and log.sequence == 9 and log.repaired
    assert (b"old secret" in nor.data) == (not erases)
    log.store(b"next" * 50)
    assert opened(nor)[1] == b"next" * 50


def test_a_sector_that_does_not_erase_any_more_keeps_the_record_that_stands() -> None:
    """No sector takes the next one: each store fails, and starts find the last that was stored, again and again."""
    nor = Worn(2)
    log, _ = opened(nor)
    for number in range(8):
        log.store(bytes([number + 1]) * 300)
    nor.unerasable = frozenset({1})
    nor.data[4096:] = bytes(4096)
    for _ in range(3):
        with pytest.raises(FlashError, match=r"cannot be read back|no sector"):
            log.store(b"lost" * 9)
        log, body = opened(nor)
        assert body == bytes([8]) * 300
    nor.unerasable = frozenset()
    log.store(b"kept" * 9)
    assert opened(nor)[1] == b"kept" * 9


def test_wipe_says_what_it_cannot_wipe() -> None:
    """For an enrolment: the former person's keys are gone, or the enrolment fails."""
    nor, _ = two_records(erases=False)
    with pytest.raises(FlashError, match="wiped"):
        opened(nor)[0].wipe()
    nor.unerasable = frozenset()
    opened(nor)[0].wipe()
    assert set(nor.data) == {0xFF}


def test_wipe_leaves_nothing() -> None:
    """For an enrolment: every byte is erased."""
    nor = Nor(2)
    log, _ = opened(nor)
    log.store(b"secret" * 10)
    log.wipe()
    assert set(nor.data) == {0xFF}
    log.store(b"next")
    assert opened(nor)[1] == b"next"


def test_geometry_and_length_are_checked() -> None:
    """Two sectors, slots that divide them, and a body that fits."""
    log, _ = opened(Nor(2))
    log.store(bytes(500))
    with pytest.raises(FlashError):
        log.store(bytes(501))
    for sectors, slot_bytes in ((1, 512), (2, 500), (2, 12)):
        with pytest.raises(FlashError):
            RecordLog(RawRegion(Nor(sectors)), slot_bytes)
