"""Every documented name of the chips' modules, name by name: it works, or says that it is not simulated; none is silent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hw_sim.board import Board
from hw_sim.network.net import Network
from hw_sim.world.clock import World

pytestmark = pytest.mark.micropython

NAMES = Path(__file__).parents[2] / "data" / "micropython-names"
#: What the stubs have of other chips, so that the chip itself has no such attribute either.
FOREIGN = {
    "machine.ADCWiPy",
    "network.WLANWiPy",
    "network.AbstractNIC",
    "machine.const",
    "esp32.const",
    "rp2.const",
    "rp2.DMATimer",
}
LEFT_OUT = {"rp2": {"network.PPP"}}  # not in this port's builds (docs/decisions/0016)
#: How a program gets an object of each class that is simulated.
OBJECTS = {
    "esp32": {
        "machine.Pin": "machine.Pin(48)",
        "machine.ADC": "machine.ADC(1)",
        "machine.PWM": "machine.PWM(14)",
        "machine.I2C": "machine.I2C(0, scl=6, sda=5)",
        "machine.SoftI2C": "machine.SoftI2C(6, 5)",
        "machine.UART": "machine.UART(1)",
        "machine.Timer": "machine.Timer(0)",
        "machine.Signal": "machine.Signal(48)",
        "machine.RTC": "machine.RTC()",
        "network.WLAN": "network.WLAN()",
        "network.PPP": "network.PPP(machine.UART(1))",
        "select.poll": "select.poll()",
        "esp32.NVS": "esp32.NVS('x')",
        "esp32.Partition": "esp32.Partition('vfs')",
    },
    "rp2": {
        "machine.Pin": "machine.Pin(17)",
        "machine.ADC": "machine.ADC(26)",
        "machine.PWM": "machine.PWM(19)",
        "machine.I2C": "machine.I2C(0, scl=9, sda=8)",
        "machine.SoftI2C": "machine.SoftI2C(9, 8)",
        "machine.UART": "machine.UART(0)",
        "machine.Timer": "machine.Timer()",
        "machine.Signal": "machine.Signal(17)",
        "machine.RTC": "machine.RTC()",
        "network.WLAN": "network.WLAN()",
        "select.poll": "select.poll()",
        "rp2.Flash": "rp2.Flash()",
    },
}
PROBE = """
import gc, json, machine, network, select, time
{port_import}
names, objects = json.loads(files["names"]), json.loads(files["objects"])
nothing = object()

def attribute(owner, name):
    try:
        return getattr(owner, name)
    except AttributeError:
        return nothing

def told(full, what):
    if what is nothing:
        return "nothing"
    if type(what).__name__ != "Absent":
        return "there"
    try:
        what()
    except BaseException as error:
        module, _, rest = full.partition(".")
        named = type(error).__name__ == "NotSimulated" and error.module == module and error.attribute == rest
        return "not simulated" if named else "other: %r" % error
    return "silent"

for module_name, parts in names.items():
    module = globals()[module_name]
    for name in parts["functions"]:
        print(module_name + "." + name, told(module_name + "." + name, attribute(module, name)))
    for name, value in parts["constants"].items():
        found = attribute(module, name)
        print(module_name + "." + name, "there" if found == value else told(module_name + "." + name, found) + " %r" % (found,))
    for name, members in parts["classes"].items():
        full = module_name + "." + name
        cls = attribute(module, name)
        state = told(full, cls)
        print(full, state)
        if state != "there":
            continue
        one = eval(objects[full]) if full in objects else nothing
        for member in members["methods"]:
            found = attribute(cls, member)
            if found is nothing and one is not nothing:
                found = attribute(one, member)
            print(full + "." + member, told(full + "." + member, found))
        for member, value in members["constants"].items():
            found = attribute(cls, member)
            if found is nothing and one is not nothing:
                found = attribute(one, member)
            print(full + "." + member, "there" if found == value else "value %r" % (found,))
        del one
        gc.collect()
"""


@pytest.mark.parametrize(("port", "name"), [("esp32", "esp32s3"), ("rp2", "pico2_w")])
def test_every_documented_name_works_or_says_that_it_is_not_simulated(port: str, name: str) -> None:
    """Functions, classes, methods and the values of constants, as MicroPython's stubs have them."""
    world = World(seed=1)
    with Board.from_description(name, world, Network(world), heap_bytes=1 << 20) as board:
        board.stops_at_missing = False
        if port == "esp32":
            board.attach_uart(2, 4, 5, board.gnss)
        files = {"names": (NAMES / f"{port}.json").read_bytes(), "objects": json.dumps(OBJECTS[port]).encode()}
        out = board.execute(PROBE.format(port_import=f"import {port}"), files=files)
    found = dict(line.split(" ", 1) for line in out.splitlines())
    wrong = {
        full: state for full, state in found.items() if state not in ("there", "not simulated") and full not in FOREIGN
    }
    assert wrong.keys() <= FOREIGN | LEFT_OUT.get(port, set()), wrong
    states = list(found.values())
    assert states.count("there") > 120
    assert states.count("not simulated") > 15
    assert board.unsimulated
