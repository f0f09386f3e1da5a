"""What every simulated chip offers to the board, and what the board offers to it."""

from collections.abc import Callable
from typing import Protocol


class UartChip(Protocol):
    """A chip at the other end of a UART.

    It sends by calling `emit`, which the board sets; bytes are on the wire for ten bit times each.
    """

    emit: Callable[[bytes], None]

    @property
    def baudrate(self) -> int:
        """Speed at which the chip sends and listens at present, in baud."""
        ...

    def power(self, on: bool) -> None:
        """Main supply on or off, by its load switch."""
        ...

    def backup_power(self, on: bool) -> None:
        """Supply of clock and backup memory on or off."""
        ...

    def receive(self, data: bytes) -> None:
        """Bytes from the board, at the chip's speed."""
        ...
