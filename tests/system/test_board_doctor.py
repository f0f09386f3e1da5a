"""The doctor's programs on simulated boards: a healthy one has nothing wrong, and each fault is found as what it is."""

from __future__ import annotations

import json
import struct
from binascii import crc32
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
import pytest

import firmware
import hw_sim
from agent.examination import chip, doctor, links, sensors, storage
from agent.examination.doctor import Wish
from agent.examination.findings import BOARD, NOT_ASKED, OK, WRONG, Device, Finding, ask
from firmware import slots
from hw_sim.board import Board
from hw_sim.chips import m10_config
from hw_sim.chips.bh1750 import Bh1750
from hw_sim.chips.lis3dh import Lis3dh
from hw_sim.chips.sht4x import Sht4x
from hw_sim.network.net import Network
from hw_sim.silicon.i2c import Controller
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive
from tests.system.doctored import SETTINGS, BoardPrompt, answering, enrol
from tests.unit.firmware.app.cellular import WIRING

pytestmark = [pytest.mark.micropython]
S3 = pytest.mark.board("esp32s3", firmware="firmware")
PICO = pytest.mark.board("pico_w", firmware="firmware")
Fault = Callable[..., Any]

NEW = Device("esp32s3", enrolled=False)
CONNACK = b"\x20\x02\x00"
ASKED: dict[str, Callable[[BoardPrompt, Device], Finding]] = {
    "board": lambda prompt, device: chip.board(prompt)[-1],
    "keys": lambda prompt, device: storage.logs(prompt)[0],
    "rules": lambda prompt, device: storage.logs(prompt)[1],
    "spool": storage.spool,
    "files": storage.files,
    "memory": lambda prompt, device: chip.memory(prompt),
    "battery": chip.battery,
    "button": lambda prompt, device: chip.pins(prompt)[0],
    "led": lambda prompt, device: chip.pins(prompt)[1],
    "receiver": sensors.receiver,
    "link": lambda prompt, device: links.link(prompt, device)[-1],
}


def asked(board: Board, part: str, device: Device = NEW, **prompt: str) -> Finding:
    """The finding of one part."""
    if not board.powered:
        board.power_on()
    at = BoardPrompt(board, **prompt)
    return sensors.sensor(at, device, part) if part in sensors.FITTED else ASKED[part](at, device)


def is_wrong(finding: Finding, seen: str) -> None:
    """It is wrong, for this reason, and says what to do."""
    assert finding.state == WRONG, finding
    assert seen in finding.seen, finding
    assert finding.do


def at_rest(board: Board) -> bool:
    """Nothing has power that a start would not give it."""
    powered = [name for name, each in board.sensors.items() if each.powered]
    return not (powered or board.gnss.powered or board.radio.active or board.led)


@pytest.mark.parametrize("name", [pytest.param("esp32s3", marks=S3), pytest.param("pico_w", marks=PICO)])
def test_a_healthy_board_has_nothing_wrong(board: Board, name: str) -> None:
    """Part after part is well, on both families; afterwards nothing has power."""
    board.network.hosts["broker.example"] = ("127.0.0.1", 1)
    with answering(CONNACK + b"\0") as address:
        board.network.hosts["broker.example"] = address
        board.power_on()
        prompt = BoardPrompt(board)
        settings = {**SETTINGS, "board": name}
        found = list(doctor.examined(prompt, Wish(settings=settings), board.world.clock.unix_s))
        doctor.left(prompt)
    assert [finding for finding in found if finding.state != OK] == []
    assert [finding.part for finding in found] == ["board", "release", *doctor.PARTS, "broker"]
    assert at_rest(board)
    # What it was told is in nothing that it said, and in no sentence.
    said = prompt.said + "".join(str(finding) for finding in found)
    assert SETTINGS["wifi"]["key"] not in said
    assert SETTINGS["broker"]["password"] not in said


