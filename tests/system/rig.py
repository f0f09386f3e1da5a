"""What the fault tests share: a device on its drive, what it measured, what came of it, and how a test ends.

The receiver gives one solution each ten seconds, and the firmware makes one fix of each. So a solution without a fix is a loss
and a fix without a solution an invention. The button, held for a moment, closes the open batch: nothing is left out of the count.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.audit import Kind
from cloud_sync.consent import Evidence
from cloud_sync.model import Actor, EnvelopeId, Fix, Precision, StatusReport, Stream
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from cloud_sync.wire.status import read_status
from hw_sim.demo import story
from hw_sim.demo.exhibits import Exhibits
from hw_sim.demo.flashcopy import spool_of
from hw_sim.demo.stage import FIRMWARE, OPERATOR, POLICY, SUBJECT, Stage, opened
from hw_sim.errors import NoInterpreter
from hw_sim.network.broker import NoBroker
from hw_sim.world.drive import Drive

INTERVAL_S = 10
BATCH = 4  # fixes in an envelope: one each 40 s, so that minutes of driving suffice
HOLD_S = 4  # the device looks at its button once a second and wants to see it twice
LONGEST_PAUSE_S = 900  # between two tries of a device whose contacts fail


def policy_file(folder: Path, **device: object) -> Path:
    """The demo's policy with other values in its table `[device]`."""
    text = POLICY.read_text(encoding="utf-8")
    for name, value in {"batch": BATCH, **device}.items():
        text, found = re.subn(rf"(?m)^{name} = \S+", f"{name} = {value}", text)
        assert found == 1
    path = folder / "policy-of-the-test.toml"
    path.write_text(text, encoding="utf-8")
    return path


@contextlib.contextmanager
def a_stage(folder: Path, *, drive: Drive | None = None, broker: bool = True, **device: object) -> Iterator[Stage]:
    """A stage with small batches; skips where there is no interpreter or no broker."""
    try:
        with opened(
            folder / "stage", seed=1, drive=drive, policy=policy_file(folder, **device), broker=broker
        ) as stage:
            yield stage
    except (NoBroker, NoInterpreter) as missing:
        pytest.skip(str(missing))


@contextlib.contextmanager
def a_drive(folder: Path, *, drive: Drive | None = None, **device: object) -> Iterator[Stage]:
    """A stage with a device that is enrolled, has its consent, drives, and of which the first batch is stored."""
    with a_stage(folder, drive=drive, **device) as stage:
        set_off(stage)
        yield stage


def set_off(stage: Stage, *, consent_age_s: float = 0) -> bytes:
    """Enrol the device, give the consent, and drive to the end of the contact that brings the first batch.

    Returns the enrolment file.
    """
    file = stage.enrol().file
    stage.exhibits = Exhibits.of(file, stage.board, stage.cloud)  # notes what each generation begins with
    stage.clock.offset_s = -consent_age_s
    story.consent(stage)
    stage.clock.offset_s = 0
    stage.board.power_on()
    run(stage, 300, until_stored=1)
    between_contacts(stage)
    assert locations(stage) == 1
    return file


def between_contacts(stage: Stage) -> None:
    """Drive until no contact is under way."""
    stage.board.run(for_s=300, until=lambda: not stage.network.connections)


def in_contact(stage: Stage) -> None:
    """Drive until the device has just subscribed in a new contact."""
    subacks = stage.network.down.packets["SUBACK"]
    stage.board.run(for_s=LONGEST_PAUSE_S, until=lambda: stage.network.down.packets["SUBACK"] > subacks)
    assert stage.network.down.packets["SUBACK"] > subacks


def run(stage: Stage, seconds: float, *, until_stored: int | None = None) -> None:
    """Let virtual time pass; ends early when so many location envelopes are stored."""
    seen = -1

    def enough() -> bool:
        nonlocal seen
        before, seen = seen, stage.cloud.ingest.counts.total()
        return seen != before and locations(stage) >= (
            until_stored or 0
        )  # asks the store only when it may have changed

    stage.board.run(for_s=seconds, until=None if until_stored is None else enough)


def consent(stage: Stage, answer: str = "give", precision: Precision = Precision.CELL_100M) -> None:
    """The person answers the question for `tracking` anew: `give` or `withdraw`."""
    pressed = Evidence(SUBJECT, stage.cloud.policy.notice, "app", "button", "en")
    if answer == "give":
        stage.cloud.consent.give(SUBJECT, "tracking", pressed, precision=precision)
    else:
        stage.cloud.consent.withdraw(SUBJECT, "tracking", replace(pressed, act="button_stop"))


