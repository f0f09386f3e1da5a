"""The board's end of a UART: a receive buffer of finite size, and a line that takes its time."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hw_sim.chips.base import UartChip
from hw_sim.silicon.neglect import Neglect
from hw_sim.world.clock import Handle, VirtualClock

BITS_PER_BYTE = 10  # 8N1
RP2_FIFO_BYTES = 32  # RP2040 data sheet, 4.2: what the UART itself holds
TX_FIFO_BYTES = 128  # ESP32-S3 TRM; ESP-IDF waits until it is empty: esp_restart_noos, flush_uarts of deep sleep
TRIGGER_BYTES = 24  # ports/rp2/machine_uart.c: so many in the FIFO call for an interrupt, or a rest of the line does


@dataclass
class _Burst:
    """Bytes on the line: the n-th has come at begin_us + n * byte_us."""

    data: bytes
    begin_us: int
    byte_us: float
    taken: int = 0


@dataclass
class _Sent:
    """What the program wrote in one go, from its first byte on the line; `heard` is what the chip makes of it."""

    heard: bytes
    begin_us: int
    baudrate: int
    handle: Handle | None = None

    def after_us(self, n_bytes: int) -> int:
        """When so many bytes have passed."""
        return self.begin_us + n_bytes * BITS_PER_BYTE * 1_000_000 // self.baudrate


class UartPort:
    """One UART with a chip at its other end. Speeds that differ turn every byte into noise, as on the wire.

    With `fifo_bytes` bytes come one by one, and those that come while nobody hears (`neglect`) are lost beyond what the FIFO
    holds; without, what a burst brings comes at its end, but for what an ESP32's FIFO could not hold meanwhile.
    """

    def __init__(self, clock: VirtualClock, chip: UartChip, rng: random.Random, fifo_bytes: int = 0) -> None:
        self._clock, self._chip, self._rng, self._fifo_bytes = clock, chip, rng, fifo_bytes
        chip.emit = self._from_chip
        self._life = 0  # bytes that were on the line when the port closed belong to nobody
        self.open = False
        self.baudrate = 0
        self._rxbuf = 0
        self._line_free_us = 0
        self._sending: deque[_Sent] = deque()
        self._line: deque[_Burst] = deque()
        self._since_drained = 0  # bytes that have come since the program last emptied the FIFO
        self._last_us = 0
        self._neglected = (0, 0, 0)  # from, until, room in the FIFO at the start
        self._neglect = Neglect()  # the same without `fifo_bytes`
        self._received = bytearray()
        self.overrun_bytes = 0
        self.lost_bytes = 0  # in the FIFO
        self.deaf = False  # light sleep stops the receiver
        self.heard: Callable[[int], None] | None = None  # 1: bytes came, 2: and the line rests behind them

    def leads_to(self, chip: object) -> bool:
        """That chip is at its other end."""
        return self._chip is chip

    def start(self, baudrate: int, rxbuf: int) -> None:
        """Opens it with an empty buffer; what was written before still passes at its own speed."""
        self._forget()
        self.open, self.baudrate, self._rxbuf = True, baudrate, rxbuf

    def stop(self) -> None:
        """Closes it; of what was written only the bytes in an ESP32's FIFO still pass."""
        self._forget()
        self._drop(0 if self._fifo_bytes else TX_FIFO_BYTES)

    def _forget(self) -> None:
        self._life += 1
        self.open = False
        self._received.clear()
        self._line.clear()
        self._neglect.clear()

    @property
    def received(self) -> bytearray:
        """What has come and was not read; looking at it empties the FIFO."""
        self._hear()
        self._since_drained = 0
        return self._received

    def neglect(self, us: int) -> None:
        """Nobody hears for so long from now: interrupts are off."""
        if not self._fifo_bytes:
            if self.open:
                self._neglect.add(self._clock.now_us, self._clock.now_us + us)
            return
        self._hear()
        resting = self._clock.now_us - self._last_us > 4 * BITS_PER_BYTE * 1_000_000 // max(self.baudrate, 1)
        waiting = 0 if resting else self._since_drained % TRIGGER_BYTES
        self._neglected = self._clock.now_us, self._clock.now_us + us, self._fifo_bytes - waiting

    def _from_chip(self, data: bytes) -> None:
        begin = max(self._clock.now_us, self._line_free_us)
        self._line_free_us = begin + len(data) * BITS_PER_BYTE * 1_000_000 // self._chip.baudrate
        speed, life = self._chip.baudrate, self._life
        if not self._fifo_bytes:
            byte_us = BITS_PER_BYTE * 1e6 / speed
            self._clock.at(self._line_free_us, lambda: self._burst(self._as_heard(data, speed), begin, byte_us, life))
        elif self.open and not self.deaf:
            self._line.append(_Burst(self._as_heard(data, speed), begin, BITS_PER_BYTE * 1e6 / self.baudrate))
            for us in (begin + BITS_PER_BYTE * 1_000_000 // self.baudrate + 1, self._line_free_us):
                self._clock.at(us, self._hear)  # a program that waits for bytes looks then

    def _as_heard(self, data: bytes, speed: int) -> bytes:
        if speed == self.baudrate or not self.open:
            return data
        return self._rng.randbytes(max(1, len(data) * self.baudrate // speed))

    def _burst(self, data: bytes, begin_us: int, byte_us: float, life: int) -> None:
        """All of a burst has come."""
        if life == self._life and self.open and not self.deaf:
            kept = self._neglect.heard(data, begin_us, byte_us)
            self.lost_bytes += len(data) - len(kept)
            self._arrive(kept, life)

    def _arrive(self, data: bytes, life: int) -> None:
        if life != self._life or not self.open or self.deaf:
            return
        room = self._rxbuf - len(self._received)
        self.overrun_bytes += max(0, len(data) - room)
        self._received += data[:room]
        if self.heard is not None:
            rests = self._clock.now_us >= self._line_free_us
            self.heard(1 | 2 * rests)

    def _hear(self) -> None:
        """Takes in what has come by now."""
        while self._line:
            burst = self._line[0]
            come = min(len(burst.data), int((self._clock.now_us - burst.begin_us) / burst.byte_us))
            for n in range(burst.taken, come):
                self._take(burst.data[n : n + 1], round(burst.begin_us + (n + 1) * burst.byte_us))
            burst.taken = max(come, burst.taken)
            if come < len(burst.data):
                return
            self._line.popleft()

    def _take(self, byte: bytes, at_us: int) -> None:
        begin_us, end_us, room = self._neglected
        if begin_us < at_us <= end_us:
            if not room:
                self.lost_bytes += 1
                return
            self._neglected = begin_us, end_us, room - 1
        self._since_drained += 1
        self._last_us = at_us
        self._arrive(byte, self._life)

    def read(self, n: int) -> bytes:
        """Up to n bytes of what has come."""
        received = self.received
        data = bytes(received[:n])
        del received[:n]
        return data

    def write(self, data: bytes) -> None:
        """Sends to the chip behind what was written before; it hears the bytes when the last one has passed."""
        heard = data if self.baudrate == self._chip.baudrate else self._rng.randbytes(len(data))
        self._send(_Sent(heard, self._clock.now_us + self.unsent_us, self.baudrate))

    def _send(self, sent: _Sent) -> None:
        self._sending.append(sent)
        sent.handle = self._clock.at(sent.after_us(len(sent.heard)), self._has_passed)

    def _has_passed(self) -> None:
        self._chip.receive(self._sending.popleft().heard)

    @property
    def unsent_us(self) -> int:
        """How long the line is still busy with what was written."""
        last = self._sending[-1] if self._sending else None
        return max(0, last.after_us(len(last.heard)) - self._clock.now_us) if last else 0

    def _drop(self, room: int) -> None:
        """The program is gone: so many bytes behind those that have passed are still sent, the others never."""
        waiting, self._sending = self._sending, deque()
        for sent in waiting:
            if sent.handle is not None:
                sent.handle.cancel()
            passed = sum(sent.after_us(n) <= self._clock.now_us for n in range(1, len(sent.heard) + 1))
            kept = min(len(sent.heard), passed + room)
            room -= kept - passed
            if kept:
                self._send(_Sent(sent.heard[:kept], sent.begin_us, sent.baudrate))