@pytest.mark.board("esp32s3", firmware="firmware", drive="demo")
@pytest.mark.parametrize("enrolled", [False, True], ids=["new", "enrolled"])
def test_nothing_is_measured(board: Board, monkeypatch: pytest.MonkeyPatch, enrolled: bool) -> None:
    """Identity registers alone are read, under power for milliseconds; no chip converts. A receiver has power on a board that
    is nobody's device alone, and no digit of a position passes the cable."""
    registers: list[tuple[int, bytes]] = []
    written: list[bytes] = []
    read, write = Controller.read_mem, Controller.write_raw

    def read_mem(self: Controller, address: int, memory: bytes, n: int) -> bytes:
        registers.append((address, memory))
        return read(self, address, memory, n)

    def write_raw(self: Controller, data: bytes) -> int:
        written.append(data)
        return write(self, data)

    monkeypatch.setattr(Controller, "read_mem", read_mem)
    monkeypatch.setattr(Controller, "write_raw", write_raw)
    board.gnss.drive = Drive.demo()
    if enrolled:
        enrol(board)
    board.power_on()
    prompt = BoardPrompt(board)
    found = list(doctor.examined(prompt, Wish(), board.world.clock.unix_s))
    assert sorted(set(registers)) == [(0x10, b"\x07"), (0x18, b"\x0f"), (0x48, b"\x0f")]
    assert set(written) == {b"\x07", b"\x0f"}  # register numbers, and no command
    assert [each.converted for each in board.sensors.values()] == [0, 0, 0]
    assert all(0 < each.powered_s < 0.05 for each in board.sensors.values())
    states = {finding.part: finding.state for finding in found}
    assert states["receiver"] == (NOT_ASKED if enrolled else OK)
    assert (board.gnss.powered_s > 0) is not enrolled
    assert prompt.typed.index("hold") == 0  # the watchdog of a device that was at work
    for line in prompt.said.splitlines():
        json.loads(line)  # answers, and no bytes beside them
    assert ("\n2\n" in prompt.said) is not enrolled  # all that is said of a receiver
    there = Drive.demo().at(board.world.clock.unix_s)
    for degrees in (there.lat_deg, there.lon_deg):
        assert f"{abs(degrees):.4f}"[:-1] not in prompt.said
    assert not any(word in prompt.said for word in ("$G", "RMC", "GGA"))


@S3
def test_a_receiver_is_powered_when_asked_for(board: Board) -> None:
    """--receiver is for the person who agrees; then it is asked on a device too."""
    enrol(board)
    board.power_on()
    found = list(doctor._slow(BoardPrompt(board), Device("esp32s3", enrolled=True), Wish(receiver=True)))
    assert [finding.state for finding in found if finding.part == "receiver"] == [OK]
    assert board.gnss.powered_s > 0
    assert at_rest(board)


def test_a_board_without_firmware(board: Board) -> None:
    """MicroPython alone: the firmware is what is wrong, the rest is not asked."""
    board.program("")
    board.power_on()
    found = list(doctor.examined(BoardPrompt(board), Wish(), 0))
    assert [finding.part for finding in found if finding.state == WRONG] == ["release"]
    assert {finding.part for finding in found if finding.state == OK} == {"board", "memory"}
    assert len(found) == 2 + len(doctor.PARTS)


# --- flash


@S3
@pytest.mark.parametrize(
    ("label", "part", "seen"),
    [("bl_keys", "keys", "no record"), ("bl_rules", "rules", "no record"), ("bl_spool", "spool", "no spool")],
)
def test_regions_with_other_data(board: Board, fault: Fault, label: str, part: str, seen: str) -> None:
    """What another product left there is told from a region that is blank."""
    assert asked(board, part).state == OK
    fault("scrambled-partition", partition=label)
    is_wrong(asked(board, part), seen)


@S3
def test_keys_that_lost_bits(board: Board, fault: Fault) -> None:
    """A record that is none any more."""
    enrol(board)
    assert asked(board, "keys").seen == "one record"
    fault("flash-bit-rot", partition="bl_keys", bits=200)
    is_wrong(asked(board, "keys"), "1 of 16 places")


