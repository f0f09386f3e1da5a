"""A hostile broker: what it repeats, moves, forges or keeps back changes nothing at the server nor at the device."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.ingest import pipeline
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Directive, Stream
from cloud_sync.wire import codec, downlink
from cloud_sync.wire.directive import to_wire
from cloud_sync.wire.envelope import parse_uplink
from cloud_sync.wire.fields import MOST_EPOCH
from hw_sim.demo.stage import Stage
from hw_sim.demo.withholding import Withholds
from hw_sim.network.net import Faults
from tests.system.rig import (
    a_drive,
    arrived,
    between_contacts,
    consent,
    fixes,
    in_contact,
    locations,
    rows,
    run,
    statuses,
)

pytestmark = pytest.mark.micropython

GENERATION, STREAM, EPOCH, COUNTER, VERSION = range(1, 6)  # places in a header


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A drive with a few batches in the store."""
    with a_drive(tmp_path) as stage:
        run(stage, 300, until_stored=4)
        between_contacts(stage)
        yield stage


def withheld(stage: Stage, count: int) -> list[bytes]:
    """That many location envelopes which the server has never seen."""
    stage.network.fault.drop = taken = Withholds()
    stage.board.run(for_s=900, until=lambda: len(taken.envelopes) >= count)
    stage.network.fault = Faults()
    return taken.envelopes


def known(stage: Stage) -> dict[str, object]:
    """All that an unverified message must not change."""
    cloud = stage.cloud
    state = cloud.database.directive_state(stage.device)
    assert state is not None
    return {
        "rows": rows(stage),
        "fixes": fixes(stage),
        "directive": (state.version, state.current, state.applied_version),
        "challenge": state.challenge,
        "reported": state.reported_down_next,
        "floors": state.floors,
        "tips": cloud._store.tips(),
        "leaves": cloud._store.leaves(stage.device, 0, 0, MOST_EPOCH),
        "consents": cloud.database.all_consents(),
        "devices": cloud.database.all_devices(),
        "powered": stage.board.gnss.powered,
    }


def inject(stage: Stage, payload: bytes, topic: str = "") -> dict[Kind, int]:
    """Publish it on the device's uplink topic, or on another; how the server's counts have grown."""
    before = stage.cloud.ingest.counts.copy()
    stage.observer.inject(topic or stage.up_topic, payload)
    stage.await_server()
    return dict(stage.cloud.ingest.counts - before)


def test_uplinks_that_are_replayed_a_hundred_times(stage: Stage) -> None:
    """The same location and the same status, a hundred times each: repeats, no row, no report taken twice."""
    for stream in (Stream.LOCATION, Stream.STATUS):
        old = stage.observer.uplinks(stage.up_topic, stream)[0]
        before, told = known(stage), stage.cloud.ingest.counts[Kind.REPEATED]
        stage.observer.inject(stage.up_topic, old, times=100)
        stage.await_server()
        assert stage.cloud.ingest.counts[Kind.REPEATED] == told + 100
        assert known(stage) == before
    arrived(stage)


def test_uplinks_in_another_order(stage: Stage) -> None:
    """Envelopes that come last first are all stored; what the device sends again later are repeats."""
    late = withheld(stage, 5)
    stored = locations(stage)
    for envelope in reversed(late):
        assert inject(stage, envelope) == {Kind.STORED: 1}
    assert locations(stage) == stored + len(late)
    arrived(stage)
    assert stage.cloud.ingest.counts[Kind.REPEATED] >= 5


def another(stage: Stage, envelope: bytes) -> str:
    """Another person's device, in the generation of an envelope: the device alone is to be another one."""
    generation, _, epoch, _, _ = parse_uplink(envelope).header
    enrolled = stage.cloud.database.device(stage.cloud.enrol(subject="person-2", settings={}).device)
    assert enrolled is not None
    stage.cloud._keys.enrol(enrolled.device, os.urandom(32), generation, epoch)
    stage.cloud.database.update_device(replace(enrolled, generation=generation))
    return enrolled.device


