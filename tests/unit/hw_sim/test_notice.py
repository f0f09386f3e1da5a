"""The piezo and the advertiser of a simulated board, from a program in the real interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import firmware
from hw_sim.board import Board
from hw_sim.errors import NoInterpreter, NotSimulated
from hw_sim.interpreter.child import find_interpreter
from hw_sim.network.net import Network
from hw_sim.world.clock import World

pytestmark = pytest.mark.micropython

NOTICE = """
import time
from firmware import boards
board = boards.active()
board.sound(True)
time.sleep(5)
board.sound(False)
board.sound(False)
board.beacon(None)
board.beacon(b"\\x02\\x01\\x06")
time.sleep(60)
board.beacon(b"\\x02\\x01\\x06")
time.sleep(60)
board.sound(True)
time.sleep(60)
board.beacon(None)
"""


@pytest.fixture(params=["esp32s3", "esp32", "pico_w", "pico2_w"])
def each_board(request: pytest.FixtureRequest, world: World, network: Network) -> Iterator[Board]:
    """Each board that the firmware knows, with the firmware."""
    try:
        find_interpreter()
    except NoInterpreter as error:
        pytest.skip(str(error))
    with Board.from_description(request.param, world, network) as board:
        board.install(Path(firmware.__file__).parent)
        yield board


def test_sound_and_beacon_of_each_board(each_board: Board) -> None:
    """A tone as long as it was asked for; each beacon under a static random address of its own, until it is ended."""
    board = each_board
    board.program(NOTICE)
    board.power_on()
    board.run(for_s=100)
    (tone,) = board.buzzer.tones
    assert tone.end_s is not None and tone.end_s - tone.begin_s == pytest.approx(5, abs=0.01) and tone.hz == 2700
    first, second = board.bluetooth.seen
    assert first.end_s == pytest.approx(second.begin_s, abs=0.01) and board.bluetooth.advertising == second
    assert first.address != second.address and all(each.address[0] >= 0xC0 for each in (first, second))
    assert second.data == b"\x02\x01\x06" and second.interval_us <= 2_000_000 and not second.connectable
    assert len(second.response) == second.response[0] + 1 <= 31
    board.run(for_s=60)
    assert board.buzzer.sounds
    assert board.meter.report().table["buzzer"]["sounding"] > 0 < board.meter.report().table["bluetooth"]["advertising"]
    board.cut_power()
    assert not board.buzzer.sounds and board.bluetooth.advertising is None


@pytest.mark.parametrize(
    ("program", "missing"),
    [
        ("import machine; machine.PWM(machine.Pin(3), freq=2700, duty_u16=32768)", "machine.PWM on pin 3"),
        ("import machine; machine.PWM(14, freq=2700, duty_u16=32768, invert=1)", "machine.PWM"),
        (
            "import bluetooth as b; x = b.BLE(); x.active(True); x.gap_advertise(1000, b'', resp_data=b'')",
            "public address",
        ),
        ("import bluetooth as b; x = b.BLE(); x.active(True); x.config(addr_mode=2)", "addr_mode=1"),
        ("import bluetooth as b; b.BLE().gap_scan(10)", "bluetooth.BLE.gap_scan"),
    ],
)
def test_what_is_not_there_says_so_by_name(board: Board, program: str, missing: str) -> None:
    """Another pin, an address by which a device is known for ever, a scanner: NotSimulated."""
    board.program(program)
    board.power_on()
    with pytest.raises(NotSimulated, match=missing):
        board.run(for_s=5)


@pytest.mark.parametrize(
    ("active", "data", "said"), [(1, 31, "done"), (1, 32, "22"), (0, 31, "19")], ids=["fits", "too long", "off"]
)
def test_an_advertisement_has_31_bytes_and_needs_power(board: Board, active: int, data: int, said: str) -> None:
    """One byte more, or a controller that is off, and OSError says which."""
    board.program(
        "import bluetooth as b\nx = b.BLE()\nx.active(True)\nx.config(addr_mode=1)\n"
        f"x.active({active})\ntry:\n    x.gap_advertise(1000000, bytes({data}), resp_data=b'')\n    print('done')\n"
        "except OSError as error:\n    print(error.errno)\n"
    )
    board.power_on()
    board.run(for_s=5)
    assert str(board.console).strip() == said
