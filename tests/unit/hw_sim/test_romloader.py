"""The simulated boot loader of an ESP32, asked packet by packet; tests/system/test_shell_image.py asks it with the real esptool."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_sim.errors import HwSimError
from hw_sim.shell.romchip import Registers
from hw_sim.shell.romloader import MOST_BYTES, SYNC, RomLoader
from hw_sim.shell.slip import Reader, packed
from hw_sim.silicon.flash import NorFlash, PowerLost

SIZE = 64 << 10
S3, ESP32, PICO = (f"Generic module with {name}" for name in ("ESP32S3", "ESP32", "RP2040"))
BEGIN, DATA, END, MEM_BEGIN, MEM_END, MEM_DATA = range(2, 8)
WRITE_REG, READ_REG, ATTACH, READ_SLOW, BAUD = 0x09, 0x0A, 0x0D, 0x0E, 0x0F
DEFL_BEGIN, DEFL_DATA, MD5, SECURITY, ERASE, READ, RUN = 0x10, 0x11, 0x13, 0x14, 0xD1, 0xD2, 0xD3


class Answer(NamedTuple):
    """What a command got."""

    value: int
    data: bytes
    error: int


class Host:
    """One end of a line, the boot loader at the other."""

    def __init__(self, machine: str = S3, *, stub: bool = False) -> None:
        self.flash = NorFlash(SIZE)
        self.out = bytearray()
        registers = Registers(machine, bytes.fromhex("240ac4b2c3d4"), SIZE)
        self.loader = RomLoader(self.flash, registers, self.out.extend)
        assert self.loader.takes(SYNC)
        assert len(self.heard()) == 8
        self.ask(ATTACH, bytes(8))
        if stub:
            self.start_stub()

    def start_stub(self) -> None:
        """Uploads a program, which is taken for the stub."""
        self.ask(MEM_BEGIN, struct.pack("<IIII", 100, 1, 100, 0x40370000))
        self.block(MEM_DATA, 0, bytes(100))
        self.say(MEM_END, struct.pack("<II", 0, 0x40370000))
        answer, greeting = self.heard()
        assert (answer[8:], greeting) == (bytes(4), b"OHAI")

    def say(self, op: int, body: bytes = b"", checksum: int = 0) -> None:
        """Sends a command."""
        assert self.loader.takes(packed(struct.pack("<BBHI", 0, op, len(body), checksum) + body))

    def heard(self) -> list[bytes]:
        """The packets that have come."""
        data = bytes(self.out)
        self.out.clear()
        return Reader(MOST_BYTES).feed(data)

    def ask(self, op: int, body: bytes = b"", checksum: int = 0) -> Answer:
        """A command and its one answer."""
        self.say(op, body, checksum)
        [packet] = self.heard()
        direction, echoed, size, value = struct.unpack_from("<BBHI", packet)
        assert (direction, echoed, size) == (1, op, len(packet) - 8)
        if self.loader.stub:
            return Answer(value, packet[8:-2], packet[-2])
        assert packet[-4] == (packet[-3] != 0)
        return Answer(value, packet[8:-4], packet[-3])

    def block(self, op: int, number: int, data: bytes, *, wrong: int = 0) -> Answer:
        """A block with its checksum, or one that is wrong."""
        checksum = 0xEF ^ wrong
        for byte in data:
            checksum ^= byte
        return self.ask(op, struct.pack("<IIII", len(data), number, 0, 0) + data, checksum)

    def begin(self, size: int, offset: int, op: int = BEGIN) -> Answer:
        """Begins to write."""
        return self.ask(op, struct.pack("<IIIII", size, 1, 1024, offset, 0))


def test_a_board_without_such_a_boot_loader_is_refused() -> None:
    """A Pico's is a drive."""
    assert Host(ESP32).loader.active
    with pytest.raises(HwSimError, match="no boot loader for esptool"):
        Host(PICO)


def test_it_begins_with_a_whole_sync_and_not_before() -> None:
    """What is typed at a prompt is the console's, up to the last byte of a SYNC, wherever it is cut."""
    for cut in range(1, len(SYNC)):
        host = Host()
        host.loader.leave()
        assert not host.loader.takes(b"\x03\x03print(1)\r" + SYNC[:cut])
        assert not host.loader.active
        assert host.loader.takes(SYNC[cut:])
        assert host.loader.active and len(host.heard()) == 8
    host.loader.leave()
    assert not host.loader.takes(SYNC[:-2] + b"\x56\xc0")


