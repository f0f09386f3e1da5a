"""The directive in force: what it permits, what replaces it, and what a cut on the way leaves."""

from __future__ import annotations

import pytest

from tests.unit.firmware.app.rig import DAY_S, START_S, Rig

from firmware.errors import DirectiveError, FlashError  # isort: skip
from firmware.wire import report  # isort: skip


def test_without_a_directive_nothing_is_permitted() -> None:
    """A device fresh from enrolment senses nothing, not even for time."""
    rig = Rig()
    assert rig.rules.version == 0
    assert not rig.rules.senses_location() and not rig.rules.time_only()


def test_a_directive_with_the_challenge_permits_and_sets_the_clock() -> None:
    """Applied, reported with reason 3, stored; its time is trusted; the challenge is a new one."""
    rig = Rig()
    before = rig.challenge.value
    assert rig.apply(1) == report.APPLIED
    assert rig.rules.senses_location() and rig.rules.version == 1
    assert rig.clock.now_s() == START_S + 60
    assert rig.challenge.value != before


def test_the_first_directive_needs_the_challenge() -> None:
    """Without it nothing is applied and the device asks; a replayed or guessed challenge does not help."""
    for challenge in (b"", b"12345678"):
        rig = Rig()
        assert rig.apply(1, challenge=challenge) == report.CHALLENGE_WANTED
        assert rig.rules.asking and not rig.rules.senses_location() and not rig.rules.time_only()
        assert rig.apply(1) == report.APPLIED and rig.rules.senses_location()


@pytest.mark.parametrize(
    "wider",
    [
        {"sensors": 3},
        {"interval": 9},
        {"lease_until": START_S + 31 * DAY_S},
        {"spool_age": 2 * DAY_S},
        {"fields": 1},
    ],
)
def test_widening_without_the_challenge_stops_the_streams_until_it_is_answered(wider: dict[str, int]) -> None:
    """A wider directive without it stops what ran, across a restart too; with it, it is applied."""
    rig = Rig()
    rig.apply(1)
    assert rig.apply(2, answered=False, **wider) == report.CHALLENGE_WANTED
    assert not rig.rules.senses_location() and rig.rules.version == 0 and rig.stops
    rig.boot()
    assert not rig.rules.senses_location() and rig.rules.version == 0
    assert rig.apply(2, **wider) == report.APPLIED and rig.rules.senses_location()


def test_narrowing_needs_no_challenge_and_holds_at_once() -> None:
    """A longer interval is applied without it; the open batch closes under the old directive first."""
    rig = Rig()
    rig.apply(1)
    rig.stops.clear()
    assert rig.apply(2, answered=False, interval=60) == report.APPLIED
    assert rig.rules.directive.interval == 60 and rig.rules.senses_location()
    assert rig.stops == [[]]


@pytest.mark.parametrize("version", [1, 5, 5 + 4097])
def test_a_version_that_is_not_newer_or_leaps_is_refused(version: int) -> None:
    """Equal, lower and more than 4096 higher: refused, and what is in force stays."""
    rig = Rig()
    rig.apply(5)
    with pytest.raises(DirectiveError):
        rig.apply(version, interval=60)
    assert rig.rules.version == 5 and rig.rules.directive.interval == 10
    assert rig.apply(5 + 4096, interval=60) == report.APPLIED


def test_a_withdrawal_wipes_the_spool_and_drops_the_batch() -> None:
    """Without the sensor: the stream's envelopes are gone, the batch dropped, and not sealed first; status stays."""
    rig = Rig()
    rig.apply(1)
    rig.seal_location()
    rig.sealer.seal(4, b"\x91\x01", 1, START_S)
    rig.stops.clear()
    assert rig.apply(2, answered=False, sensors=0) == report.APPLIED
    assert rig.streams() == [4] and rig.stops == [[1]]
    assert not rig.rules.senses_location() and not rig.rules.time_only()


@pytest.mark.parametrize("changes", [{"sensors": 0}, {"sensors": 2, "lease_until": START_S + 31 * DAY_S}])
def test_a_withdrawal_drops_the_batch_though_the_flash_fails(changes: dict[str, int]) -> None:
    """Whether it applies or has to ask: power and batch go before the first write that may fail."""
    rig = Rig()
    rig.apply(1)
    new = rig.directive(2, answered=False, **changes)
    rig.stops.clear()
    rig.cut_after(0)
    with pytest.raises(FlashError):
        rig.rules.apply(new)
    assert rig.stops == [[1]] and not rig.rules.senses_location()


def test_a_withdrawal_inside_a_wider_directive_holds_at_once() -> None:
    """One that takes GNSS away and asks for a later lease, without the challenge: its withdrawal counts already."""
    rig = Rig()
    rig.apply(1)
    rig.seal_location()
    changes = {"sensors": 2, "lease_until": START_S + 31 * DAY_S}
    assert rig.apply(2, answered=False, **changes) == report.CHALLENGE_WANTED
    assert rig.streams() == []


