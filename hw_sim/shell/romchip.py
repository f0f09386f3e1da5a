"""What esptool reads of an ESP32 or ESP32-S3 before it writes: identity, revision, crystal, and the flash chip behind the SPI.

Source: ESP32 and ESP32-S3 Technical Reference Manuals (eFuse Controller, SPI Controller, UART Controller); the number at
0x40001000 and the numbers of images: esptool documentation, ESP-IDF esp_app_format.h. A register not listed reads 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hw_sim.errors import HwSimError

_CHIP_MAGIC = 0x40001000  # a word of the ROM that differs from chip to chip
_USER_COMMAND = 1 << 18  # SPI_CMD_REG: runs the command in SPI_USER2_REG; 0 again when it is done
_WINBOND_NOR = 0x40EF  # JEDEC: manufacturer, type; the third byte is the capacity as a power of two
_READ_ID, _READ_SFDP, _SFDP = 0x9F, 0x5A, 0x50444653  # "SFDP" (JESD216)
_SPI_BYTES = 0x100  # of the controller's registers


@dataclass(frozen=True)
class Kind:
    """One chip. `number` is the one that images bear; a ROM that does not tell it has None."""

    name: str
    magic: int
    number: int | None
    spi: int  # base of the SPI controller of the flash
    user2: int  # offsets: command byte, address, first word of data
    data: int
    mac: int  # eFuse: two words, the lower first
    fixed: dict[int, int] = field(default_factory=dict)


KINDS = {
    "ESP32S3": Kind(
        "ESP32-S3",
        magic=9,
        number=9,
        spi=0x60002000,
        user2=0x20,
        data=0x58,
        mac=0x60007044,
        fixed={0x60007050: 2 << 18},  # revision v0.2
    ),
    "ESP32": Kind(
        "ESP32",
        magic=0x00F01D83,
        number=None,
        spi=0x3FF42000,
        user2=0x24,
        data=0x80,
        mac=0x3FF5A004,
        fixed={
            0x3FF5A00C: 1 << 15,  # revision v3: one bit each in EFUSE_BLK0 3 and 5 and in APB_CTRL_DATE
            0x3FF5A014: 1 << 20,
            0x3FF6607C: 1 << 31,
            0x3FF40014: 40_000_000 // 115_200,  # UART_CLKDIV: a crystal of 40 MHz at the ROM's speed
            0x3FF5A010: 100,  # the same crystal by the ROM's own measure: 1024 * 15625 * 100 / 40
            0x3FF5F06C: 1024 << 7,
        },
    ),
}
_ADDRESS = 0x04  # SPI_ADDR_REG, of both


class Registers:
    """The registers of one board's chip."""

    def __init__(self, machine: str, unique_id: bytes, flash_bytes: int) -> None:
        """`machine` as `os.uname()` has it. HwSimError for a chip without such a boot loader."""
        found = next((kind for word, kind in KINDS.items() if machine.endswith(f"with {word}")), None)
        if found is None:
            raise HwSimError(f"{machine}: has no boot loader for esptool; take a board with an ESP32 or ESP32-S3")
        self.kind = found
        self._words = {_CHIP_MAGIC: found.magic, **found.fixed}
        self._words[found.mac] = int.from_bytes(unique_id[-4:], "big")
        self._words[found.mac + 4] = int.from_bytes(unique_id[:-4], "big")
        self._jedec = _WINBOND_NOR | (flash_bytes.bit_length() - 1) << 16

    def read(self, address: int) -> int:
        """A word; 0 for what is not simulated."""
        return self._words.get(address, 0)

    def write(self, address: int, value: int, mask: int) -> None:
        """Sets the bits of `mask`. Only the SPI controller takes anything; a command there is done at once."""
        at = address - self.kind.spi
        if not 0 <= at < _SPI_BYTES:
            return
        self._words[address] = self.read(address) & ~mask | value & mask
        if at == 0 and self.read(address) & _USER_COMMAND:
            self._words[address] &= ~_USER_COMMAND
            self._words[self.kind.spi + self.kind.data] = self._asked()

    def _asked(self) -> int:
        """What the flash chip answers to the command byte in the registers."""
        command = self.read(self.kind.spi + self.kind.user2) & 0xFF
        if command == _READ_ID:
            return self._jedec
        return _SFDP if command == _READ_SFDP and not self.read(self.kind.spi + _ADDRESS) else 0