@S3
@pytest.mark.parametrize("part", ["keys", "spool"])
def test_worn_flash(board: Board, part: str) -> None:
    """Sequences that tell of 90 000 erases a sector; of 9 000 nothing is said."""
    row = board.partitions["bl_" + part]
    for erases, state in ((9_000, OK), (90_000, WRONG)):
        board.flash.erase(row.offset, 4096)
        if part == "keys":
            head = struct.pack(">HHI", 0x4B52, 4, erases * 16)
            data = head + struct.pack(">I", crc32(b"body", crc32(head))) + b"body"
        else:
            head = struct.pack(">II", erases * 124, 0)
            data = b"BLS1" + head + struct.pack(">I", crc32(head, 124))
        board.flash.program(row.offset, data)
        finding = asked(board, part)
        assert finding.state == state, finding
    is_wrong(finding, "90 % of the erases")


@S3
def test_a_build_without_regions(board: Board) -> None:
    """MicroPython as it is downloaded has no partition for keys."""
    del board.partitions["bl_keys"]
    is_wrong(asked(board, "keys"), "no partition bl_keys")


@PICO
def test_a_file_system_over_the_regions(board: Board) -> None:
    """The RP2 port's own file system takes all of the storage: nothing may be kept there."""
    before = "import os\nos.statvfs = lambda path: (4096, 4096, 148, 140, 140, 0, 0, 0, 0, 255)\n"
    is_wrong(asked(board, "keys", before=before), "file system over the raw regions")


@S3
def test_a_full_spool(board: Board) -> None:
    """No room before what waits is given up."""
    enrol(board)
    device = Device("esp32s3", enrolled=True, settings=SETTINGS)
    assert asked(board, "spool", device).state == OK
    board.execute(FILL)
    is_wrong(asked(board, "spool", device), "490 envelopes wait, 0 given up, 1 KiB free")


FILL = """
from firmware import boards
from firmware.flash.spool import Spool
s = Spool(boards.active().region("spool"))
while s.bytes_free() >= 2048: s.append(4, 0, b"x" * 1000)
"""
FILL_FILES = """
try:
 for n in range({blocks}):
  with open("/" + str(n), "wb") as f: f.write(bytes(4096))
except OSError: pass
"""


@PICO
@pytest.mark.parametrize(("blocks", "seen"), [(100, "full"), (15, "12 KiB free")], ids=["full", "nearly"])
def test_a_full_file_system(board: Board, blocks: int, seen: str) -> None:
    """No room, or too little for the settings beside the old ones."""
    assert asked(board, "files").state == OK
    board.execute(FILL_FILES.format(blocks=blocks))
    is_wrong(asked(board, "files"), seen)


@PICO
def test_a_damaged_file_system(board: Board, fault: Fault) -> None:
    """byleave's build leaves it unmounted."""
    assert asked(board, "files").state == OK
    fault("scrambled-partition", partition="vfs")
    is_wrong(asked(board, "files"), "cannot be used")


@S3
def test_flash_that_does_not_hold_files(board: Board, fault: Fault) -> None:
    """Sectors of the file system that take no program."""
    assert asked(board, "files").state == OK
    for sector in range(256):
        fault("flash-bad-sector", partition="vfs", sector=sector, programs=False, optional=True)
    assert asked(board, "files").state == WRONG


@S3
def test_settings_that_are_gone(board: Board, fault: Fault) -> None:
    """An ESP32's own start-up code formats what it cannot mount: a device without settings."""
    enrol(board)
    device = Device("esp32s3", enrolled=True, settings=SETTINGS)
    assert asked(board, "files", device).state == OK
    is_wrong(asked(board, "files", Device("esp32s3", enrolled=True)), "settings cannot be read")
    board.cut_power()
    fault("lost-configuration", partition="vfs")
    board.power_on()
    prompt = BoardPrompt(board)
    device, _ = doctor.known(ask(prompt, BOARD + doctor.KNOWN))
    assert device.enrolled and not device.settings
    is_wrong(storage.files(prompt, device), "settings cannot be read")


