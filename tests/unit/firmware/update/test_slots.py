"""What chooses the release that starts: trial, confirmation, falling back, and never below what was confirmed."""

from __future__ import annotations

import sys

import pytest

from firmware import slots, update
from firmware.wire.envelope import peek_uplink
from tests.unit.firmware.update.update_world import FACTORY, STATUS, Client, World, broker, image, release, uplink

TRIAL, ROLLED_BACK = 2, 3
OLD, NEW = image("1.0"), image("2.0")


def installed(security: int = 1) -> World:
    """A board that runs a confirmed release."""
    world = World()
    world.start()
    world.install(release("1.0", security=security))
    assert world.running == OLD
    return world


def fetched(world: World, security: int = 1) -> World:
    """A newer one is whole and has not started."""
    newer = release("2.0", security=security)
    world.offer(newer)
    assert world.contact(Client(broker(newer)))
    return world


def test_a_release_that_never_connects_gives_way() -> None:
    """Three starts without an acknowledged envelope; then the old one runs, says so, and goes on saying so."""
    world = fetched(installed())
    for _ in range(3):
        assert world.start() == NEW
        assert update.state == TRIAL
    for _ in range(2):
        assert world.start() == OLD
        assert update.state == ROLLED_BACK


def test_half_a_mark_is_a_start() -> None:
    """A release that makes the supply fail at each of its starts tears each mark, and still has three starts only."""
    world = fetched(installed())
    slot = slots.Slot(world.nor, 0)
    at = (slot.base + slot.sectors) * 4096 + 256 + 3 * 16
    for n in range(3):
        world.nor.data[at + 16 * n + 5] = 0xFE
    assert world.start() == OLD
    assert update.state == ROLLED_BACK


def test_a_release_in_a_slot_that_dies_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no app catches, as an import that fails, resets the board; of the release built in it ends at the console."""
    world, resets = World(), []
    monkeypatch.setattr(update, "begin", lambda *args: None)
    monkeypatch.setitem(sys.modules, "firmware.app", None)
    monkeypatch.setattr(sys, "print_exception", lambda error: None, raising=False)
    with world.machine():
        sys.modules["machine"].reset = lambda: resets.append(1)  # type: ignore[attr-defined]
        monkeypatch.setattr(slots, "choose", lambda: (0, TRIAL, 0))
        slots.run()
        assert resets == [1]
        monkeypatch.setattr(slots, "choose", lambda: (-1, 0, 0))
        with pytest.raises(ImportError):
            slots.run()
    assert resets == [1]


def test_a_release_that_failed_can_be_offered_again() -> None:
    """The operator decides: fetched anew, with new starts, and confirmed this time."""
    world = fetched(installed())
    for _ in range(4):
        world.start()
    world.install(release("2.0"))
    assert world.start() == NEW
    assert update.state == 0


def test_a_confirmed_release_has_starts_without_end() -> None:
    """And the slot of the one before may be overwritten: the third release takes it."""
    world = fetched(installed())
    world.start()
    world.acknowledged()
    for _ in range(9):
        assert world.start() == NEW
    world.install(release("3.0"))
    assert world.start() == image("3.0")
    assert update.slot == 1  # where the first was


def test_a_crash_of_the_release_before_is_forgotten() -> None:
    """With the confirmation, not before: until then the device may have to go back to it."""
    world = fetched(installed())
    world.settings["crash"] = ["ValueError app.py:1 main", 2]
    world.crash = "ValueError app.py:1 main"
    world.start()
    assert world.saved == []
    world.acknowledged()
    assert (world.crash, [sorted(each) for each in world.saved]) == ("", [["release_key"]])


@pytest.mark.parametrize(
    "other",
    [
        uplink(0, 4, 20_000, 6),  # that the release before has sealed: it waited in the spool
        uplink(0, 4, 19_999, 99),  # on the day before
        uplink(0, 1, 20_000, 8),  # of another stream, whose numbers say nothing
    ],
)
def test_only_a_status_of_this_start_confirms(other: bytes) -> None:
    """What waits in the spool proves the sealing of the release before, and only its link is the new one's."""
    world = fetched(installed())
    world.start()
    with world.machine():
        update.confirm(world, world, peek_uplink(STATUS)[:4])
        assert update.state == TRIAL, "nothing was sealed by it yet"
        update.sealed(STATUS)
        update.sealed(uplink(0, 4, 20_000, 9))
        update.confirm(world, world, peek_uplink(other)[:4])
        assert update.state == TRIAL
        update.confirm(world, world, peek_uplink(uplink(0, 4, 20_000, 9))[:4])
    assert update.state == 0


