"""Who is with the tracker, in virtual time: what counts, what does not, and how it makes itself known over restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from tests.unit.firmware.link import micro  # isort: skip  # lends CPython the names of MicroPython first

from firmware.presence import Presence

START_S = 1_768_000_000
HOUR_S, DAY_S = 3_600, 86_400
FAULT = 1024
LEAST_S, MOST_S = 8 * HOUR_S, 24 * HOUR_S
STEP_E7 = 100_000  # 1.1 km of latitude


class Board:
    """What presence asks of a board, and what somebody beside it would notice."""

    def __init__(self) -> None:
        self.connected = False
        self.draws = 128  # of 256: the middle of the span
        self.saved: list[Any] = []
        self.lit_at: list[float] = []
        self.tones: list[list[float]] = []
        self.beacons: list[tuple[float, bytes | None]] = []
        self._now_s: Callable[[], float] = lambda: 0.0

    def random(self, n: int) -> bytes:
        """Never what a test does not expect."""
        return bytes([self.draws]) * n

    def radio_connected(self) -> bool:
        """At the access point of the settings."""
        return self.connected

    def save_settings(self, settings: dict[str, Any]) -> None:
        """Into flash."""
        self.saved.append(dict(settings))

    def led(self, on: bool) -> None:
        """Pattern."""
        if on:
            self.lit_at.append(self._now_s())

    def sound(self, on: bool) -> None:
        """Begin and end of each tone."""
        if self.tones and len(self.tones[-1]) == 1:
            self.tones[-1].append(self._now_s())
        if on:
            self.tones.append([self._now_s()])

    def beacon(self, payload: bytes | None) -> None:
        """On the air."""
        self.beacons.append((self._now_s(), payload))


class Tracker:
    """A device with its keeper, once a second; `at` is where it is, in steps of a kilometre north."""

    def __init__(self, *, sleeps: bool = False, key: str = "secret") -> None:
        self.board = Board()
        self.board._now_s = lambda: self.now_s - START_S
        self.settings: dict[str, Any] = {"wifi": {"ssid": "home", "key": key}}
        self.safe = False
        self.reasons: list[int] = []
        self.sleeps = sleeps
        self.at = 0
        self.slept_s = 0
        self.start()

    @property
    def now_s(self) -> int:
        """Unix time."""
        return START_S + self.slept_s + micro.ticks_ms() // 1000

    def in_contact(self) -> bool:
        """As of the app."""
        return self.board.connected

    def start(self) -> None:
        """As after a power cut: from the settings in flash."""
        self.presence = Presence(self, self.board, self.sleeps)

    def fix(self, accuracy_mm: int = 5_000) -> None:
        """One believed fix, here and now."""
        self.presence.accept((self.now_s, 520_000_000 + self.at * STEP_E7, 130_000_000, accuracy_mm, -1, -1, 3, 9))

    async def stay(self, seconds: int, every_s: int = 600, look_s: int = 30) -> None:
        """Time passes at one place, with a fix now and then; the keeper looks less often, so that days go by quickly."""
        for second in range(0, seconds, look_s):
            if second % every_s == 0:
                self.fix()
            self.presence.tick()
            await asyncio.sleep(min(look_s, seconds - second))

    async def drive(self, seconds: int, every_s: int = 60) -> None:
        """A kilometre a minute."""
        for second in range(seconds):
            if second % every_s == 0:
                self.at += 1
                self.fix()
            self.presence.tick()
            await asyncio.sleep(1)

    async def home(self, seconds: int = 10) -> None:
        """In reach of the access point for so long."""
        self.board.connected = True
        for _ in range(seconds):
            self.presence.tick()
            await asyncio.sleep(1)
        self.board.connected = False

    @property
    def known(self) -> bool:
        """It has made itself known."""
        return bool(self.presence.faults == FAULT)


def lived(story: Callable[[Tracker], Coroutine[Any, Any, None]], tracker: Tracker | None = None) -> Tracker:
    """A tracker after its story."""
    tracker = tracker or Tracker()
    micro.run(story(tracker), limit_s=100 * DAY_S)
    return tracker


async def planted(tracker: Tracker, alone_s: int = MOST_S) -> None:
    """Pressed by who hides it, taken along, and for so long with somebody who does not know."""
    tracker.fix()
    tracker.presence.meet(True)
    await tracker.drive(600)
    await tracker.stay(alone_s - 600)


def test_alone_for_a_day_and_moved_it_makes_itself_known() -> None:
    """LED that blinks, a tone of five seconds at the least, the bit in `status`, and a beacon from half an hour on."""

    async def story(tracker: Tracker) -> None:
        await planted(tracker)
        assert not tracker.known and len(tracker.board.tones) == 1  # the chirp at the press
        began = micro.ticks_ms() // 1000
        await tracker.drive(240)
        assert tracker.known and tracker.presence.moves()
        tones = tracker.board.tones[1:]
        assert tones[0][0] - began < 70 and all(5 <= end - begin <= 6 for begin, end in tones) and len(tones) >= 3
        lit = [at for at in tracker.board.lit_at if at >= began + 60]
        assert 80 <= len(lit) <= 100  # every other second
        await tracker.drive(2400)

    tracker = lived(story)
    at_s, payload = tracker.board.beacons[0]
    assert 1_800 <= at_s <= 1_800 + 130  # behind the first step
    assert payload is not None and payload[3:9] == bytes((5, 0x16, 0xB2, 0xFC, 0, 0))
    assert DAY_S <= tracker.board.beacons[1][0] - at_s <= DAY_S + 30  # under another address


@pytest.mark.parametrize(("draws", "due_s"), [(0, LEAST_S), (255, MOST_S)])
def test_it_is_silent_before_the_time_that_it_drew(draws: int, due_s: int) -> None:
    """Never before 8 hours, never behind 24, whatever was drawn: a theft is not sung at once."""

    async def story(tracker: Tracker) -> None:
        tracker.board.draws = draws
        tracker.fix()
        await tracker.drive(due_s - 240)
        assert not tracker.known
        await tracker.drive(600)
        assert tracker.known

    lived(story)


def test_at_rest_it_stays_silent_however_long() -> None:
    """Parked out of reach of anything: nobody is moved with it, and it makes itself known at the first step only."""

    async def story(tracker: Tracker) -> None:
        await planted(tracker, 3 * DAY_S)
        assert not tracker.known
        await tracker.drive(61)
        assert tracker.known

    lived(story)


def test_a_receivers_noise_is_no_step() -> None:
    """Positions that are apart by less than 500 m and their accuracies move nobody."""

    async def story(tracker: Tracker) -> None:
        tracker.fix()
        tracker.at = 1
        tracker.fix(accuracy_mm=700_000)
        assert tracker.presence._since_s == 0
        tracker.fix(accuracy_mm=100_000)
        assert tracker.presence._since_s == tracker.now_s

    lived(story)


def test_each_evening_at_its_access_point_it_stays_silent() -> None:
    """Ten days of sixteen hours away: no sound, no LED, no beacon while at home."""

    async def story(tracker: Tracker) -> None:
        tracker.fix()
        tracker.presence.meet(True)
        tracker.board.tones.clear()
        for _ in range(10):
            await tracker.drive(1200)
            await tracker.stay(6 * HOUR_S)
            tracker.at -= 21
            await tracker.drive(60)
            await tracker.home()
            assert tracker.board.beacons[-1][1] is None
            await tracker.stay(16 * HOUR_S)
        assert not tracker.board.tones and not tracker.board.lit_at

    lived(story)


def test_fourteen_days_without_a_hand_no_access_point_counts() -> None:
    """A place that somebody else set up beside the person's bed hides the tracker for two weeks at most."""

    async def story(tracker: Tracker) -> None:
        tracker.fix()
        tracker.presence.meet(True)
        tracker.board.tones.clear()
        for day in range(20):
            await tracker.drive(120)
            await tracker.stay(10 * HOUR_S, every_s=HOUR_S)
            tracker.at -= 3
            await tracker.drive(60)
            await tracker.home()
            await tracker.stay(2 * HOUR_S, every_s=HOUR_S)
            tracker.slept_s += 12 * HOUR_S - 240 - 10 + 50
            if tracker.known:
                assert 14 <= day <= 16
                return
        raise AssertionError("never")

    lived(story)


