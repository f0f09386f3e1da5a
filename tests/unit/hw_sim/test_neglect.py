"""Bytes that come on an ESP32's UART while flash is written: 128 wait in the FIFO, the others are lost."""

from collections.abc import Callable

import pytest

from hw_sim.silicon.neglect import Neglect
from hw_sim.silicon.uart import UartPort
from hw_sim.world.clock import World

BYTE_US = 10 * 1e6 / 38400
DATA = bytes(range(250)) * 2


def heard(begin_us: float, *spans: tuple[int, int], data: bytes = DATA) -> bytes:
    """What is left of a burst from `begin_us` with these stretches in which nobody hears."""
    neglect = Neglect()
    for span in spans:
        neglect.add(*span)
    return neglect.heard(data, begin_us, BYTE_US)


def test_without_a_write_nothing_is_lost() -> None:
    """However long the burst is."""
    assert heard(0.0) == DATA


def test_a_short_write_loses_nothing() -> None:
    """A page takes 0.4 ms, less than two bytes at 38 400 baud."""
    assert heard(0.0, (5_000, 5_400)) == DATA


def test_an_erase_loses_what_the_fifo_cannot_hold() -> None:
    """45 ms are 172 bytes: 128 are held, the rest are lost, then it goes on. Which ones: those after the 128th."""
    left = heard(0.0, (0, 45_000))
    during = int(45_000 / BYTE_US)
    assert during == 172
    assert left == DATA[:128] + DATA[during:]


def test_bytes_that_had_not_called_for_an_interrupt_take_room() -> None:
    """Fifty bytes before the erase are in the FIFO still, so 78 fit; 120 would have been fetched."""
    during = 173  # half a byte later than the test above
    begin = 50.5 * BYTE_US
    left = heard(0.0, (round(begin), round(begin) + 45_000))
    assert left[:128] == DATA[:128]
    assert len(left) == len(DATA) - (during - 78)
    begin = 120.5 * BYTE_US
    assert len(heard(0.0, (round(begin), round(begin) + 45_000))) == len(DATA) - (during - 128)


def test_between_two_writes_the_fifo_is_emptied() -> None:
    """Two stretches of 32 ms with a moment between hold 122 bytes each, enough for an interrupt; one of 64 ms loses some."""
    assert heard(0.0, (0, 32_000), (32_300, 64_300)) == DATA
    assert len(heard(0.0, (0, 64_300))) < len(DATA)


def test_a_write_between_two_bursts_matters_to_neither() -> None:
    """It was over before the first byte."""
    neglect = Neglect()
    assert neglect.heard(DATA, 0.0, BYTE_US) == DATA
    end = len(DATA) * BYTE_US
    neglect.add(round(end) + 10_000, round(end) + 60_000)
    assert neglect.heard(DATA, end + 100_000, BYTE_US) == DATA


class Talker:
    """A chip that says what it is told to."""

    baudrate = 38400
    emit: Callable[[bytes], None]

    def power(self, on: bool) -> None:
        """It has its own."""

    def backup_power(self, on: bool) -> None:
        """It has its own."""

    def receive(self, data: bytes) -> None:
        """It does not listen."""


@pytest.mark.parametrize(("fifo_bytes", "kept"), [(0, 128), (32, 32)])
def test_the_port_counts_what_is_lost(fifo_bytes: int, kept: int) -> None:
    """The port of an ESP32 and of an RP2: 150 bytes in an erase, from a line at rest; without it all arrive."""
    world, chip = World(), Talker()
    port = UartPort(world.clock, chip, world.random("uart"), fifo_bytes)
    port.start(38400, 1024)
    chip.emit(bytes(150))
    world.clock.advance_to(1_000_000)
    assert len(port.read(1024)) == 150
    port.neglect(45_000)
    chip.emit(bytes(150))
    world.clock.advance_to(2_000_000)
    assert (len(port.read(1024)), port.lost_bytes) == (kept, 150 - kept)