def test_each_chip_says_what_it_is() -> None:
    """By its number or by the word of its ROM; both by the flash behind the SPI, and by the address of the radio."""
    assert struct.unpack("<I8xII", Host(S3).ask(SECURITY).data)[1] == 9
    assert Host(ESP32).ask(SECURITY).error == 0x05
    assert Host(ESP32).ask(READ_REG, struct.pack("<I", 0x40001000)).value == 0x00F01D83
    for machine, mac in ((S3, 0x60007044), (ESP32, 0x3FF5A004)):
        host = Host(machine)
        words = [host.ask(READ_REG, struct.pack("<I", at)).value for at in (mac + 4, mac)]
        assert struct.pack(">II", *words)[2:].hex() == "240ac4b2c3d4"


def test_the_rom_erases_first_and_the_stub_as_it_goes() -> None:
    """The same stretch by both; sectors around it stay."""
    for stub in (False, True):
        host, data = Host(stub=stub), random.Random(1).randbytes(5000)
        host.flash.program(0, bytes(SIZE))
        assert host.begin(5000, 4096).error == 0
        assert (host.flash.data[8192] == 0xFF) is not stub
        for number in range(5):
            part = data[number * 1024 :][:1024].ljust(1024, b"\xff")
            assert host.block(DATA, number, part).error == 0
        held = host.flash.read(0, SIZE)
        assert held[4096:9096] == data and held[9096:12288] == b"\xff" * 3192
        assert not any(held[:4096]) and not any(held[12288:])
        digest = host.ask(MD5, struct.pack("<IIII", 4096, 5000, 0, 0)).data
        wanted = hashlib.md5(data, usedforsecurity=False)
        assert digest == (wanted.digest() if stub else wanted.hexdigest().encode())


@pytest.mark.parametrize("stub", [False, True])
def test_what_is_wrong_with_a_block_is_said_and_writes_nothing(stub: bool) -> None:
    """Checksum, order, packing, and more than was announced: each in place of a block that is taken."""
    packing, data = zlib.compressobj(9), b"byleave " * 400
    block = packing.compress(data) + packing.flush()
    more = zlib.compress(data + b"!")
    host = Host(stub=stub)
    cases = [
        (0, block, 1, (0x07, 0xC1)),
        (1, block, 0, (0x06, 0xC6)),
        (0, b"\x00" + block[1:], 0, (0x0B, 0xC7)),
        (0, more, 0, (0x0B, 0xC9)),
    ]
    for number, sent, wrong, codes in cases:
        assert host.begin(3200, 0, DEFL_BEGIN).error == 0
        programs = host.flash.programs
        assert host.block(DEFL_DATA, number, sent, wrong=wrong).error == codes[stub]
        assert host.flash.programs == programs
    assert host.begin(3200, 0, DEFL_BEGIN).error == 0
    assert host.block(DEFL_DATA, 0, block).error == 0
    assert host.flash.read(0, 3200) == data


def test_what_cannot_be_is_refused() -> None:
    """Flash before it is attached, beyond its end, a sector that is bad, commands that there are not, and lengths that lie."""
    host = Host()
    host.loader.leave()
    host.loader.takes(SYNC)
    host.heard()
    assert host.begin(100, 0).error == 0x08
    host.ask(ATTACH, bytes(8))
    assert host.begin(100, 0).error == 0
    assert host.begin(8192, SIZE - 4096).error == 0x08
    assert host.flash.erases == 1
    host.flash.break_sector(0, reported=True)
    assert host.begin(100, 0).error == 0x08
    assert host.ask(0x7F).error == host.ask(ERASE, bytes(8)).error == 0x05  # the stub's alone
    assert host.ask(READ_REG, b"\0").error == host.ask(MEM_END, b"").error == 0x05
    assert host.ask(READ_SLOW, struct.pack("<II", 0, 65)).error == 0x05
    assert host.ask(READ_SLOW, struct.pack("<II", 0, 64)).data == host.flash.read(0, 64)


def test_only_a_whole_program_is_taken_for_the_stub() -> None:
    """Half of one is not started; a program that does not run is no greeting."""
    host = Host()
    host.ask(MEM_BEGIN, struct.pack("<IIII", 100, 2, 50, 0))
    host.block(MEM_DATA, 0, bytes(50))
    assert host.ask(MEM_END, struct.pack("<II", 0, 1)).error == 0x06
    host.block(MEM_DATA, 1, bytes(50))
    assert host.ask(MEM_END, struct.pack("<II", 1, 0)).error == 0 and not host.loader.stub
    host.start_stub()
    assert host.loader.stub


