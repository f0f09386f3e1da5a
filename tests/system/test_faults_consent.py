"""Consent that is taken back, given again, runs out: through the whole chain, whatever waits on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.audit import Kind as AuditKind
from cloud_sync.errors import Denied
from cloud_sync.ingest.leave import Leave
from cloud_sync.ingest.outcome import Kind
from cloud_sync.ingest.pipeline import _Batch
from cloud_sync.model import Precision, Reason, StoredEnvelope, Stream
from cloud_sync.wire.fields import MOST_EPOCH
from hw_sim.demo.stage import Stage
from hw_sim.demo.withholding import Withholds
from hw_sim.network.net import Faults
from tests.system.rig import (
    LONGEST_PAUSE_S,
    a_drive,
    between_contacts,
    consent,
    drain,
    fixes,
    in_contact,
    locations,
    patched_firmware,
    repeated,
    run,
    spooled,
    statuses,
)

pytestmark = pytest.mark.micropython


def whole_contact(stage: Stage) -> None:
    """Drive until the next contact is over."""
    in_contact(stage)
    between_contacts(stage)


def test_a_withdrawal_in_a_contact_holds_at_once(tmp_path: Path) -> None:
    """The device is listening: its receiver is off within a second, its open batch and its spool hold no fix."""
    with a_drive(tmp_path) as stage:
        in_contact(stage)
        assert stage.board.gnss.powered
        consent(stage, "withdraw")
        stage.board.run(for_s=1)
        assert not stage.board.gnss.powered
        stage.board.run(for_s=1)  # the LED is looked after once a second
        assert not stage.board.led
        powered_s, stored = stage.board.gnss.powered_s, locations(stage)
        stage.board.run(for_s=1200)
        assert stage.board.gnss.powered_s == powered_s
        assert locations(stage) == stored
        assert statuses(stage)[-1].directive == stage.cloud.database.directive_state(stage.device).version
        with pytest.raises(Denied) as denied:
            fixes(stage)
        assert denied.value.reason is Reason.CONSENT_MISSING


def test_a_withdrawal_between_contacts_holds_in_the_next_one(tmp_path: Path) -> None:
    """The downlink goes to nobody; the status that begins the next contact brings the directive, and the receiver is off."""
    with a_drive(tmp_path) as stage:
        between_contacts(stage)
        consent(stage, "withdraw")
        assert stage.board.gnss.powered
        whole_contact(stage)
        assert not stage.board.gnss.powered
        drain(stage)


def test_firmware_that_goes_on_sensing_is_found_out(tmp_path: Path) -> None:
    """A control: with a directive that is stored and not acted upon, the receiver is still on after the contact."""
    with a_drive(tmp_path) as stage:
        stage.board.install(patched_firmware(tmp_path, "rules.py", "InForce.senses_location = lambda self: True"))
        stage.board.reset()
        stage.board.run(for_s=60)
        consent(stage, "withdraw")
        whole_contact(stage)
        stage.board.run(for_s=30)
        assert stage.board.gnss.powered


def test_what_was_captured_before_and_comes_after_is_refused_and_leaves_the_spool(tmp_path: Path) -> None:
    """A spool full of fixes meets a server that has the withdrawal: none is stored, each is told to drop, the spool drains."""
    with a_drive(tmp_path) as stage:
        between_contacts(stage)
        stage.network.fault = Faults(down=True)
        stage.board.run(for_s=400)
        waiting, stored = spooled(stage), locations(stage)
        assert waiting >= 8
        consent(stage, "withdraw")
        stage.stop_broker()  # what it kept for the device would come first, and the device would wipe them all itself
        stage.start_broker()
        stage.network.fault = Faults()
        stage.board.run(for_s=LONGEST_PAUSE_S + 60, until=lambda: not stage.board.gnss.powered)
        assert not stage.board.gnss.powered
        drain(stage)
        assert locations(stage) == stored
        assert stage.cloud.ingest.counts[Kind.BELOW_FLOOR] > 0
        refused = stage.cloud.audit.entries(kind=AuditKind.INGEST_REFUSED.value)
        assert {dict(entry.event.detail)["reason"] for entry in refused} == {"below_floor"}


def test_what_is_finer_than_the_new_consent_is_refused_and_leaves_the_spool(tmp_path: Path) -> None:
    """Fixes of 100 m wait while the person allows 1 km only: each is told to drop, the spool drains, coarser ones follow."""
    with a_drive(tmp_path) as stage:
        stage.network.fault = Faults(down=True)
        stage.board.run(for_s=300)
        assert spooled(stage) >= 6
        stored = locations(stage)
        consent(stage, precision=Precision.CELL_1KM)
        changed = stage.world.clock.unix_s
        stage.network.fault = Faults()
        run(stage, LONGEST_PAUSE_S + 600, until_stored=stored + 2)
        drain(stage)
        assert stage.cloud.ingest.counts[Kind.BELOW_FLOOR] >= 6
        late = [fix for fix in fixes(stage) if fix.time >= changed]
        assert late
        assert all(fix.precision >= Precision.CELL_1KM for fix in fixes(stage))
        assert all(row.oldest_capture >= changed - 60 for row in new_rows(stage, stored))


def new_rows(stage: Stage, before: int) -> list[StoredEnvelope]:
    """Location envelopes beyond the first ones."""
    return stage.cloud.database.envelopes(stage.device, Stream.LOCATION, 0, MOST_EPOCH)[before:]


def test_a_server_without_floors_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: without the floor and with a gate that is open, the late envelopes would be stored."""
    monkeypatch.setattr(_Batch, "_below_floor", lambda batch, item: False)
    with a_drive(tmp_path) as stage:
        late = kept_back(stage)
        stored = locations(stage)
        consent(stage, "withdraw")
        between_contacts(stage)
        monkeypatch.setattr(Leave, "kept", lambda leave, *_: None)  # nor does an earlier answer stand
        monkeypatch.setattr(stage.cloud.gate, "admit", lambda device, stream, **_: _Yes())
        stage.observer.inject(stage.up_topic, late[0])
        stage.await_server()
        assert locations(stage) > stored