def test_a_hand_gives_the_place_another_fourteen_days() -> None:
    """Pressed on the thirteenth day, the place counts on the twentieth; so does one that travelled, until it does again."""

    async def story(tracker: Tracker) -> None:
        tracker.fix()
        tracker.slept_s += 13 * DAY_S
        tracker.presence._travels = 1
        tracker.presence.meet(True)
        tracker.fix()
        tracker.slept_s += 7 * DAY_S
        await tracker.drive(180)
        assert tracker.presence._since_s > 0
        await tracker.home()
        assert tracker.presence._since_s == 0 and tracker.settings["presence"][3] == 0

    lived(story)


def test_what_it_made_known_is_told_before_the_place_ends_it() -> None:
    """The report of the fault is sealed in the contact at home; only then is the fault over."""

    async def story(tracker: Tracker) -> None:
        await planted(tracker)
        await tracker.drive(61)
        tracker.reasons.append(5)
        await tracker.home()
        assert tracker.known
        tracker.reasons.clear()
        await tracker.home()
        assert not tracker.known

    lived(story)


def test_an_access_point_that_travels_along_does_not_count() -> None:
    """A hotspot in the car, met each two minutes of the way: silent as long as it is new, then like none at all."""

    async def story(tracker: Tracker) -> None:
        tracker.fix()
        for _ in range(13 * HOUR_S // 300):
            await tracker.drive(70, every_s=60)
            await tracker.home()
            await tracker.stay(210)
        tracker.board.draws = 0
        assert tracker.settings["presence"][3] == 1
        await tracker.stay(MOST_S)
        await tracker.drive(120)
        assert tracker.known

    lived(story)


def test_an_open_network_is_no_place() -> None:
    """Everybody's hotspot in every town has that name."""

    async def story(tracker: Tracker) -> None:
        tracker.fix()
        await tracker.drive(3000)
        await tracker.home()
        assert tracker.presence._since_s > 0

    lived(story, Tracker(key=""))


def test_a_hand_at_the_button_ends_it_and_chirps() -> None:
    """Pressed while it sounds: silence but for a second, no beacon, and the eight hours begin anew."""

    async def story(tracker: Tracker) -> None:
        await planted(tracker)
        await tracker.drive(62)
        assert tracker.known and len(tracker.board.tones[-1]) == 1
        tracker.presence.meet(True)
        await tracker.stay(10, look_s=1)
        assert tracker.presence.faults == 0 and not tracker.presence.moves()
        begin, end = tracker.board.tones[-1]
        assert end - begin <= 1 and tracker.board.beacons[-1][1] is None
        await tracker.drive(LEAST_S - 60)
        assert not tracker.known

    lived(story)


def test_ten_sounds_then_six_hours_of_none() -> None:
    """A minute apart at the least; LED and beacon go on; then it sounds again."""

    async def story(tracker: Tracker) -> None:
        await planted(tracker)
        tracker.board.tones.clear()
        await tracker.drive(13 * HOUR_S, every_s=20)

    tones = lived(story).board.tones
    assert len(tones) == 30
    begins = [tone[0] for tone in tones]
    gaps = [int(after - before) for before, after in pairwise(begins)]
    assert all(60 <= gap <= 80 for index, gap in enumerate(gaps) if index % 10 != 9)
    assert all(6 * HOUR_S <= gap <= 6 * HOUR_S + 80 for gap in gaps[9::10])


def test_power_cuts_do_not_begin_the_time_anew() -> None:
    """Cut every forty minutes, as by the key of a car, it counts on: by the receiver's time, over what it was off."""

    async def story(tracker: Tracker) -> None:
        tracker.fix()
        tracker.board.draws = 0
        for _ in range(8):
            await tracker.drive(2400)
            tracker.slept_s += 1800
            tracker.start()
        assert tracker.presence._since_s < START_S + 600
        assert tracker.presence.faults == FAULT or not tracker.known
        await tracker.drive(180)
        assert tracker.known

    tracker = lived(story)
    assert len(tracker.board.saved) <= 3  # cheap in flash


def test_a_cut_within_the_first_half_hour_forgets_no_more_than_that() -> None:
    """Nothing is written for a short way; the next step begins the count."""

    async def story(tracker: Tracker) -> None:
        tracker.fix()
        await tracker.drive(900)
        assert tracker.settings["presence"][:2] == [0, 0]
        tracker.start()
        await tracker.drive(120)
        assert tracker.presence._since_s >= START_S + 900

    lived(story)


def test_deep_sleep_keeps_it_all() -> None:
    """What a sleeping device kept in retained memory is what it had; ages grow by the sleep."""

    async def story(tracker: Tracker) -> None:
        await planted(tracker)
        await tracker.drive(120)
        kept, before = tracker.presence.keep(), dict(tracker.presence.__dict__)
        assert all(isinstance(number, int) and -(2**31) <= number < 2**32 for number in kept)
        tracker.start()
        tracker.presence.restore(kept, 3_600_000)
        after = tracker.presence.__dict__
        for name in ("_since_s", "_due_s", "_until_s", "_at_s", "_sounds", "_quiet_s", "_spot", "_place", "faults"):
            assert after[name] == before[name], name
        assert not tracker.presence.moves()
        tracker.slept_s += 3600
        await tracker.drive(61)
        assert tracker.presence.moves()

    lived(story, Tracker(sleeps=True))


def test_a_device_that_sleeps_beacons_when_it_makes_itself_known() -> None:
    """Before, each wake would have another address, which no phone can follow."""

    async def story(tracker: Tracker) -> None:
        await planted(tracker)
        assert tracker.board.beacons == []
        await tracker.drive(61)
        assert len(tracker.board.beacons) == 1

    lived(story, Tracker(sleeps=True))


def test_a_day_after_the_last_fix_nothing_is_left() -> None:
    """Sensing has ended: the beacon goes on for a day, then it ends and the positions in RAM are forgotten."""

    async def story(tracker: Tracker) -> None:
        await planted(tracker)
        end = micro.ticks_ms() // 1000
        for _ in range(DAY_S // 10 + 60):
            tracker.presence.tick()
            await asyncio.sleep(10)
        at_s, payload = tracker.board.beacons[-1]
        assert payload is None and DAY_S - 700 <= at_s - end <= DAY_S + 30
        assert tracker.presence._spot is tracker.presence._place is None

    lived(story)


@pytest.mark.parametrize(
    "record",
    [
        [0, 0, 2**40, 0],
        [2**40, 2**40, 0, 0],
        [START_S - 2 * DAY_S, 2**40, 0, 0],
        "no list",
        [1, 2],
        [0, 0, -5, 0],
        [0, 0, "x", 0],
    ],
)
def test_forged_settings_put_nothing_off(record: Any) -> None:
    """Who writes the settings at enrolment cannot name a time beyond those that hold, nor stop the device by nonsense."""

    async def story(tracker: Tracker) -> None:
        tracker.settings["presence"] = record
        tracker.start()
        tracker.fix()
        assert tracker.presence._until_s == START_S + 14 * DAY_S
        await tracker.drive(600)
        await tracker.stay(MOST_S)
        await tracker.drive(61)
        assert tracker.known

    lived(story)


def test_in_safe_mode_it_touches_nothing() -> None:
    """What crashes may be the radio's own code."""

    async def story(tracker: Tracker) -> None:
        await planted(tracker, 1_500)
        tracker.safe = True
        await tracker.stay(DAY_S)
        assert tracker.board.beacons == []

    lived(story)


def test_settings_that_cannot_be_written_stop_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Flash that fails costs the memory over a restart, not the sound."""

    async def story(tracker: Tracker) -> None:
        def broken(settings: dict[str, Any]) -> None:
            raise OSError(5)

        tracker.board.save_settings = broken  # type: ignore[method-assign]
        await planted(tracker)
        await tracker.drive(61)
        assert tracker.known

    lived(story)
    assert "settings: not saved" in capsys.readouterr().out


def test_a_radio_without_memory_leaves_led_and_sound(capsys: pytest.CaptureFixture[str]) -> None:
    """A beacon that does not start is tried again a day later."""

    async def story(tracker: Tracker) -> None:
        def broken(payload: bytes | None) -> None:
            raise OSError(12)

        tracker.board.beacon = broken  # type: ignore[method-assign]
        await planted(tracker)
        await tracker.drive(61)
        assert tracker.known and len(tracker.board.tones) == 3

    lived(story)
    assert capsys.readouterr().out.count("beacon:") == 1
