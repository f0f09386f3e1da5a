"""Updates over the air, whole: real firmware, real interpreter, real broker, real server; releases built from these sources.

The first starts are of the release that was built in; what is offered is another version of it, or one that was spoilt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.cli.release import retained
from cloud_sync.model import StatusReport, UpdateState
from firmware import slots
from firmware.version import VERSION
from hw_sim.board import Board, RunEnd
from hw_sim.demo.stage import FIRMWARE, Stage, opened
from hw_sim.errors import NoInterpreter
from hw_sim.network.broker import NoBroker
from hw_sim.network.net import Network
from hw_sim.network.traffic import name_of
from hw_sim.world.clock import World
from tests.system.releases import NEWER, Tap, enrol, image, offer, put, signed, told
from tests.system.rig import consent, locations, nothing_doubled, policy_file, run, statuses

pytestmark = pytest.mark.micropython

CONTACT_S = 3_000  # a contact comes within it whatever the back-off
APP = "firmware/app.py"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage whose device takes releases; skips where there is no interpreter or no broker."""
    try:
        with opened(tmp_path / "stage", seed=1, policy=policy_file(tmp_path)) as stage:
            enrol(stage)
            yield stage
    except (NoBroker, NoInterpreter) as missing:
        pytest.skip(str(missing))


@pytest.fixture
def tap(stage: Stage) -> Tap:
    """Between device and broker."""
    return Tap(stage.network)


def until(stage: Stage, holds: Callable[[], bool], seconds: float = CONTACT_S) -> None:
    """The board runs until it holds; it must within the time."""
    stage.board.run(for_s=seconds, until=holds)
    assert holds(), stage.board.console.tail()


def newest(stage: Stage) -> StatusReport:
    """What the device said last of itself."""
    return statuses(stage)[-1]


def says(stage: Stage, state: UpdateState, version: str | None = None) -> Callable[[], bool]:
    """Whether the device says so; asked of the server only when it has got something new."""
    seen = [-1, False]

    def holds() -> bool:
        handled = stage.cloud.messages_handled
        if handled != seen[0]:
            reports = statuses(stage)
            seen[:] = [
                handled,
                bool(reports) and reports[-1].update is state and version in (None, reports[-1].firmware),
            ]
        return bool(seen[1])

    return holds


def updated(stage: Stage, tap: Tap, version: str = NEWER) -> None:
    """The release of that version is fetched and confirmed."""
    offer(stage, tap, signed(version))
    until(stage, says(stage, UpdateState.NONE, version))


def test_an_update_over_a_broken_link(stage: Stage, tap: Tap) -> None:
    """Offered, fetched though the link breaks again and again, verified, swapped, confirmed; what is sensed stays as it was."""
    consent(stage)
    stage.board.power_on()
    run(stage, 600, until_stored=2)
    before = stage.cloud.permission(stage.subject)
    directive = newest(stage).directive
    assert directive > 0
    breaks = iter(range(20, 2000, 25))
    next_break = [next(breaks)]

    def lose(direction: str, topic: str) -> bool:
        """At every 25th chunk the link breaks in the middle of the question for the next."""
        if len(tap.came) < next_break[0]:
            return False
        next_break[0] = next(breaks)
        stage.network.fault.cut_after(30)
        return False

    tap.lose = lose
    release = signed()
    offer(stage, tap, release)
    erases, boots = stage.board.flash.erases, stage.board.counters["boots"]
    until(stage, says(stage, UpdateState.NONE, NEWER), 3 * CONTACT_S)
    assert next_break[0] > 60, "the link broke more than once"
    assert len(tap.came) == len(set(tap.came)) == len(release.messages), "each chunk came once"
    assert told(stage).done
    assert newest(stage).firmware == NEWER
    assert newest(stage).directive == directive, "the new release runs under the same directive"
    assert stage.cloud.permission(stage.subject) == before
    stored = locations(stage)
    run(stage, 900, until_stored=stored + 2)
    assert locations(stage) == stored + 2
    nothing_doubled(stage)
    assert stage.board.counters["crashes"] == 0
    print(f"{len(release.messages)} chunks, {sum(map(len, release.messages))} bytes of {release.manifest.size};")
    print(f"{stage.board.flash.erases - erases} erases, {stage.board.counters['boots'] - boots} starts")