class _Yes:
    """The answer of a gate that is open to everything."""

    reason = Reason.ALLOWED


def kept_back(stage: Stage) -> list[bytes]:
    """Three location envelopes that the device has sent and the server has not seen."""
    stage.network.fault.drop = withholds = Withholds()
    stage.board.run(for_s=900, until=lambda: len(withholds.envelopes) >= 3)
    stage.network.fault = Faults()
    return sorted(withholds.envelopes)


def test_consent_given_again_does_not_let_older_captures_in(tmp_path: Path) -> None:
    """Withdrawn and given again: what a broker kept back from before stays out, what is sensed anew comes in."""
    with a_drive(tmp_path) as stage:
        late = kept_back(stage)
        consent(stage, "withdraw")
        stage.board.run(for_s=120)
        assert not stage.board.gnss.powered
        consent(stage)
        stored = locations(stage)
        for envelope in late:
            stage.observer.inject(stage.up_topic, envelope)
        stage.await_server()
        assert stage.cloud.ingest.counts[Kind.BELOW_FLOOR] >= len(late)
        assert locations(stage) == stored
        given = stage.world.clock.unix_s
        run(stage, LONGEST_PAUSE_S + 300, until_stored=stored + 3)
        assert locations(stage) == stored + 3
        times = [fix.time for fix in fixes(stage)]
        assert times
        assert min(times) >= given - 10  # a fix carries the beginning of its time step
        assert repeated(times) == []


def test_a_lease_that_is_not_renewed_ends_sensing(tmp_path: Path) -> None:
    """Without a link the lease runs out: the receiver goes off within a minute of its end; a contact renews it."""
    with a_drive(tmp_path, lease='"PT1H"') as stage:  # with an interval of 10 s the receiver runs on
        between_contacts(stage)
        end = directive_end(stage)
        stage.network.fault = Faults(down=True)
        stage.board.run(until_s=end - 10)
        assert stage.board.gnss.powered
        stage.board.run(until_s=end + 60)
        assert not stage.board.gnss.powered
        powered_s = stage.board.gnss.powered_s
        stage.board.run(for_s=1800)
        assert stage.board.gnss.powered_s == powered_s
        stage.network.fault = Faults()
        stage.board.run(for_s=2 * LONGEST_PAUSE_S, until=lambda: stage.board.gnss.powered)
        assert stage.board.gnss.powered
        assert directive_end(stage) > end


def directive_end(stage: Stage) -> int:
    """Unix time at which the lease of the directive last issued ends."""
    current = stage.cloud._desk.current(stage.device)
    assert current is not None
    return current.lease_until


def test_a_button_that_is_held_stops_sensing_whatever_the_server_says(tmp_path: Path) -> None:
    """Held once: off, also over a restart and a new consent; held again: on."""
    with a_drive(tmp_path) as stage:
        hold(stage)
        assert not stage.board.gnss.powered
        stage.board.reset()
        consent(stage)
        stage.board.run(for_s=200)
        assert not stage.board.gnss.powered
        hold(stage)
        stage.board.run(for_s=20)
        assert stage.board.gnss.powered


def hold(stage: Stage) -> None:
    """Hold the button for four seconds."""
    stage.board.press_button()
    stage.board.run(for_s=4)
    stage.board.release_button()