def test_an_envelope_on_another_devices_topic(stage: Stage) -> None:
    """Valid on its own topic, it does not open on that of another enrolled device, and nothing is kept of it there."""
    moved = withheld(stage, 1)[0]
    other = another(stage, moved)
    assert inject(stage, moved, f"bl/1/{other}/up") == {Kind.NOT_AUTHENTIC: 1}
    assert stage.cloud.database.count_envelopes(other) == 0
    assert inject(stage, moved) == {Kind.STORED: 1}
    arrived(stage)


def test_an_envelope_that_opens_on_any_topic_is_found_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: a server that does not bind the device lets the moved envelope in."""
    moved = withheld(stage, 1)[0]
    other = another(stage, moved)
    keys, truly = stage.cloud._keys, stage.cloud._keys.chain
    monkeypatch.setattr(keys, "chain", lambda device, *rest, today: truly(stage.device, *rest, today=today))
    opened = pipeline.open_uplink
    monkeypatch.setattr(pipeline, "open_uplink", lambda device, *rest: opened(stage.device, *rest))
    assert Kind.NOT_AUTHENTIC not in inject(stage, moved, f"bl/1/{other}/up")


def with_header(envelope: bytes, place: int, value: int) -> bytes:
    """The envelope with one number of its header changed."""
    header, *rest = codec.unpack(envelope)
    return codec.pack([[*header[:place], value, *header[place + 1 :]], *rest])


FORGERIES: dict[str, tuple[Callable[[bytes, int], bytes], Kind]] = {
    "another tag": (lambda e, _: e[:-1] + bytes([e[-1] ^ 1]), Kind.NOT_AUTHENTIC),
    "one byte short": (lambda e, _: e[:-1], Kind.MALFORMED),
    "one byte long": (lambda e, _: e + b"\0", Kind.MALFORMED),
    "oversized": (lambda e, _: e + bytes(1025 - len(e)), Kind.MALFORMED),
    "a hundred kilobytes": (lambda e, _: e + bytes(100_000), Kind.MALFORMED),
    "noise": (lambda e, _: random.Random(5).randbytes(len(e)), Kind.MALFORMED),
    "version 2": (lambda e, _: with_header(e, 0, 2), Kind.MALFORMED),
    "another generation": (lambda e, _: with_header(e, GENERATION, 2), Kind.UNKNOWN_GENERATION),
    "another stream": (lambda e, _: with_header(e, STREAM, Stream.STATUS), Kind.NOT_AUTHENTIC),
    "no stream": (lambda e, _: with_header(e, STREAM, 5), Kind.MALFORMED),
    "the last counter": (lambda e, _: with_header(e, COUNTER, 4095), Kind.NOT_AUTHENTIC),
    "a counter too far": (lambda e, _: with_header(e, COUNTER, 4096), Kind.MALFORMED),
    "another directive": (lambda e, _: with_header(e, VERSION, 99), Kind.NOT_AUTHENTIC),
    "tomorrow": (lambda e, today: with_header(e, EPOCH, today + 1), Kind.NOT_AUTHENTIC),
    "the day after": (lambda e, today: with_header(e, EPOCH, today + 2), Kind.FAR_AHEAD),
    "the last epoch": (lambda e, _: with_header(e, EPOCH, 2**17 - 1), Kind.FAR_AHEAD),
    "yesterday, before enrolment": (lambda e, today: with_header(e, EPOCH, today - 1), Kind.CLOSED),
}


def test_forged_and_damaged_uplinks(stage: Stage) -> None:
    """One thing changed in a valid envelope that the server has not seen: refused with its kind, and nothing moves."""
    valid = withheld(stage, 1)[0]
    today = int(stage.world.clock.unix_s) // 86_400
    before = known(stage)
    for name, (forge, kind) in FORGERIES.items():
        assert inject(stage, forge(valid, today)) == {kind: 1}, name
        assert known(stage) == before, name
    assert inject(stage, valid) == {Kind.STORED: 1}
    arrived(stage)


def test_messages_on_topics_of_nobody(stage: Stage) -> None:
    """A device that was never enrolled and topics that are none: counted, acknowledged, forgotten."""
    valid = withheld(stage, 1)[0]
    before = known(stage)
    assert inject(stage, valid, "bl/1/aaaaaaaaaaaaaaaa/up") == {Kind.UNKNOWN_DEVICE: 1}
    assert inject(stage, valid, "bl/1/x/up") == {Kind.UNKNOWN_TOPIC: 1}
    assert known(stage) == before
    arrived(stage)


def downlinks(stage: Stage) -> list[bytes]:
    """All downlinks that passed the broker."""
    return [payload for topic, payload in stage.observer.messages if topic == stage.down_topic]


def test_downlinks_that_are_replayed(stage: Stage) -> None:
    """All that ever went down, again: each is refused and counted, permission stays as it was, the device goes on."""
    in_contact(stage)
    old = downlinks(stage)
    assert len(old) > 5
    version, refused = statuses(stage)[-1].directive, statuses(stage)[-1].refused
    for envelope in old[:8]:
        stage.observer.inject(stage.down_topic, envelope)
    stage.board.run(for_s=90)
    last = statuses(stage)[-1]
    assert last.refused >= refused + 5
    assert last.directive == version
    assert stage.board.gnss.powered
    arrived(stage)


def test_retained_garbage_on_the_downlink_topic(stage: Stage) -> None:
    """Garbage that greets the device in every contact: refused, and the true downlinks behind it are taken."""
    version, stored = statuses(stage)[-1].directive, locations(stage)
    for n_bytes in (1, 200, 1000):
        stage.observer.inject(stage.down_topic, random.Random(7).randbytes(n_bytes), retain=True)
        stage.board.run(for_s=120)
    assert statuses(stage)[-1].directive == version
    assert statuses(stage)[-1].refused > 5
    assert locations(stage) > stored + 5
    assert stage.board.counters["boots"] == 2  # enrolment, power on
    arrived(stage)


def test_retained_garbage_of_any_size_costs_nothing_but_time(stage: Stage) -> None:
    """What is too long for MQTT on the device ends its contacts: all is kept in flash, and arrives when it is gone."""
    stage.observer.inject(stage.down_topic, bytes(5000), retain=True)
    stage.board.run(for_s=300)
    assert stage.board.counters["boots"] == 2
    stage.observer.inject(
        stage.down_topic, b"", retain=True
    )  # which takes a retained message away (MQTT 3.1.1, 3.3.1.3)
    run(stage, 900, until_stored=locations(stage) + 5)
    arrived(stage)


def test_a_flood_of_garbage_downlinks(stage: Stage) -> None:
    """More than the device keeps, with headers that look right and tags that are not: numbers and permission stay."""
    in_contact(stage)
    version, expected = statuses(stage)[-1].directive, statuses(stage)[-1].down_next
    for ahead in range(18):  # a broker has twenty on the way to one client at most
        value = [[1, 0, 0, expected + 200 * ahead], bytes(13), bytes(40)]
        stage.observer.inject(stage.down_topic, codec.pack(value))
    stage.board.run(for_s=200)
    last = statuses(stage)[-1]
    assert last.directive == version
    assert expected <= last.down_next < expected + 60
    assert stage.board.gnss.powered
    arrived(stage)


def test_a_directive_that_is_kept_back_and_served_after_a_withdrawal(tmp_path: Path) -> None:
    """The yes of before the no, with its challenge, greets the device in a contact: the receiver stays off."""
    with a_drive(tmp_path, heartbeat='"PT1M"') as stage:
        old = downlinks(stage)
        assert len(old) >= 3  # one of them is the directive that permits
        consent(stage, "withdraw")
        stage.board.run(for_s=120)
        assert not stage.board.gnss.powered
        powered_s, refused = stage.board.gnss.powered_s, statuses(stage)[-1].refused
        for envelope in old:
            stage.observer.inject(stage.down_topic, envelope, retain=True)
            in_contact(stage)
            between_contacts(stage)
        stage.board.run(for_s=120)
        assert stage.board.gnss.powered_s == powered_s
        assert statuses(stage)[-1].refused >= refused + len(old)


def in_force(stage: Stage) -> Directive:
    """The directive that the server issued last, and that the device has applied."""
    current = stage.cloud._desk.current(stage.device)
    assert current is not None
    assert statuses(stage)[-1].directive == current.version
    return current


def narrower(stage: Stage) -> list[Any]:
    """A directive that the device applies without a challenge: one version more, and a zone far away."""
    current = in_force(stage)
    return to_wire(replace(current, version=current.version + 1, zones=((0, 0),)))


def sealed(stage: Stage, directive: list[Any], bound_to: str = "") -> bytes:
    """A downlink of the device's true chain, bound to its name or to another, whatever it says."""
    keys, state = stage.cloud._keys, stage.cloud.database.directive_state(stage.device)
    assert state is not None
    keys.skip_down(stage.device, state.down_next)
    [key] = keys.down_keys(stage.device, 1)
    name = bound_to or stage.device
    nonce = os.urandom(downlink.NONCE_BYTES)
    return downlink.seal_downlink(name, key.generation, key.number, key.key, nonce, [downlink.DIRECTIVE, directive])