def a_slot(board: Board, version: str, *marks: int, whole: bool = True) -> None:
    """A release in slot 0 with these marks of slots.py, its image any bytes; without a version one that came by cable."""
    row = board.partitions["romfs"]
    sectors = row.size // 4096 // 2 - 1
    image = bytes(range(250)) * 20
    body = msgpack.packb([1, "esp32s3", version, 1, len(image), bytes(16), bytes(32)])
    signed = msgpack.packb([body, bytes(64)]) if version else b""
    head = slots.pack_head(3, len(image), 1, sha256(image).digest(), signed)
    board.flash.erase(row.offset, row.size // 2)
    board.flash.program(row.offset, image if whole else image[:-1])
    board.flash.program(row.offset + sectors * 4096, head)
    for mark in marks:
        board.flash.program(row.offset + sectors * 4096 + 256 + mark * 16, bytes(16))


@S3
@pytest.mark.parametrize(
    ("marks", "seen"),
    [
        ((), "slot 0: 0.2.0, being fetched; no slot starts, the release beside them does"),
        ((0,), "slot 0: 0.2.0, on trial; slot 0 starts"),
        ((0, 1), "slot 0: 0.2.0, confirmed; slot 0 starts"),
        ((0, 1), "slot 0: flashed by cable, confirmed; slot 0 starts"),
        ((0, 2), "slot 0: 0.2.0, rolled back; no slot starts, the release beside them does"),
    ],
    ids=["fetched", "trial", "confirmed", "cable", "failed"],
)
def test_releases_in_slots(board: Board, marks: tuple[int, ...], seen: str) -> None:
    """Which release lies where, and which starts; a start on trial is not counted by the question."""
    a_slot(board, "" if "cable" in seen else "0.2.0", *marks)
    before = board.partition_bytes("romfs")
    finding = asked(board, "board")
    assert finding.state == OK
    assert finding.seen.startswith("byleave 0.1.0, security version 1, ") and finding.seen.endswith(seen)
    assert board.partition_bytes("romfs") == before


@S3
def test_a_damaged_release(board: Board) -> None:
    """An image that is not what was signed, in a slot that would start."""
    a_slot(board, "0.2.0", 0, 1, whole=False)
    is_wrong(asked(board, "board"), "does not hold what was signed")


# --- the board


@S3
def test_little_memory(board: Board, fault: Fault) -> None:
    """A heap that the firmware does not fit."""
    assert asked(board, "memory").state == OK
    fault("heap-squeeze", kib=64)
    is_wrong(asked(board, "memory"), "the firmware needs 120 KiB")


@S3
def test_clocks(board: Board) -> None:
    """A counter that stands still, and keys of another time; a clock that nobody has set yet is no fault."""
    enrol(board)
    now_s = board.world.clock.unix_s
    device, epoch = Device("esp32s3", enrolled=True), int(now_s // 86_400)
    board.power_on()
    assert chip.clock(BoardPrompt(board), device, epoch, now_s).state == OK
    for name in ("ticks_ms", "ticks_us"):
        stuck = BoardPrompt(board, before=f"import time\ntime.{name} = lambda: 5\n")
        is_wrong(chip.clock(stuck, device, epoch, now_s), "100 ms are")
    for days in (-2, 4097):
        is_wrong(chip.clock(BoardPrompt(board), device, epoch, now_s + days * 86_400), "too far apart")


@S3
@pytest.mark.parametrize(
    ("millivolts", "seen"), [(3100, "empty"), (5900, "no voltage of a battery"), (0, "nothing is there")]
)
def test_batteries(board: Board, fault: Fault, millivolts: int, seen: str) -> None:
    """Empty, impossible for its cells, or not there."""
    assert asked(board, "battery").state == OK
    fault("battery-low", millivolts=millivolts)
    is_wrong(asked(board, "battery"), seen)


@S3
@pytest.mark.parametrize(
    ("chosen", "state"), [("lifepo4", WRONG), ("alkaline", WRONG), ([3500, 3300], OK), ([4000, 3950], WRONG)]
)
def test_batteries_by_their_settings(board: Board, chosen: object, state: str) -> None:
    """3900 mV is what one lithium-ion cell has, and no other of these."""
    assert asked(board, "battery", Device("esp32s3", enrolled=False, settings={"battery": chosen})).state == state


@S3
def test_a_button_that_is_held(board: Board, fault: Fault) -> None:
    """For as long as it was looked at."""
    assert asked(board, "button").state == OK
    fault("button-stuck")
    is_wrong(asked(board, "button"), "held down")


@S3
def test_an_led_that_is_held(board: Board) -> None:
    """A short to the supply: it would tell nothing."""
    assert asked(board, "led").state == OK
    board.gpio.inputs[48] = 1
    is_wrong(asked(board, "led"), "held high")


# --- sensors and receiver


@S3
@pytest.mark.parametrize(
    ("name", "parameters", "seen"),
    [
        ("sensor-absent", {}, "no answer of a"),
        ("i2c-line-held", {"line": "sda"}, "data line (SDA)"),
        ("i2c-line-held", {"line": "scl"}, "clock line (SCL)"),
        ("sensor-wrong-identity", {"identity": 0x55}, "another chip answers"),
        ("sensor-garbage", {"answer": "ff"}, "another chip answers"),
        ("i2c-clock-stretched", {"microseconds": 60_000}, "clock line (SCL)"),
    ],
)
def test_sensors(board: Board, fault: Fault, name: str, parameters: dict[str, object], seen: str) -> None:
    """A line that hangs is told from a chip that does not answer, and that from another chip; then it has no power."""
    whose = list(sensors.FITTED) if name in ("sensor-absent", "sensor-wrong-identity") else ["temperature"]
    for sensor in whose:
        fault(name, sensor=sensor, optional=True, **parameters)
        is_wrong(asked(board, sensor), seen)
        assert at_rest(board)


OTHERS = {"sht4x": ("temperature", Sht4x, 0x44), "bh1750": ("light", Bh1750, 0x23), "lis3dh": ("motion", Lis3dh, 0x18)}


@S3
@pytest.mark.parametrize("part", list(OTHERS))
def test_other_parts(board: Board, part: str) -> None:
    """The chips that the settings may name are known too; named wrongly, the sentence says which one answers."""
    name, made, address = OTHERS[part]
    bus, old = board.sensors[name].bus, board.sensors[name]
    assert bus is not None
    new = made(board.world, address)
    bus.chips.clear()
    bus.attach(new)
    board.gpio.on_output[{"temperature": 4, "light": 7, "motion": 8}[name]] = lambda level: new.power(bool(level))
    assert not old.powered
    device = Device("esp32s3", enrolled=False, settings={"parts": {name: part}})
    assert asked(board, name, device).state == OK
    if part != "lis3dh":  # which says the same of itself as the chip of the reference board
        is_wrong(asked(board, name), f"at 0x{address:02x}, as a {sensors.CHIPS[part].name} would")
    if part == "sht4x":
        new.fault.checksum = 1
        is_wrong(asked(board, name, device), "another chip answers")


@S3
@pytest.mark.parametrize(("name", "seen"), [("gnss-silent", "says nothing"), ("gnss-bad-checksum", "no checksum")])
def test_receivers(board: Board, fault: Fault, name: str, seen: str) -> None:
    """Silence is told from what cannot be read; afterwards it has no power."""
    assert asked(board, "receiver").state == OK
    fault(name)
    is_wrong(asked(board, "receiver"), seen)
    assert at_rest(board)


@S3
def test_a_receiver_at_the_slower_speed(board: Board) -> None:
    """A module of 9600 baud is found too."""
    board.gnss.config = m10_config.Config(9600)
    assert asked(board, "receiver").state == OK
    assert board.gnss.baudrate == 9600


def test_a_receiver_without_a_switch_goes_back_to_standby(tmp_path: Path, world: World, network: Network) -> None:
    """Where the settings say that it has none: it is woken, heard, and asked to rest again; it was awake before."""
    text = (Path(hw_sim.__file__).parent / "boards" / "esp32s3.toml").read_text(encoding="utf-8")
    assert "power_pin = 21" in text
    (tmp_path / "unswitched.toml").write_text(text.replace("power_pin = 21", "extint_pin = 21"), encoding="utf-8")
    with Board.from_description(tmp_path / "unswitched.toml", world, network) as board:
        board.install(Path(firmware.__file__).parent)
        settings = {"parts": {"receiver": "standby"}}
        for _ in range(2):
            assert asked(board, "receiver", Device("esp32s3", enrolled=False, settings=settings)).state == OK
            assert board.gnss.asleep


# --- the way to the server

GIVEN = Device("esp32s3", enrolled=False, settings=SETTINGS, given=True)


@S3
@pytest.mark.parametrize(
    ("name", "parameters", "seen"),
    [
        ("wifi-gone", {}, "not in reach"),
        ("wifi-wrong-key", {}, "does not take the key"),
    ],
)
def test_access_points(board: Board, fault: Fault, name: str, parameters: dict[str, object], seen: str) -> None:
    """Why it does not join."""
    fault(name, **parameters)
    board.power_on()
    found = links.link(BoardPrompt(board), GIVEN)
    is_wrong(found[0], seen)
    assert found[1].state == NOT_ASKED


@S3
@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (CONNACK + b"\x05", "user or password"),
        (CONNACK + b"\x04", "user or password"),
        (CONNACK + b"\x03", "MQTT code 3"),
    ],
    ids=["not authorised", "password", "unavailable"],
)
def test_brokers_that_refuse(board: Board, answer: bytes, seen: str) -> None:
    """The broker's own words, and what is none."""
    with answering(answer) as address:
        board.network.hosts["broker.example"] = address
        is_wrong(asked(board, "link", GIVEN), seen)


