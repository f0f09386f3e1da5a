"""The boot loader in the ROM of an ESP32 or ESP32-S3, for the real esptool: it writes into the board's simulated flash.

Source: esptool documentation, "Serial Protocol" (commands, packets, status bytes, error codes). esptool may upload its stub, a
program for the chip's processor; nothing here runs that. Once all of it has arrived and is started, this boot loader greets as
the stub does and speaks the stub's dialect of the protocol itself. Speeds of the line and times of the flash are not kept.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

from hw_sim.board import Board
from hw_sim.shell.romchip import Registers
from hw_sim.shell.romflash import BAD_FLASH, BAD_SUM, FAILED, INVALID, UNKNOWN, Reading, Refused, Write
from hw_sim.shell.slip import Reader, packed
from hw_sim.silicon.flash import FlashError, FlashFailure, NorFlash

MOST_BYTES = 24 + (16 << 10)  # the longest packet: head, and a block of the stub's
_HEAD = struct.Struct("<BBHI")
_SYNC_BODY = b"\x07\x07\x12\x20" + b"\x55" * 32
SYNC = packed(_HEAD.pack(0, 0x08, len(_SYNC_BODY), 0) + _SYNC_BODY)
_SYNCS = 8  # answers to one SYNC
_ROM_VALUE = 0x20120707  # what the ROM's answers to SYNC bear, where the stub's bear 0
_CHECKSUM = 0xEF
_ROM_READ_BYTES = 64
_GREETING = b"OHAI"


class RomLoader:
    """The boot loader of one chip. It begins with the first SYNC: the lines that reset a real board into it do not exist on a
    pseudo-terminal. `active`: it runs, and the board's program does not.
    """

    def __init__(self, flash: NorFlash, registers: Registers, send: Callable[[bytes], None]) -> None:
        self._flash, self._registers, self._send = flash, registers, send
        self.active = False
        self.stub = False  # the dialect spoken
        self._heard = b""  # of what is no boot loader's business, the end: a SYNC may come in two pieces
        self._commands: dict[int, Callable[[bytes], bytes]] = {
            0x02: self._flash_begin,
            0x03: self._flash_data,
            0x04: self._flash_end,
            0x05: self._ram_begin,
            0x06: self._ram_end,
            0x07: self._ram_data,
            0x09: self._write_register,
            0x0A: self._read_register,
            0x0B: self._nothing,  # SPI_SET_PARAMS: the simulated flash knows its size
            0x0D: self._attach,
            0x0F: self._nothing,  # CHANGE_BAUDRATE: a pseudo-terminal has no speed
            0x10: self._deflated_begin,
            0x11: self._flash_data,
            0x12: self._flash_end,
            0x13: self._md5,
        }
        self._rom_commands = {0x0E: self._read_slowly}
        if registers.kind.number is not None:
            self._rom_commands[0x14] = self._security_info
        self._stub_commands = {
            0x14: self._security_info,
            0xD0: self._erase_all,
            0xD1: self._erase_region,
            0xD2: self._read,
            0xD3: self._run,
        }
        self._reset()

    @classmethod
    def of(cls, board: Board, send: Callable[[bytes], None]) -> RomLoader:
        """That of the board's chip; HwSimError for a chip that esptool has nothing to do with."""
        registers = Registers(board.description.machine, board.unique_id, len(board.flash.data))
        return cls(board.flash, registers, send)

    def _reset(self) -> None:
        """The ROM starts."""
        self.stub = self._attached = False
        self._reader = Reader(MOST_BYTES)
        self._write: Write | None = None
        self._ram_left: int | None = None  # bytes that are to come into RAM
        self._value = 0
        self._after: Callable[[], None] | None = None  # what follows an answer
        self._reading: Reading | None = None

    # --- the line

    def takes(self, data: bytes) -> bool:
        """Whether what was typed is the boot loader's, who has then acted on it. PowerLost if the flash's supply goes."""
        if not self.active:
            data = self._heard + data
            _, sync, behind = data.partition(SYNC)
            self._heard = data[1 - len(SYNC) :] if not sync else b""
            if not sync:
                return False
            self.active, data = True, sync + behind
            self._reset()
        reader = self._reader
        for packet in reader.feed(data):
            self._packet(packet)
        if reader.strayed:  # somebody types: whoever had the port has left it, and the reset that follows was not seen
            self.leave()
        return self.active or not reader.strayed

    def unplugged(self) -> None:
        """Nobody has the port any more. A board that ran the stub starts: whoever leaves a real one in its boot loader has
        told the stub so, and all others reset it, or pull the cable that feeds it."""
        self.active = self.active and not self.stub
        self._heard = b""

    def look(self) -> None:
        """Nothing comes but by the line."""

    def leave(self) -> None:
        """The board starts anew, with its program."""
        self.active = False
        self._reset()

    def _packet(self, packet: bytes) -> None:
        if self._reading is not None and len(packet) == 4:
            self._send_more(self._reading, int.from_bytes(packet, "little"))
            return
        if len(packet) < _HEAD.size or packet[0] != 0:
            return
        _, op, size, checksum = _HEAD.unpack_from(packet)
        body = packet[_HEAD.size :]
        if op == 0x08:
            self._synchronise(body)
            return
        self._value, self._after = 0, None
        try:
            data = self._done(op, size, checksum, body)
        except Refused as refused:
            self._answer(op, b"", refused.stub if self.stub else refused.rom)
            return
        self._answer(op, data)
        if self._after is not None:
            self._after()

    def _done(self, op: int, size: int, checksum: int, body: bytes) -> bytes:
        command = self._commands.get(op) or (self._stub_commands if self.stub else self._rom_commands).get(op)
        if command is None:
            raise Refused(*UNKNOWN)
        if size != len(body):
            raise Refused(*INVALID)
        if op in (0x03, 0x07, 0x11) and checksum != _summed(body[16:]):
            raise Refused(*BAD_SUM)
        try:
            return command(body)
        except struct.error:
            raise Refused(*INVALID) from None
        except (FlashError, FlashFailure):
            raise Refused(*BAD_FLASH) from None

    def _answer(self, op: int, data: bytes, error: int = 0) -> None:
        status = bytes([error, 0]) if self.stub else bytes([error != 0, error, 0, 0])
        head = _HEAD.pack(1, op, len(data) + len(status), self._value)
        self._send(packed(head + data + status))

    def _synchronise(self, body: bytes) -> None:
        if body == _SYNC_BODY:
            self._value = 0 if self.stub else _ROM_VALUE
            for _ in range(_SYNCS):
                self._answer(0x08, b"")

    # --- registers

    def _nothing(self, body: bytes) -> bytes:
        return b""

    def _attach(self, body: bytes) -> bytes:
        self._attached = True
        return b""

    def _read_register(self, body: bytes) -> bytes:
        self._value = self._registers.read(*struct.unpack("<I", body))
        return b""

    def _write_register(self, body: bytes) -> bytes:
        for address, value, mask, _delay_us in struct.iter_unpack("<IIII", body):
            self._registers.write(address, value, mask)
        return b""

    def _security_info(self, body: bytes) -> bytes:
        """No security feature is on; the image number of the chip."""
        return struct.pack("<I8xII", 0, self._registers.kind.number or 0, 0)

    # --- RAM: counted, not kept

    def _ram_begin(self, body: bytes) -> bytes:
        self._ram_left = struct.unpack("<IIII", body)[0]
        return b""

    def _ram_data(self, body: bytes) -> bytes:
        size = struct.unpack_from("<I", body)[0]
        if self._ram_left is None or size != len(body) - 16 or size > self._ram_left:
            raise Refused(*FAILED)
        self._ram_left -= size
        return b""

    def _ram_end(self, body: bytes) -> bytes:
        stay, _entry = struct.unpack("<II", body)
        if self._ram_left != 0:
            raise Refused(*FAILED)
        if not stay:
            self._after = self._greet
        return b""

    def _greet(self) -> None:
        self.stub, self._ram_left, self._write = True, None, None
        self._send(packed(_GREETING))

    # --- flash

    def _flash_begin(self, body: bytes) -> bytes:
        return self._begin(body, deflated=False)

    def _deflated_begin(self, body: bytes) -> bytes:
        return self._begin(body, deflated=True)

    def _begin(self, body: bytes, *, deflated: bool) -> bytes:
        size, _blocks, _block_bytes, offset = struct.unpack_from("<IIII", body)
        self._ready()
        self._write = Write(self._flash, offset, size, deflated=deflated, erased=not self.stub)
        return b""

    def _ready(self) -> None:
        """The ROM reaches no flash before SPI_ATTACH."""
        if not (self._attached or self.stub):
            raise Refused(*BAD_FLASH)

    def _flash_data(self, body: bytes) -> bytes:
        size, number = struct.unpack_from("<II", body)
        if self._write is None or size != len(body) - 16:
            raise Refused(*FAILED)
        self._write.take(number, body[16:])
        return b""

    def _flash_end(self, body: bytes) -> bytes:
        """0 restarts; the ROM starts the program either way, the stub goes on, or back to the ROM."""
        (stay,) = struct.unpack("<I", body)
        if self._write is None:
            raise Refused(*FAILED)
        self._write = None
        if not self.stub:
            self._after = self.leave
        elif not stay:
            self._after = self._reset
        return b""

    def _run(self, body: bytes) -> bytes:
        self._after = self.leave
        return b""

    def _md5(self, body: bytes) -> bytes:
        self._ready()
        offset, size = struct.unpack_from("<II", body)
        digest = hashlib.md5(self._flash.read(offset, size), usedforsecurity=False)
        return digest.digest() if self.stub else digest.hexdigest().encode()

    def _erase_all(self, body: bytes) -> bytes:
        self._flash.erase(0, len(self._flash.data))
        return b""

    def _erase_region(self, body: bytes) -> bytes:
        self._flash.erase(*struct.unpack("<II", body))
        return b""

    def _read_slowly(self, body: bytes) -> bytes:
        self._ready()
        offset, size = struct.unpack("<II", body)
        if size > _ROM_READ_BYTES:
            raise Refused(*INVALID)
        return self._flash.read(offset, size).ljust(_ROM_READ_BYTES, b"\x00")

    def _read(self, body: bytes) -> bytes:
        """The stub's way: packets as the host says what has arrived."""
        reading = self._reading = Reading(self._flash, *struct.unpack("<IIII", body))
        self._after = lambda: self._send_more(reading, 0)
        return b""

    def _send_more(self, reading: Reading, arrived: int) -> None:
        for packet in reading.after(arrived):
            self._send(packed(packet))
        if reading.ended:
            self._reading = None


def _summed(data: bytes) -> int:
    found = _CHECKSUM
    for byte in data:
        found ^= byte
    return found