def reported(stage: Stage, envelope: bytes) -> int:
    """The device hears it in a contact; the version in force that it reports in the next one."""
    in_contact(stage)
    stage.observer.inject(stage.down_topic, envelope)
    between_contacts(stage)
    in_contact(stage)
    stage.board.run(for_s=2)
    between_contacts(stage)
    return statuses(stage)[-1].directive


CHANGES: dict[str, Callable[[list[Any]], list[Any]]] = {
    "the version in force": lambda fields: [fields[0] - 1, *fields[1:]],
    "a version that leaps": lambda fields: [fields[0] + 4096, *fields[1:]],
    "version 0": lambda fields: [0, *fields[1:]],
    "a field too many": lambda fields: [*fields, 0],
    "a field too few": lambda fields: fields[:-1],
    "a lease of 94 days": lambda fields: [*fields[:2], fields[1] + 94 * 86_400, *fields[3:]],
    "seventeen zones": lambda fields: [*fields[:11], [[n, 0] for n in range(17)], *fields[12:]],
}


def test_a_narrower_directive_from_the_true_server_is_applied(stage: Stage) -> None:
    """The case of which the next tests change one thing each; the server, which knows nothing of it, goes above it."""
    value = narrower(stage)
    assert reported(stage, sealed(stage, value)) > value[0] - 1
    assert statuses(stage)[-1].directive >= value[0]
    assert stage.board.gnss.powered