# What there is


def locations(stage: Stage) -> int:
    """Location envelopes in the store."""
    return stage.cloud.database.count_envelopes(stage.device, Stream.LOCATION)


def rows(stage: Stage) -> list[EnvelopeId]:
    """Store keys of all envelopes of the device, one for each digest."""
    return [
        row.id
        for stream in (Stream.LOCATION, Stream.STATUS)
        for row in stage.cloud.database.envelopes(stage.device, stream, 0, 2**17)
    ]


def fixes(stage: Stage) -> list[Fix]:
    """All that the operator may read."""
    end = stage.world.clock.unix_s + 86_400
    return stage.cloud.read_location(
        actor=Actor(OPERATOR, "controller"), purpose="tracking", subject=SUBJECT, start=0, end=end
    )


def solutions(stage: Stage) -> list[int]:
    """Times of the receiver's solutions, once it has its rate."""
    return [each.time for each in stage.board.gnss.emitted if each.time % INTERVAL_S == 0]


def spooled(stage: Stage) -> int:
    """Envelopes that wait in the device's flash, as the firmware would count them after a start."""
    return spool_of(stage.board).count()


def statuses(stage: Stage) -> list[StatusReport]:
    """The device's reports about itself, in the order of their numbers."""
    found = []
    for row in stage.cloud.database.envelopes(stage.device, Stream.STATUS, 0, 2**17):
        leaf = stage.cloud._store.leaf(*row.id[:4])
        assert leaf is not None
        key = stage.cloud._keys.open_leaf(leaf).key(row.id.counter)
        told = read_status(open_uplink(stage.device, parse_uplink(row.payload), key), row.id.epoch)
        if isinstance(told, StatusReport):  # else it answers an offer of healing
            found.append((row.id.generation, told))
    return [report for _, report in sorted(found, key=lambda each: each[0])]


def incidents(stage: Stage) -> list[object]:
    """Incidents in the audit log: numbers used twice, devices that tell the impossible."""
    return [entry.event.detail for entry in stage.cloud.audit.entries(kind=Kind.INGEST_INCIDENT.value)]


def patched_firmware(folder: Path, module: str, tail: str) -> Path:
    """The firmware with `tail` at the end of one module, in a folder to install from."""
    package = folder / "firmware"
    shutil.copytree(FIRMWARE, package)
    with (package / module).open("a", encoding="utf-8") as file:
        file.write("\n" + tail + "\n")
    return package


# How a drive ends


def park(stage: Stage) -> None:
    """Hold the button: the receiver goes off and the open batch is sealed."""
    stage.board.press_button()
    stage.board.run(for_s=HOLD_S)
    stage.board.release_button()
    assert not stage.board.gnss.powered


def drain(stage: Stage, minutes: float = 60) -> None:
    """Give the device time until its spool is empty and no contact is under way."""
    end = stage.world.clock.unix_s + 60 * minutes
    while stage.world.clock.unix_s < end:
        stage.board.run(for_s=20)
        if not stage.network.connections and not spooled(stage):
            return
    assert spooled(stage) == 0


def arrived(stage: Stage) -> None:
    """Park, drain, and find each solution as exactly one fix, none of them invented; no number was used twice."""
    park(stage)
    drain(stage)
    assert missing(stage) == []
    nothing_doubled(stage)


def missing(stage: Stage) -> list[int]:
    """Times of the solutions of which there is no fix; what the receiver gave under a wrong date does not count."""
    read = {fix.time for fix in fixes(stage)}
    start, now = stage.drive.start_unix_s, stage.world.clock.unix_s
    return [time for time in solutions(stage) if start <= time <= now and time not in read]


def nothing_doubled(stage: Stage) -> None:
    """No fix twice, no fix that the receiver never gave, no number under which two envelopes lie, no incident."""
    times = [fix.time for fix in fixes(stage)]
    assert len(times) > 0
    assert repeated(times) == []
    assert set(times) <= set(solutions(stage))
    assert repeated(rows(stage)) == []
    assert incidents(stage) == []


def repeated(items: Iterable[object]) -> list[object]:
    """What occurs more than once."""
    return [item for item, count in Counter(items).items() if count > 1]
