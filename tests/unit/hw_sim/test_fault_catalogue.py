"""Every fault of the catalogue: it begins, shows in the part that it is about, ends, and refuses what makes no sense."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hw_sim import plugin
from hw_sim.board import Board
from hw_sim.cli import sim
from hw_sim.errors import FaultError
from hw_sim.faults import CATALOGUE, Site, find
from hw_sim.faults.fault import PARTS, Fault, Parameter
from hw_sim.faults.words import table
from hw_sim.network.net import Network
from hw_sim.silicon.description import ModemWiring
from hw_sim.world.clock import World

ROOT = Path(__file__).parents[3]
NEEDS_PROGRAM = {  # begin with a program that runs, or take hold of one: tests/system/test_fault_effects.py
    *("power-cut", "power-cut-in-flash", "power-cut-in-link", "brown-out", "brown-out-on-sending", "reset"),
    *("uart-overflow", "uart-neglected", "clock-step"),
}
SENSOR_OF = {"sensor-bad-checksum": "humidity"}  # only that chip sends checksums


class SwitchedBroker:
    """A broker of which only life and death count."""

    def __init__(self) -> None:
        self.deaths = 0
        self.alive = True

    def stop_broker(self) -> None:
        """It dies."""
        self.alive, self.deaths = False, self.deaths + 1

    def start_broker(self) -> None:
        """It lives."""
        self.alive = True


@pytest.fixture
def site() -> Iterator[Site]:
    """A board with every part that a fault could be about: receiver, sensors, modem, broker, server clock."""
    from hw_sim.chips.sht4x import Sht4x

    world = World(seed=1)
    network = Network(world, hosts={"broker.example": [None]}, wifi={"depot": "key"})
    with Board.from_description("esp32s3", world, network) as board:
        board.attach_modem(ModemWiring(uart=2, tx=40, rx=41, key_pin=42, status_pin=47))
        board.sensors["humidity"] = Sht4x(world, 0x44)
        offset = [0.0]
        made = Site(board, network, world, SwitchedBroker(), lambda seconds: offset.__setitem__(0, seconds))
        made.offset = offset  # type: ignore[attr-defined]  # for `state` below
        yield made


def state(site: Site) -> dict[str, Any]:
    """All that faults of these parts switch."""
    board, network = site.board, site.network
    assert board.modem is not None
    flash = board.flash
    return {
        "flash": sha256(flash.data).hexdigest(),
        "wear": (list(flash.wear), flash.endurance),
        "broken": repr(sorted(vars(flash.damage).items())),
        "times": flash.times,
        "sensors": {name: repr(chip.fault) for name, chip in board.sensors.items()},
        "held": [bus.held for bus in board.buses],
        "gnss": repr(board.gnss.fault),
        "gnss config": repr(vars(board.gnss.config)),
        "network": {name: getattr(network.fault, name) for name in type(network.fault).__slots__},
        "wifi": dict(network.wifi),
        "modem": (repr(board.modem.fault), board.modem.cell, board.modem.sim.present),
        "clock": (board.rtc.us, board.rtc.asleep_ppm, board.ticks_start_ms),
        "heap": board.heap_bytes,
        "battery": board.battery_mv,
        "button": dict(board.gpio.inputs),
        "broker": vars(site.broker).copy(),
        "server": site.offset[0],  # type: ignore[attr-defined]
    }


def arguments(fault: Fault) -> dict[str, Any]:
    """Parameters with which it does something on the board of `site`."""
    given = dict(fault.example)
    if fault.name in SENSOR_OF:
        given["sensor"] = SENSOR_OF[fault.name]
    if fault.name == "flash-bit-rot":
        given["partition"] = "vfs"
    return given


LASTING = [name for name, fault in CATALOGUE.items() if fault.lasts and name not in NEEDS_PROGRAM]
AT_ONCE = [name for name, fault in CATALOGUE.items() if not fault.lasts and name not in NEEDS_PROGRAM]


@pytest.mark.parametrize("name", LASTING)
def test_a_fault_shows_and_its_end_takes_it_back(site: Site, name: str) -> None:
    """What it switches is another than before, and the same as before at the end; a second end changes nothing."""
    site.board.sensors["motion"].power(True)  # a chip without a supply holds no line
    before = state(site)
    ongoing = find(name).begin(site, **arguments(find(name)))
    during = state(site)
    assert during != before
    ongoing.end()
    ongoing.end()
    after = state(site)
    if name == "broker-gone":  # that it died stays true
        before["broker"]["deaths"] = after["broker"]["deaths"]
    assert {key: (before[key], after[key]) for key in before if before[key] != after[key]} == {}


@pytest.mark.parametrize("name", AT_ONCE)
def test_what_is_over_at_once_has_happened(site: Site, name: str) -> None:
    """It shows, and its end does not take it back."""
    site.board.flash.program(site.board.partitions["vfs"].offset, bytes(4096))
    if name == "gnss-lost-configuration":
        from hw_sim.chips import m10_config

        site.board.gnss.config._layers[m10_config.BBR] = {m10_config.BAUDRATE: 9600}
    before = state(site)
    ongoing = find(name).begin(site, **arguments(find(name)))
    during = state(site)
    assert during != before
    ongoing.end()
    assert state(site) == during


def test_every_fault_is_tried() -> None:
    """These lists and the programs of test_fault_effects.py are the whole catalogue."""
    assert set(LASTING) | set(AT_ONCE) | NEEDS_PROGRAM == set(CATALOGUE)
    tried = (ROOT / "tests/system/test_fault_effects.py").read_text()
    assert [name for name in NEEDS_PROGRAM if f'"{name}"' not in tried] == []


@pytest.mark.parametrize("fault", CATALOGUE.values(), ids=lambda fault: fault.name)
def test_a_fault_is_documented(fault: Fault) -> None:
    """A sentence, a source, a part; each parameter says what it means, and the example is one."""
    assert fault.part in PARTS
    assert fault.summary.endswith(".")
    assert fault.source
    assert all(parameter.about for parameter in fault.parameters.values())
    assert set(fault.example) <= set(fault.parameters)
    fault.checked(fault.example)


BOUNDED = [(fault, name) for fault in CATALOGUE.values() for name in fault.parameters]


def outside(parameter: Parameter) -> list[object]:
    """Values that it must refuse."""
    wrong: list[object] = [None, [1], {"a": 1}]
    wrong.append("text" if not isinstance(parameter.default, str) else 5)
    if isinstance(parameter.default, int) and not isinstance(parameter.default, bool):
        wrong += [True, 1.5]
    if isinstance(parameter.default, float):
        wrong += [float("nan"), float("inf")]
    if parameter.least is not None:
        wrong.append(type(parameter.default)(parameter.least - 1))
    if parameter.most is not None:
        wrong.append(type(parameter.default)(parameter.most * 2 + 1))
    return wrong + (["no such choice"] if parameter.choices else [])


@pytest.mark.parametrize(("fault", "name"), BOUNDED, ids=lambda value: getattr(value, "name", value))
def test_a_parameter_refuses_what_is_out_of_bounds(fault: Fault, name: str) -> None:
    """Its default passes; wrong types and what lies beyond the bounds are errors that name it."""
    assert fault.checked({name: fault.parameters[name].default})[name] == fault.parameters[name].default
    for value in outside(fault.parameters[name]):
        with pytest.raises(FaultError, match=f"{fault.name}: {name} = "):
            fault.checked({name: value})


def test_every_number_has_bounds() -> None:
    """No parameter takes any number."""
    for fault in CATALOGUE.values():
        for name, parameter in fault.parameters.items():
            if isinstance(parameter.default, int | float) and not isinstance(parameter.default, bool):
                assert parameter.least is not None, f"{fault.name}: {name}"
                assert parameter.most is not None, f"{fault.name}: {name}"


def test_unknown_names_are_answered_with_near_ones(site: Site) -> None:
    """A fault, a parameter, a sensor, a partition that does not exist."""
    with pytest.raises(FaultError, match="gnss-silent"):
        find("gnss-slient")
    with pytest.raises(FaultError, match="near it: latency_ms"):
        find("delay").begin(site, latncy_ms=5)
    with pytest.raises(FaultError, match="near it: temperature"):
        find("sensor-absent").begin(site, sensor="temprature")
    with pytest.raises(FaultError, match="near it: bl_spool"):
        find("lost-configuration").begin(site, partition="bl_spol")


def test_a_part_that_is_not_there_cannot_fail() -> None:
    """A board without modem, without broker and without server says so."""
    world = World()
    with Board.from_description("esp32s3", world, Network(world)) as board:
        for name in ("modem-hung", "broker-gone", "broker-restart", "server-clock-wrong", "brown-out", "reset"):
            with pytest.raises(FaultError, match=f"^{name}: "):
                find(name).begin(board)
        with pytest.raises(FaultError, match="sends no checksum"):
            find("sensor-bad-checksum").begin(board)


BARE = """
name = "bare"
flash_bytes = 4194304
[[i2c]]
sda = 21
scl = 22
"""
LIGHT, TEMPERATURE = ("bh1750", 0x23), ("tmp117", 0x48)


@pytest.mark.parametrize(
    ("name", "sensor", "words"),
    [
        ("battery-low", None, r"no table \[battery\]"),
        ("uart-neglected", None, "nothing on a UART"),
        ("wifi-wrong-key", None, "there is no access point"),
        ("clock-step", None, "the board is off"),
        ("sensor-wrong-identity", LIGHT, "light is a Bh1750, which has no identity"),
        ("sensor-wrong-identity", TEMPERATURE, ""),
        ("sensor-frozen", LIGHT, ""),
        ("sensor-bad-checksum", TEMPERATURE, "sends no checksum"),
    ],
)
def test_a_fault_that_cannot_show_is_refused(
    tmp_path: Path, name: str, sensor: tuple[str, int] | None, words: str
) -> None:
    """On a board without the part, and on a chip whose model has no such weakness; on one that has it begins."""
    file = tmp_path / "bare.toml"
    chip, address = sensor or TEMPERATURE
    file.write_text(f'{BARE}[[i2c.chip]]\nchip = "{chip}"\naddress = {address}\n')
    world = World()
    with Board.from_description(file, world, Network(world)) as board:
        given = {"sensor": next(iter(board.sensors))} if sensor else {}
        if not words:
            assert find(name).begin(board, **given).holds
            return
        with pytest.raises(FaultError, match=f"^{name}: .*{words}"):
            find(name).begin(board, **given)


def test_a_chip_that_says_nothing_of_its_weaknesses_cannot_freeze(site: Site) -> None:
    """One of a description's own has to name what it honours."""

    class Own(type(site.board.sensors["humidity"])):  # type: ignore[misc]
        honours = ()

    site.board.sensors["own"] = Own(site.world, 0x45)
    with pytest.raises(FaultError, match="own is a Own, which cannot freeze: its class must name frozen in `honours`"):
        find("sensor-frozen").begin(site, sensor="own")