@S3
@pytest.mark.parametrize(
    ("name", "parameters", "seen"),
    [
        ("resolver-fails", {"how": "nxdomain"}, "does not resolve"),
        ("connection-refused", {}, "refuses the port"),
        ("captive-portal", {}, "no MQTT broker"),
        ("half-open", {}, "nobody answers"),
    ],
)
def test_brokers_that_are_not_there(
    board: Board, fault: Fault, name: str, parameters: dict[str, object], seen: str
) -> None:
    """Name, port, or nobody."""
    with answering(CONNACK + b"\0") as address:
        board.network.hosts["broker.example"] = address
        fault(name, **parameters)
        is_wrong(asked(board, "link", GIVEN), seen)


MODEM = Device("esp32s3", enrolled=False, settings={"modem": {"chip": "sim7080g"}}, given=True)


@S3
@pytest.mark.parametrize(
    ("name", "parameters", "seen"),
    [
        ("", {}, ""),
        ("modem-silent", {}, "no answer to AT"),
        ("modem-no-sim", {}, "no SIM"),
        ("modem-wrong-model", {}, "modem is another"),
    ],
    ids=["healthy", "silent", "no SIM", "another"],
)
def test_modems(board: Board, fault: Fault, name: str, parameters: dict[str, object], seen: str) -> None:
    """It answers, is the right one and has its card; then it is off again."""
    modem = board.attach_modem(WIRING)
    if name:
        fault(name, **parameters)
    finding = asked(board, "link", MODEM)
    if name:
        is_wrong(finding, seen)
    else:
        assert finding.state == OK and "SIM is ready" in finding.seen
        assert not modem.awake


