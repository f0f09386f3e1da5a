"""What every simulated chip offers to the board, and what the board offers to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from hw_sim.errors import NotSimulated
from hw_sim.world.clock import Handle, World

if TYPE_CHECKING:
    from hw_sim.silicon.i2c import I2cBus


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


@dataclass(slots=True)  # a misspelt fault is an error, not a test that is green for nothing
class ChipFaults:
    """What is wrong with a chip on an I2C bus at present; assign `ChipFaults()` for nothing.

    `absent`: it never acknowledges, as if torn off. `nack`: that transaction from now (1 = the next; each START with its
    address is one) is not acknowledged, once. `flip`: these bits of each byte read are turned. `answer`: it says these
    bytes instead, over and over. `identity`: its identity register holds this. `stretch_us`: it holds the clock line so
    long for each byte. `frozen`: it converts nothing any more, what it measured last stays. `checksum`: these bits of each
    checksum are turned, in chips that send them.
    """

    absent: bool = False
    nack: int = 0
    flip: int = 0
    answer: bytes = b""
    identity: int | None = None
    stretch_us: int = 0
    frozen: bool = False
    checksum: int = 0


class I2cChip(ABC):
    """A chip on an I2C bus, byte by byte: `begin`, then `take` or `give`, then `end`. Subclasses hold the registers.

    `on_state(state, current in µA)` hears each change of what the chip draws from its supply.
    """

    senses: ClassVar[str] = ""  # under this name a board lists it
    boot_us: ClassVar[int] = 0  # from power to the first acknowledgement
    honours: ClassVar[tuple[str, ...]] = ()  # of `identity`, `frozen`, `checksum`: which `fault` has an effect on it

    def __init__(self, world: World, address: int) -> None:
        self._clock = world.clock
        self.address = address
        self.fault = ChipFaults()
        self.on_interrupt: dict[int, Callable[[int], None]] = {}  # by number of the pin: hears its level
        self.interrupt_levels: dict[int, int] = {}  # its interrupt pins, with their level before power
        self.on_state: Callable[[str, float], None] = lambda state, ua: None
        self.bus: I2cBus | None = None
        self.power_ons = 0
        self.powered = False
        self._on_since_us = 0
        self._powered_us = 0
        self._said = 0

    # --- supply

    @property
    def powered_s(self) -> float:
        """Time under power since the world began, in s."""
        running = self._clock.now_us - self._on_since_us if self.powered else 0
        return (self._powered_us + running) / 1e6

    @property
    @abstractmethod
    def converted(self) -> int:
        """Conversions that were finished since the supply came."""

    def power(self, on: bool) -> None:
        """Supply on or off."""
        if on == self.powered:
            return
        self.powered = on
        if on:
            self.power_ons += 1
            self._on_since_us = self._clock.now_us
            self._wake()
            return
        self._powered_us += self._clock.now_us - self._on_since_us
        self._die()
        self.on_state("off", 0.0)

    @abstractmethod
    def _wake(self) -> None:
        """The supply has come: registers as the data sheet has them after power-on."""

    def _die(self) -> None:  # noqa: B027 - not every chip has something to do then
        """The supply is gone."""

    @property
    def _ready_us(self) -> int:
        """From then on it acknowledges."""
        return self._on_since_us + self.boot_us

    # --- the wires

    def begin(self, read: bool) -> bool:
        """Its address was called; whether it acknowledges."""
        if not self.powered or self.fault.absent or self._clock.now_us < self._ready_us:
            return False
        if self.fault.nack:
            self.fault.nack -= 1
            if not self.fault.nack:
                return False
        self._said = 0
        self._begin(read)
        return True

    def take(self, byte: int) -> bool:
        """A byte for it; whether it acknowledges."""
        return self._take(byte)

    def give(self) -> int:
        """A byte from it."""
        byte = self._give()
        if self.fault.answer:
            byte = self.fault.answer[self._said % len(self.fault.answer)]
        self._said += 1
        return byte ^ self.fault.flip

    def end(self) -> None:  # noqa: B027 - as above
        """STOP."""

    @abstractmethod
    def _begin(self, read: bool) -> None:
        """It acknowledges, and will be read or written."""

    @abstractmethod
    def _take(self, byte: int) -> bool:
        """A byte for it; whether it acknowledges."""

    @abstractmethod
    def _give(self) -> int:
        """A byte from it, as long as nothing is wrong with it."""


class CommandChip(I2cChip):
    """A chip without registers: a transaction is one byte, a command. One measurement is under way at most."""

    def __init__(self, world: World, address: int) -> None:
        super().__init__(world, address)
        self._forget()

    def _forget(self) -> None:
        """As after power-on."""
        self._heard = 0
        self._done = 0
        self._timer: Handle | None = None

    def _die(self) -> None:
        self._stop()

    def _stop(self) -> None:
        """The measurement under way comes to nothing."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    @property
    def converted(self) -> int:
        """Measurements that were finished since the supply came."""
        return self._done

    def _begin(self, read: bool) -> None:
        self._heard = 0

    def _take(self, byte: int) -> bool:
        self._heard += 1
        if self._heard > 1:
            raise NotSimulated(
                f"{type(self).__name__.lower()}: more than one byte in a transaction, without a STOP between"
            )
        return self._command(byte)

    @abstractmethod
    def _command(self, byte: int) -> bool:
        """A command for it; whether it acknowledges."""


class WordChip(I2cChip):
    """A chip of 16-bit registers: a pointer byte, then two bytes of a word, in the order `byteorder`.

    A word takes effect with its second byte. Further bytes read as 0xFF: no data sheet promises more.
    """

    byteorder: ClassVar[Literal["big", "little"]] = "big"

    def __init__(self, world: World, address: int) -> None:
        super().__init__(world, address)
        self._pointer = 0
        self._heard = bytearray()
        self._word = b""

    def _begin(self, read: bool) -> None:
        self._heard.clear()
        if read:
            self._word = self.read_word(self._pointer).to_bytes(2, self.byteorder)

    def _take(self, byte: int) -> bool:
        self._heard.append(byte)
        if len(self._heard) == 1:
            self._pointer = byte
        elif len(self._heard) == 3:
            self.write_word(self._pointer, int.from_bytes(self._heard[1:], self.byteorder))
        return True

    def _give(self) -> int:
        return self._word[self._said] if self._said < 2 else 0xFF

    @abstractmethod
    def read_word(self, register: int) -> int:
        """A register is read, with what that does to flags. NotSimulated for one that the data sheet does not name."""

    @abstractmethod
    def write_word(self, register: int, value: int) -> None:
        """A register is written."""