def test_flash_is_read_no_further_ahead_than_was_asked() -> None:
    """Packets follow what the host says has arrived, then their MD5."""
    host = Host(stub=True)
    data = random.Random(2).randbytes(2500)
    host.flash.program(100, data)
    host.say(READ, struct.pack("<IIII", 100, 2500, 1000, 2))
    _, *packets = host.heard()
    assert b"".join(packets) == data[:2000]
    host.loader.takes(packed(struct.pack("<I", 1000)))
    assert host.heard() == [data[2000:]]
    host.loader.takes(packed(struct.pack("<I", 2500)))
    assert host.heard() == [hashlib.md5(data, usedforsecurity=False).digest()]
    assert host.ask(BAUD, bytes(8)).error == 0


def test_who_leaves_decides_what_starts() -> None:
    """A port closed on the stub starts the program; one closed on the ROM, to which the stub goes back when told, stays; the
    ROM's own end of writing starts the program."""
    host = Host(stub=True)
    host.loader.unplugged()
    assert not host.loader.active
    host = Host(stub=True)
    host.begin(0, 0)
    host.say(END, struct.pack("<I", 0))
    assert not host.loader.stub
    host.loader.unplugged()
    assert host.loader.active
    for op, body in ((END, struct.pack("<I", 0)), (END, struct.pack("<I", 1))):
        host = Host()
        host.begin(0, 0)
        host.say(op, body)
        assert not host.loader.active
    host = Host(stub=True)
    host.say(RUN)
    assert not host.loader.active


@pytest.mark.parametrize("stub", [False, True])
def test_who_types_gets_the_program(stub: bool) -> None:
    """Between packets nobody who speaks to a boot loader says anything: whoever does has taken the port over unseen, and what
    was typed is the console's. What is within a packet is not taken for that, wherever it is cut."""
    host = Host(stub=stub)
    packet = packed(struct.pack("<BBHI", 0, READ_REG, 4, 0) + bytes(4))
    for cut in range(len(packet)):
        assert host.loader.takes(packet[:cut]) and host.loader.takes(packet[cut:])
        assert len(host.heard()) == 1
    assert not host.loader.takes(b"\r\x03")
    assert not host.loader.active


def test_a_cut_supply_leaves_what_was_written() -> None:
    """At the third page of a block: two are there, of the third some bits, of the fourth none."""
    host, data = Host(stub=True), bytes(1024)
    assert host.begin(1024, 0).error == 0
    host.flash.cut_after(4, random.Random(3))  # an erase and two pages come before
    with pytest.raises(PowerLost):
        host.block(DATA, 0, data)
    held = host.flash.read(0, 1024)
    assert not any(held[:512]) and held[512:768] != data[512:768] and held[768:] == b"\xff" * 256
    host.loader.leave()
    host.loader.takes(SYNC)
    assert not host.loader.stub


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=64), st.booleans()), max_size=12), st.booleans())
def test_no_packet_ends_the_simulator(packets: list[tuple[int, bytes, bool]], stub: bool) -> None:
    """Whatever comes as a packet, and between packets, is answered or dropped."""
    host = Host(stub=stub)
    for op, body, framed in packets:
        packet = struct.pack("<BBHI", 0, op, len(body), 0) + body
        host.loader.takes(packed(packet) if framed else body)
    host.out.clear()
    host.loader.leave()
    assert host.loader.takes(SYNC)


def test_a_line_of_noise_is_not_kept() -> None:
    """Bytes without an end are held up to a packet's length, and the next packet is heard."""
    reader = Reader(100)
    assert reader.feed(b"\xc0") == [] and not reader.strayed
    for _ in range(50):
        assert reader.feed(b"x" * 1000) == []
        assert len(reader._rest) == 201 and not reader.strayed
    assert reader.feed(b"\xc0" + b"y" * 1000) == []
    assert reader.strayed and not reader._rest
    assert reader.feed(packed(b"\xc0\xdb" * 50)) == [b"\xc0\xdb" * 50]
    assert reader.feed(packed(bytes(101)) + b"\xc0\xdb\x00\xc0" + packed(b"next")) == [b"next"]