SPOILT: dict[str, bytes] = {
    "dies": b"raise ValueError('spoilt')\n",
    "hangs": b"while True:\n    pass\n",
    "says nothing": b"import time\nfrom firmware import boards\ndef main():\n    dog = boards.active().watchdog(8000)\n"
    b"    from firmware import update\n    for s in range(100):\n        time.sleep(6)\n        dog.feed()\n"
    b"    boards.active().reset()\n",
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_release_gives_way(stage: Stage, tap: Tap, name: str) -> None:
    """One that dies at its start, hangs, or never connects: the one before runs again, senses as before, and says so."""
    stage.board.silence_s = 0.5  # of real time: then a program that computes is taken to hang
    consent(stage)
    stage.board.power_on()
    run(stage, 600, until_stored=1)
    directive = newest(stage).directive
    offer(stage, tap, signed(changed={APP: SPOILT[name]}))
    boots = stage.board.counters["boots"]
    until(stage, says(stage, UpdateState.ROLLED_BACK), 3 * CONTACT_S)
    assert stage.board.counters["boots"] - boots == 4, "three on trial, and the one before"
    assert newest(stage).firmware != NEWER
    assert newest(stage).directive == directive
    assert told(stage).done
    stored = locations(stage)
    run(stage, 900, until_stored=stored + 2)
    assert locations(stage) == stored + 2


def test_a_release_without_acknowledgement_ends_by_time(stage: Stage, tap: Tap) -> None:
    """The new release runs, and its link does not: its time is up three times, without a crash and without the watchdog."""
    stage.board.power_on()
    text = (FIRMWARE / "update/__init__.py").read_bytes().replace(b"const(14_400)", b"const(900)")
    session = (
        (FIRMWARE / "link/session.py")
        .read_bytes()
        .replace(b"        self._event = asyncio.Event()\n", b'        raise LinkError("no link in this release")\n', 1)
    )
    assert b"no link in" in session
    assert b"const(900)" in text
    spoilt = {"firmware/update/__init__.py": text, "firmware/link/session.py": session}
    offer(stage, tap, signed(changed=spoilt))
    until(stage, says(stage, UpdateState.ROLLED_BACK), 3 * CONTACT_S)
    assert stage.board.counters["boots after watchdog"] == 0
    assert newest(stage).firmware != NEWER


def test_two_updates_use_both_slots_and_none_goes_below(stage: Stage, tap: Tap) -> None:
    """The second takes the other slot; then one of a lower security version, and one by another key, are refused."""
    stage.board.power_on()
    updated(stage, tap, "9.0.0")
    offer(stage, tap, signed("9.1.0", security=3))
    until(stage, says(stage, UpdateState.NONE, "9.1.0"))
    assert newest(stage).security == 3
    boots = stage.board.counters["boots"]
    another = Ed25519PrivateKey.from_private_bytes(b"another controller's, of 32 byte")
    for refused in (
        signed("9.2.0", security=2),
        signed("9.3.0", security=3, key=another),
        signed("9.4.0", board="pico_w"),
    ):
        offer(stage, tap, refused)
        until(stage, lambda: told(stage).done)
        assert told(stage).state is UpdateState.REFUSED
        assert newest(stage).firmware == "9.1.0"
    assert stage.board.counters["hangs"] == 0
    assert stage.board.counters["boots after hard"] <= boots


def test_a_hostile_broker_is_found_out_at_the_chunk(stage: Stage, tap: Tap) -> None:
    """One chunk is another: nothing runs, the device asks ever less; with the right one it goes on where it was."""
    stage.board.power_on()
    release = signed()
    offer(stage, tap, release)
    messages = retained(release)
    put(stage, tap, [messages[40]._replace(payload=messages[41].payload)])
    until(stage, lambda: len([topic for topic in tap.came if topic == messages[40].topic]) == 3, 2 * CONTACT_S)
    assert messages[41].topic not in tap.asked
    put(stage, tap, [messages[40]])
    tap.asked.clear()
    until(stage, says(stage, UpdateState.NONE, NEWER), 4 * CONTACT_S)
    assert messages[0].topic not in tap.asked, "what was there was not fetched again"


def test_a_broker_that_breaks_the_link_at_each_question_is_asked_ever_less(stage: Stage, tap: Tap) -> None:
    """Neither battery nor status numbers are its to spend: three questions in an hour; then it goes on where it was."""
    stage.board.power_on()
    release = signed()
    offer(stage, tap, release)
    until(stage, lambda: len(tap.came) >= 10)
    passes, hostile, connections = stage.network.fault.drop, [True], [0]

    def breaks(direction: str, packet: bytes) -> bool:
        connections[0] += name_of(packet) == "CONNECT"
        dropped = passes is not None and passes(direction, packet)
        if hostile[0] and name_of(packet) == "SUBSCRIBE" and b"/release/" in packet:
            tap.due.clear()
            stage.network.fault.cut_after(1)
        return bool(dropped)

    stage.network.fault.drop = breaks
    before = len(statuses(stage))
    stage.board.run(for_s=3_600)
    assert 1 <= connections[0] <= 20, "the heartbeats' and three or four more"
    assert len(statuses(stage)) - before <= 24
    hostile[0] = False
    until(stage, says(stage, UpdateState.NONE, NEWER), 3 * CONTACT_S)


def test_a_withdrawn_release_does_not_stand_in_the_way(stage: Stage, tap: Tap) -> None:
    """Withdrawn in the middle of its fetch: the next one that is offered is told, fetched and runs."""
    stage.board.power_on()
    first = signed("9.0.0")
    offer(stage, tap, first)
    until(stage, lambda: len(tap.came) >= 10)
    put(stage, tap, retained(first, empty=True))
    stage.cloud.releases.withdraw(first.id)
    run(stage, 1_800)
    assert newest(stage).update is UpdateState.FETCHING
    updated(stage, tap, "9.1.0")
    assert told(stage).done


@pytest.mark.parametrize(("operation", "torn"), [(3, True), (60, False), (150, True), (400, True)])
def test_a_power_cut_while_fetching(stage: Stage, tap: Tap, operation: int, torn: bool) -> None:
    """At a flash operation of it: after the power is back the update ends as if nothing had been."""
    stage.board.power_on()
    offer(stage, tap, signed())
    until(stage, lambda: bool(tap.came))
    stage.board.arm_power_cut(operation, torn=torn)
    assert stage.board.run(for_s=CONTACT_S) is RunEnd.POWER_OFF
    stage.board.power_on()
    until(stage, says(stage, UpdateState.NONE, NEWER), 2 * CONTACT_S)
    assert stage.board.counters["crashes"] == 0


SHOWS = """
import slots
chosen = slots.choose()
from firmware.version import VERSION
print(VERSION, chosen)
"""


@pytest.mark.parametrize("board", ["esp32s3", "esp32", "pico_w", "pico2_w"])
def test_every_board_starts_from_its_slots(world: World, network: Network, board: str) -> None:
    """A release that lies whole in the second slot starts three times on trial; then what was built in does."""
    release, content = signed(board=board), image(NEWER)
    with Board.from_description(board, world, network) as there:
        there.install(FIRMWARE)
        there.program(SHOWS)
        segment = there.partitions["romfs"]
        begin, last = segment.offset + segment.size // 2, segment.offset + segment.size - 4096
        head = slots.pack_head(1, len(content), 1, sha256(content).digest(), release.messages[0])
        for offset, data in ((begin, content), (last, head), (last + 256, bytes(16))):
            there.flash.data[offset : offset + len(data)] = data
        for _ in range(4):
            there.power_on()
            there.run(for_s=5)
            there.cut_power()
        printed = there.console.tail().split("\n")
    trial, built_in = f"{NEWER} (1, 2, 0)", f"{VERSION} (-1, 3, 0)"
    assert [line for line in printed if line.endswith(")")] == [trial] * 3 + [built_in]
