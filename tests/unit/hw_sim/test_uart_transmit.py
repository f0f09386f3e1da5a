"""What the program writes on a UART: byte behind byte at the line's speed, and lost with the program but for a FIFO's worth."""

from collections.abc import Callable

import pytest

from hw_sim.silicon.uart import RP2_FIFO_BYTES, TX_FIFO_BYTES, UartPort
from hw_sim.world.clock import World

BYTE_US = 1_000  # at 10 000 baud


class Listener:
    """The chip: it notes what came when, in ms."""

    baudrate = 10_000
    emit: Callable[[bytes], None]

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self.heard: list[tuple[int, bytes]] = []

    def power(self, on: bool) -> None:
        """It always has some."""

    backup_power = power

    def receive(self, data: bytes) -> None:
        """Bytes from the board."""
        self.heard.append((self._clock.now_us // 1000, data))


def line(fifo_bytes: int = 0) -> tuple[World, Listener, UartPort]:
    """An open port and who hears it."""
    world = World()
    chip = Listener(world)
    port = UartPort(world.clock, chip, world.random("uart"), fifo_bytes)
    port.start(10_000, 256)
    return world, chip, port


def test_what_is_written_later_is_heard_later() -> None:
    """A short word behind a long one waits for it; the line is free again when both have passed."""
    world, chip, port = line()
    port.write(b"A" * 900)
    port.write(b"B")
    assert port.unsent_us == 901 * BYTE_US
    world.clock.advance_to(500 * BYTE_US)
    assert port.unsent_us == 401 * BYTE_US
    world.clock.advance_to(2_000_000)
    assert chip.heard == [(900, b"A" * 900), (901, b"B")] and not port.unsent_us
    port.write(b"C")
    world.clock.advance_to(3_000_000)
    assert chip.heard[2:] == [(2001, b"C")]


@pytest.mark.parametrize(("fifo_bytes", "room"), [(0, TX_FIFO_BYTES), (RP2_FIFO_BYTES, 0)])
def test_the_end_of_the_program_is_the_end_of_what_it_wrote(fifo_bytes: int, room: int) -> None:
    """Half of it has passed: an ESP32 waits for its FIFO, an RP2 for nothing; the word behind is never sent."""
    world, chip, port = line(fifo_bytes)
    port.write(bytes(range(200)) * 2)
    port.write(b"B")
    world.clock.advance_to(200 * BYTE_US)
    port.stop()
    world.clock.advance_to(1_000_000)
    assert chip.heard == [(200 + room, bytes(range(200)) + bytes(range(room)))]


def test_a_new_speed_leaves_what_was_written_before() -> None:
    """The word that tells a chip of its new speed passes at the old one, though the port is opened anew behind it."""
    world, chip, port = line()
    port.write(b"faster")
    port.start(20_000, 256)
    world.clock.advance_to(1_000_000)
    assert chip.heard == [(6, b"faster")]