def test_precision_none_is_a_withdrawal() -> None:
    """`none` keeps the sensor's bit and permits nothing of it: the spool is wiped."""
    rig = Rig()
    rig.apply(1)
    rig.seal_location()
    rig.apply(2, answered=False, precision=6)
    assert rig.streams() == [] and not rig.rules.senses_location()


def test_the_lease_ends_by_the_clock() -> None:
    """At lease end sensing stops; a directive that renews it needs the challenge."""
    rig = Rig()
    rig.apply(1, lease_until=START_S + 3600)
    assert rig.rules.senses_location()
    rig.ticks += 3600 * 1000
    assert not rig.rules.senses_location()
    assert rig.apply(2, answered=False) == report.CHALLENGE_WANTED


def test_without_trusted_time_gnss_runs_for_time_alone() -> None:
    """After a restart nothing is sensed but time; a lease that is over by counted ticks ends that too."""
    rig = Rig()
    rig.apply(1, lease_until=START_S + 3600)
    rig.boot()
    assert rig.clock.now_s() is None
    assert rig.rules.time_only() and not rig.rules.senses_location()
    rig.ticks += 3601 * 1000
    assert not rig.rules.time_only()


def test_forbidden_hours_stop_the_receiver() -> None:
    """In a window in which nothing is sensed the receiver is not to run; outside it is."""
    rig = Rig()
    minute = (START_S + 60) % DAY_S // 60
    rig.apply(1, hours=[[minute, minute + 1]])
    assert not rig.rules.senses_location()
    rig.ticks += 60_000
    assert rig.rules.senses_location()


def test_the_person_at_the_device_stops_it() -> None:
    """While paused nothing is sensed, whatever the directive says."""
    rig = Rig()
    rig.apply(1)
    rig.rules.paused = True
    assert not rig.rules.senses_location()
    rig.rules.paused = False
    assert rig.rules.senses_location()


def test_a_clock_behind_the_epoch_stops_the_streams() -> None:
    """The keys are in a later day than the clock: nothing is sensed until it heals."""
    rig = Rig()
    rig.apply(1)
    rig.keystore.advance(START_S // DAY_S + 1, START_S)
    assert rig.clock.behind_epoch() and not rig.rules.senses_location()


def test_a_spent_counter_stops_the_stream() -> None:
    """With no number left in the epoch the receiver is not to run."""
    rig = Rig()
    rig.apply(1)
    rig.keystore.spent = lambda stream: stream == 1
    assert not rig.rules.senses_location()


def test_an_older_record_is_not_taken_up() -> None:
    """Rules of an earlier flash image under later keys fail closed; the highest version with a challenge heals it."""
    rig = Rig()
    rig.apply(1)
    old = bytes(rig.flash["rules"].data)
    rig.apply(2, interval=60)
    rig.flash["rules"].data[:] = old
    rig.boot()
    assert rig.rules.version == 0 and rig.rules.asking and not rig.rules.time_only()
    assert rig.apply(2, interval=60) == report.APPLIED


@pytest.mark.parametrize("body", [b"\x92\x91\x01\x90", b"\x93\x90\x90\x90", b"\x05", b"\xc0"])
def test_a_record_of_another_release_permits_nothing(body: bytes) -> None:
    """A directive of another form, a third part, no list, no MessagePack: as without a directive, spool wiped."""
    rig = Rig()
    rig.apply(1)
    rig.seal_location()
    rig.store._log.store(body)
    rig.boot()
    assert rig.rules.version == 0 and not rig.rules.time_only() and rig.streams() == []
    assert rig.apply(1) == report.APPLIED and rig.rules.senses_location()


def test_a_cut_at_every_flash_operation_of_a_withdrawal_leaves_nothing_permitted() -> None:
    """Wherever the flash stops, this run and the next sense nothing, and the next withdrawal completes the purge."""
    operations = 0
    for cut in range(40):
        rig = Rig()
        rig.apply(1)
        rig.seal_location()
        new = rig.directive(2, answered=False, sensors=0)
        rig.cut_after(cut)
        try:
            rig.rules.apply(new)
        except FlashError:
            operations += 1
            assert not rig.rules.senses_location()
        rig.cut_after(None)
        rig.boot()
        if rig.rules.version == 1:
            # The cut came before the number was stored: as if the directive had never come. It comes again.
            assert cut <= 2
            rig.rules.apply(rig.directive(2, answered=False, sensors=0))
        elif rig.rules.version == 0:
            rig.apply(2, sensors=0)
        assert rig.rules.version == 2 and not rig.rules.senses_location() and rig.streams() == []
    assert operations >= 4