class Wire:
    """What is at the other end of the serial link, by what it says to a PING."""

    baudrate = 115_200

    def __init__(self, answer: bytes) -> None:
        self.emit: Callable[[bytes], None] = lambda data: None
        self._answer = answer

    def power(self, on: bool) -> None:
        """It has its own."""

    backup_power = power

    def receive(self, data: bytes) -> None:
        if self._answer:
            self.emit(self._answer)


LINE = Device("esp32s3", enrolled=False, settings={"serial": {"baudrate": 115_200}}, given=True)


@S3
@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (links.frame(8, b"\1"), ""),
        (links.frame(8, b"\0"), "can take nothing"),
        (b"noise of another speed", "no frame of it is whole"),
        (links.frame(8, b"\1")[:-2] + b"\x7f\0", "no frame of it is whole"),
        (b"", "no gateway answers"),
    ],
    ids=["healthy", "no broker", "noise", "a wrong checksum", "nobody"],
)
def test_serial_lines(board: Board, answer: bytes, seen: str) -> None:
    """A gateway's PONG is awaited, and nothing else is one."""
    board.attach_uart(2, 12, 13, Wire(answer))
    finding = asked(board, "link", LINE)
    if seen:
        is_wrong(finding, seen)
    else:
        assert finding.state == OK


@S3
def test_a_release_older_than_the_agent_is_no_fault(board: Board) -> None:
    """A name that the board does not know: the part is not asked, and the sentence says why."""
    finding = asked(
        board, "battery", before="from firmware.boards import espressif\ndel espressif.Espressif.battery_mv\n"
    )
    assert finding.state == NOT_ASKED and "older than this agent" in finding.seen
