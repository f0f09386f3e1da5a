"""The sweep has teeth: five faults planted in the firmware, and one in the server, are each found by the cuts that they are known
to fail at; the sound product passes the same cuts.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hw_sim.board import Cause
from hw_sim.demo.product import Byleave
from hw_sim.demo.stage import FIRMWARE
from hw_sim.errors import NoInterpreter
from hw_sim.interpreter.child import find_interpreter
from hw_sim.scenario.product import Plan
from hw_sim.sweep.branch import Result, run
from hw_sim.sweep.cuts import Cut, How
from hw_sim.sweep.run import Order, tape_of
from hw_sim.sweep.tape import Moment, Tape
from tests.faults.sweep_plants import PLANTS, Hasty

pytestmark = pytest.mark.micropython

# A drive in small: two fixes a batch, so that a leave taken back arrives within half a minute; parked, then asleep and awake again.
ACTS = [[14, "withdraw condition_monitoring"], [70, "park"]]
DEVICE = {"batch": 2, "heartbeat": '"PT5M"'}
SECONDS = 420.0
MOST = 2  # cuts of each kind: one core makes three a second


@dataclass(frozen=True)
class Known:
    """Which cuts find a fault: how, at what, from when on; and which promise breaks."""

    how: How
    what: str
    promise: str
    after_s: float = 0.0
    woken: bool = False
    holds: bytes = b""  # what is programmed there
    most: int = MOST
    first: bool = False

    def cuts(self, tape: Tape) -> list[tuple[Moment, Cut]]:
        """The last ones of a run, so that all of its history is behind them; or the first, where the fault shows at once."""
        fit = [
            moment
            for moment in tape.moments
            if self.what in moment.what
            and Cut(moment.part, moment.number, self.how).possible()
            and moment.saved.clock_us > self.after_s * 1e6
            and (not self.woken or moment.kept.cause == Cause.DEEP_SLEEP)
            and (not self.holds or self.holds in (moment.kept.operation.data if moment.kept.operation else b""))
        ]
        fit = fit[: self.most] if self.first else fit[-self.most :]
        return [(moment, Cut(moment.part, moment.number, self.how)) for moment in fit]


KNOWN = {
    "a PUBACK releases": Known("host", "down PUBLISH", "nothing-sealed-is-lost"),
    "keys in a file": Known("clean", "of bl_spool", "no-past-key-is-left", most=1, first=True),
    # Where an operation breaks off is drawn by lot: of so many at least one breaks off within the envelope.
    "spool mark before data": Known(
        "torn", "of bl_spool", "all-opens-at-the-server", holds=b"\x93\x96\x01", most=3, first=True
    ),
    "reset cause trusted alone": Known("dip", "down PUBLISH", "no-key-is-used-twice", woken=True),
    "version not persisted": Known("clean", "up PUBLISH", "versions-never-fall", after_s=60),
    "verdict before the commit": Known("host", "up DISCONNECT", "nothing-sealed-is-lost"),
}


def taped(product: Byleave, firmware: Path = FIRMWARE) -> tuple[Order, Tape]:
    """The whole run of a product, every moment kept."""
    plan = Plan(seed=1, options={"acts": ACTS, "device": DEVICE, "begin": "midnight", "firmware": str(firmware)})
    order = Order(product, plan, SECONDS, ("clean",))
    return order, tape_of(order, lambda part, number: True)[0]


@pytest.fixture(scope="module")
def sound() -> Iterator[tuple[Order, Tape]]:
    """The product as it is."""
    try:
        find_interpreter()
    except NoInterpreter as missing:
        pytest.skip(str(missing))
    yield taped(Byleave())


def cut(swept: tuple[Order, Tape], known: Known) -> list[Result]:
    """What comes of the known cuts."""
    order, tape = swept
    chosen = known.cuts(tape)
    assert chosen, "the run has no such step"
    return [run(order.product, moment, each) for moment, each in chosen]


def planted(folder: Path, name: str) -> Path:
    """The firmware with that fault, in a folder to install from."""
    package = folder / "firmware"
    shutil.copytree(FIRMWARE, package)
    for module, tail in PLANTS[name].items():
        with (package / module).open("a", encoding="utf-8") as file:
            file.write("\n" + tail + "\n")
    return package


@pytest.mark.parametrize("name", KNOWN)
def test_the_sound_product_passes(sound: tuple[Order, Tape], name: str) -> None:
    """The cuts that find a planted fault find nothing in the product."""
    assert [result.findings for result in cut(sound, KNOWN[name]) if result.findings] == []


@pytest.mark.parametrize("name", PLANTS)
def test_a_fault_of_the_firmware_is_found(tmp_path: Path, name: str) -> None:
    """The promise that the fault breaks is named by at least one of the known cuts."""
    results = cut(taped(Byleave(), planted(tmp_path, name)), KNOWN[name])
    assert KNOWN[name].promise in {finding.invariant for result in results for finding in result.findings}


def test_a_hasty_server_is_found() -> None:
    """Verdicts that leave before what they speak of is committed: the host's power goes in between."""
    known = KNOWN["verdict before the commit"]
    results = cut(taped(Hasty()), known)
    assert known.promise in {finding.invariant for result in results for finding in result.findings}


def test_two_statuses_on_their_way_come_to_rest(sound: tuple[Order, Tape]) -> None:
    """A cut before the first status arrives leaves two that arrive together; device and server do not chase each other for ever."""
    order, tape = sound
    first = next(moment for moment in tape.moments if "up PUBLISH" in moment.what)
    result = run(order.product, first, Cut("net", first.number, "clean"))
    assert result.findings == []