def test_two_faults_on_one_switch_end_in_any_order(site: Site) -> None:
    """The one begun last holds; when it ends, the other; when both are over, it is as before."""
    fault = find("delay")
    first, second = fault.begin(site, latency_ms=100), fault.begin(site, latency_ms=900)
    assert site.network.fault.latency_ms == 900
    second.end()
    assert site.network.fault.latency_ms == 100
    second = fault.begin(site, latency_ms=900)
    first.end()
    assert site.network.fault.latency_ms == 900
    second.end()
    assert site.network.fault.latency_ms == 0


def test_faults_of_one_cell_do_not_undo_each_other(site: Site) -> None:
    """No coverage ends while the cell's edge goes on."""
    assert site.board.modem is not None
    gone, edge = find("modem-no-coverage").begin(site), find("modem-cell-edge").begin(site, latency_ms=4000)
    gone.end()
    assert asdict(site.board.modem.cell)["covered"] is True
    assert site.board.modem.cell.latency_ms == 4000
    edge.end()
    assert site.board.modem.cell.latency_ms != 4000


@pytest.mark.parametrize("command", ["+CPSMS", "AT+CPSMS", "cpsms", "CPSMS"])
def test_a_modem_refuses_a_command_however_it_is_written(site: Site, command: str) -> None:
    """ERROR while the fault lasts; a command without an answer is refused with those there are."""
    from hw_sim.chips.sim7080g_words import Words

    modem, said = site.board.modem, []
    assert modem is not None
    modem.say = lambda *lines: said.extend(lines)  # type: ignore[method-assign]
    words = Words(modem)
    ask = "+CPSMS=0"
    words._answer("CPSMS", ask)
    with find("modem-refuses").begin(site, command=command):
        words._answer("CPSMS", ask)
        words._answer("CGMM", "+CGMM")
    words._answer("CPSMS", ask)
    assert said == ["OK", "ERROR", modem.fault.model, "OK", "OK"]
    with pytest.raises(FaultError, match=r"no such one.*\+CGDCONT"):
        find("modem-refuses").begin(site, command="+FOO")


