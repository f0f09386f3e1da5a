"""The board's end of a UART: a receive buffer of finite size, and a line that takes its time."""

import random

from hw_sim.chips.base import UartChip
from hw_sim.clock import VirtualClock

BITS_PER_BYTE = 10  # 8N1


class UartPort:
    """One UART with a chip at its other end. Speeds that differ turn every byte into noise, as on the wire."""

    def __init__(self, clock: VirtualClock, chip: UartChip, rng: random.Random) -> None:
        self._clock, self._chip, self._rng = clock, chip, rng
        chip.emit = self._from_chip
        self._life = 0  # bytes that were on the line when the port closed belong to nobody
        self.open = False
        self.baudrate = 0
        self._rxbuf = 0
        self._line_free_us = 0
        self.received = bytearray()
        self.overrun_bytes = 0
        self.deaf = False  # light sleep stops the receiver

    def start(self, baudrate: int, rxbuf: int) -> None:
        """Opens it with an empty buffer."""
        self.stop()
        self.open, self.baudrate, self._rxbuf = True, baudrate, rxbuf

    def stop(self) -> None:
        """Closes it."""
        self._life += 1
        self.open = False
        self.received.clear()

    def _from_chip(self, data: bytes) -> None:
        begin = max(self._clock.now_us, self._line_free_us)
        self._line_free_us = begin + len(data) * BITS_PER_BYTE * 1_000_000 // self._chip.baudrate
        speed, life = self._chip.baudrate, self._life
        self._clock.at(self._line_free_us, lambda: self._arrive(data, speed, life))

    def _arrive(self, data: bytes, speed: int, life: int) -> None:
        if life != self._life or not self.open or self.deaf:
            return
        if speed != self.baudrate:
            data = self._rng.randbytes(max(1, len(data) * self.baudrate // speed))
        room = self._rxbuf - len(self.received)
        self.overrun_bytes += max(0, len(data) - room)
        self.received += data[:room]

    def read(self, n: int) -> bytes:
        """Up to n bytes of what has come."""
        data = bytes(self.received[:n])
        del self.received[:n]
        return data

    def write(self, data: bytes) -> None:
        """Sends to the chip; it hears the bytes when the last one has passed."""
        took_us = len(data) * BITS_PER_BYTE * 1_000_000 // self.baudrate
        heard = data if self.baudrate == self._chip.baudrate else self._rng.randbytes(len(data))
        self._clock.after(took_us, lambda: self._chip.receive(heard))