@pytest.mark.parametrize("name", CHANGES)
def test_a_directive_that_no_device_may_apply(name: str, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed with the true keys, with one thing changed: the directive in force stays, and the drive goes on."""
    monkeypatch.setattr(downlink, "_checked", lambda value: value)  # the server itself would not say such a thing
    before = in_force(stage).version
    changed = CHANGES[name](narrower(stage))
    assert reported(stage, sealed(stage, changed)) == before
    assert stage.board.gnss.powered
    arrived(stage)


def test_a_directive_of_another_device(stage: Stage) -> None:
    """Bound to another name, or sealed for another enrolled device: it does not open, and is counted."""
    value, before = narrower(stage), in_force(stage).version
    other = stage.cloud.enrol(subject="person-2", settings={}).device
    [key] = stage.cloud._keys.down_keys(other, 1)
    nonce = os.urandom(downlink.NONCE_BYTES)
    number = stage.cloud._keys.down_next(stage.device) + 1
    foreign = downlink.seal_downlink(stage.device, 1, number, key.key, nonce, [downlink.DIRECTIVE, value])
    for envelope in (sealed(stage, value, bound_to=other), foreign):
        refused = statuses(stage)[-1].refused
        assert reported(stage, envelope) == before
        assert statuses(stage)[-1].refused == refused + 1
    assert stage.board.gnss.powered
    arrived(stage)


def test_a_directive_whose_lease_is_over(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes something away, so it counts: the receiver is off until the server, silent at first, says otherwise."""
    current = in_force(stage)
    now = int(stage.world.clock.unix_s)
    expired = replace(current, version=current.version + 1, issued_at=now - 3600, lease_until=now - 60)
    with monkeypatch.context() as silent:
        silent.setattr(stage.cloud._answers, "report", lambda *_: [])
        in_contact(stage)
        stage.observer.inject(stage.down_topic, sealed(stage, to_wire(expired)))
        stage.board.run(for_s=2)
        assert not stage.board.gnss.powered
        assert statuses(stage)[-1].directive == expired.version
        powered_s = stage.board.gnss.powered_s
        stage.board.run(for_s=600)
        assert stage.board.gnss.powered_s == powered_s
    stage.board.run(for_s=1800, until=lambda: stage.board.gnss.powered)
    assert stage.board.gnss.powered
    between_contacts(stage)
    assert in_force(stage).version > expired.version