def test_a_fault_of_a_test_that_never_happened_is_an_error(site: Site) -> None:
    """The fixture `fault` fails at the end, unless the fault was begun as optional, or has happened."""
    for happened, optional in ((False, False), (True, False), (False, True)):
        fixture = plugin.fault._get_wrapped_function()(site)  # type: ignore[attr-defined]
        next(fixture)("lost-packets", packet="PUBLISH", direction="up", optional=optional)
        if happened:
            assert site.network.fault.drop is not None
            site.network.fault.drop("up", b"\x30\x03\x00\x01a")
        with pytest.raises(StopIteration if happened or optional else pytest.fail.Exception):
            next(fixture)


def test_lost_packets_are_the_first_ones_of_their_kind(site: Site) -> None:
    """Two PUBLISH packets up are lost, the third is not, and nothing else is."""
    publish, ping = b"\x30\x03\x00\x01a", b"\xc0\x00"
    ongoing = find("lost-packets").begin(site, packet="PUBLISH", direction="up", first=2)
    drop = site.network.fault.drop
    assert drop is not None
    assert not ongoing.holds
    assert [drop("up", ping), drop("down", publish)] == [False, False]
    assert [drop("up", publish) for _ in range(3)] == [True, True, False]
    assert ongoing.holds


def test_the_command_lists_all() -> None:
    """`byleave sim faults`, as lines and as JSON."""
    lines = CliRunner().invoke(sim, ["faults"]).output
    assert [name for name in CATALOGUE if f"{name} " not in lines] == []
    plain = json.loads(CliRunner().invoke(sim, ["faults", "--json"]).output)
    assert [row["name"] for row in plain] == list(CATALOGUE)
    assert all(set(row["parameters"]) == set(CATALOGUE[row["name"]].parameters) for row in plain)


def test_the_command_explains_one() -> None:
    """Parameters with bounds, and an example for a scenario and for Python."""
    said = CliRunner().invoke(sim, ["faults", "power-cut-in-flash"]).output
    assert "operation = 1" in said
    assert "parameters = { operation = 3, torn = true }" in said
    assert 'fault("power-cut-in-flash", operation=3, torn=True)' in said


def test_the_command_refuses_what_is_not_there() -> None:
    """Exit code 1, and names that resemble it."""
    answer = CliRunner().invoke(sim, ["faults", "powercut"])
    assert answer.exit_code == 1
    assert "power-cut" in answer.output
    assert CliRunner().invoke(sim, ["faults", "--part", "engine"]).exit_code == 1


def test_the_page_has_the_table_of_the_catalogue() -> None:
    """docs/simulator/faults.md is what the code says; on a difference: `python -m hw_sim.faults.page`."""
    page = (ROOT / "docs/simulator/faults.md").read_text()
    assert table(CATALOGUE.values()) in page