def test_a_start_has_to_seal_its_own_status() -> None:
    """What the start before has sealed is of the same release, and does not say that this start can seal."""
    world = fetched(installed())
    world.start()
    update.sealed(STATUS)
    world.start()
    with world.machine():
        update.confirm(world, world, peek_uplink(STATUS)[:4])
    assert update.state == TRIAL


def test_trial_ends_by_time_too() -> None:
    """Four hours without an acknowledgement are one start; a confirmed release has no such bound."""
    world = fetched(installed())
    assert not update.overdue(10**6)
    world.start()
    assert not update.overdue(14_399)
    assert update.overdue(14_400)
    world.acknowledged()
    assert not update.overdue(10**6)


def test_a_lower_security_version_is_refused_after_a_higher_was_confirmed() -> None:
    """The floor is what was confirmed in a slot, although the release that is built in says 1."""
    world = installed(security=3)
    lower = release("2.0", security=2)
    world.offer(lower)
    assert not world.contact(Client(broker(lower)))
    assert (update.state, world.start()) == (4, OLD)
    world.install(release("2.0", security=3))
    assert world.start() == NEW


def test_a_security_version_on_trial_is_no_floor() -> None:
    """One that fails must not bar the way back."""
    world = fetched(installed(security=1), security=9)
    for _ in range(3):
        assert world.start() == NEW
    assert world.start() == OLD
    assert update.least == 1


def test_an_older_slot_below_the_floor_does_not_start() -> None:
    """The newer release's flash wears out: the older one, whose hole it mended, stays off, and so does the one built in."""
    world = fetched(installed(security=1), security=2)
    world.start()
    world.acknowledged()
    wear(world, 0)
    assert world.start() == FACTORY
    assert update.slot == -1
    assert update.least == 2  # which `slots.run` holds against the built-in one's


def test_worn_flash_falls_back_to_the_release_before() -> None:
    """One bit of the newer image: it is not the one that was signed, and the older, of the same security version, runs."""
    world = fetched(installed())
    world.start()
    world.acknowledged()
    assert world.start() == NEW
    wear(world, 0)
    assert world.start() == OLD


def wear(world: World, slot: int) -> None:
    """One bit of the image in a slot, lost."""
    at = slot * len(world.nor.data) // 2 + 5000
    bit = next(bit for bit in range(8) if world.nor.data[at] >> bit & 1)
    world.nor.data[at] ^= 1 << bit


def test_an_image_that_is_damaged_before_its_first_start_is_given_up() -> None:
    """At once, without using up starts in a loop."""
    world = fetched(installed())
    wear(world, 0)
    assert world.start() == OLD
    assert update.state == ROLLED_BACK


@pytest.mark.parametrize("fill", [0x00, 0xFF, None])
def test_flash_that_was_never_written_holds_no_release(fill: int | None) -> None:
    """Blank, zeroed, or what somebody left there."""
    world = World()
    if fill is not None:
        world.nor.data[:] = bytes([fill]) * len(world.nor.data)
    assert world.start() == FACTORY
    assert (update.state, update.slot, update.least) == (0, -1, 0)


def test_a_head_is_read_as_written_or_not_at_all() -> None:
    """Each byte of the head flipped: no other order, size or security version is ever believed."""
    world = installed()
    slot = slots.Slot(world.nor, 1)
    head = slot.head()
    assert head is not None
    at = (slot.base + slot.sectors) * 4096
    for i in range(52 + len(head[4])):
        world.nor.data[at + i] ^= 1
        assert slot.head() is None, i
        world.nor.data[at + i] ^= 1
    assert slot.head() == head


def test_the_release_built_in_stays_off_below_the_floor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`slots.run` reads the security version of what it would start, and compares it with what was confirmed."""
    world = World()
    begun = []
    monkeypatch.setattr(update, "begin", lambda *args: begun.append(args))
    monkeypatch.setattr(slots, "choose", lambda: (-1, 0, 2))
    with world.machine():
        slots.run()
    assert begun == []
    assert "not started" in capsys.readouterr().out
