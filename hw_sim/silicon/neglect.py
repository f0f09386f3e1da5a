"""Stretches of time in which nobody empties a UART's FIFO: flash is written, and no code that lies in flash runs.

An ESP32 has its cache off meanwhile, and MicroPython's UART interrupt handler is not in IRAM (esp-idf #2424); the bytes wait in
the FIFO, and those beyond it are lost.
"""

from collections import deque

ESP32_FIFO_BYTES = 128  # ESP32 and ESP32-S3 technical reference manuals, UART: the share of each UART's receive FIFO
FULL_BYTES = 120  # esp-idf, uart.c, UART_FULL_THRESH_DEFAULT: so many bytes call for an interrupt
REST_BYTES = 10  # esp-idf, uart.c, UART_TOUT_THRESH_DEFAULT: or a rest of the line for so many bytes
REMEMBERED = 1024  # stretches that no byte has met yet; the longest burst of a receiver meets a few


class Neglect:
    """The FIFO of one UART, which is empty but for such stretches and what has not called for an interrupt yet."""

    def __init__(self, fifo_bytes: int = ESP32_FIFO_BYTES) -> None:
        self._fifo_bytes = fifo_bytes
        self._spans: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)
        self._waiting = 0  # bytes in the FIFO
        self._last_us = 0.0  # when the last one came

    def add(self, from_us: int, until_us: int) -> None:
        """Nobody hears in that stretch; they come in the order of time."""
        self._spans.append((from_us, until_us))

    def clear(self) -> None:
        """The port was closed."""
        self._spans.clear()
        self._waiting = 0

    def heard(self, data: bytes, begin_us: float, byte_us: float) -> bytes:
        """What is left of a burst whose n-th byte (from 1) came at begin_us + n * byte_us, all of them by now."""
        if self._spans:
            return bytes(byte for n, byte in enumerate(data, 1) if self._takes(begin_us + n * byte_us, byte_us))
        if begin_us - self._last_us > REST_BYTES * byte_us:
            self._waiting = 0
        self._waiting = (self._waiting + len(data)) % FULL_BYTES
        self._last_us = begin_us + len(data) * byte_us
        return data

    def _takes(self, at_us: float, byte_us: float) -> bool:
        """A byte comes; whether there is room for it."""
        rest_us = REST_BYTES * byte_us
        while self._spans and self._spans[0][1] < at_us:
            _, end_us = self._spans.popleft()
            if self._waiting >= FULL_BYTES or end_us - self._last_us > rest_us:
                self._waiting = 0  # the interrupt that was due all the time came at its end
        held = bool(self._spans) and self._spans[0][0] < at_us
        if self._last_us + rest_us < (self._spans[0][0] if held else at_us):
            self._waiting = 0
        self._last_us = at_us
        if held and self._waiting >= self._fifo_bytes:
            return False
        self._waiting += 1
        if not held and self._waiting >= FULL_BYTES:
            self._waiting = 0
        return True
