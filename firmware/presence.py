"""Presence: is somebody who knows of the tracker with it? If for long nobody is, and it moves, it makes itself known.

After the IETF's drafts on unwanted tracking (DULT), for a tracker that has no owner's phone beside it; what counts, and what
this cannot do, is in docs/decisions/0015. Nothing is sensed for it: motion is judged by the fixes that leave is given for.
No directive, downlink or setting turns it off.
"""

import time
from math import cos, radians

from firmware.const import const

_FAULT = const(1024)  # of `status`
_RECORD = const("presence")  # in the settings: [alone since, due, Wi-Fi counts until, the access point travels], Unix s

# draft-detecting-unwanted-location-trackers, "Motion detector" and "Advertising" (work in progress)
_SEPARATED_S = const(1_800)
_LEAST_S = const(28_800)
_SPREAD_S = const(57_600)  # 8 h and up to 16 more, drawn anew each time: nobody can plan by it
_BACKOFF_S = const(21_600)
_SOUNDS = const(10)
_SOUND_MS = const(5_000)
_DAY_MS = const(86_400_000)  # how long after the last fix location counts as enabled, and how long an address lasts
# Network id 0 is reserved: none is registered for this product, and another one might be given to somebody. Then the
# near-owner bit, which is 0.
_PAYLOAD = const(b"\x02\x01\x06\x05\x16\xb2\xfc\x00\x00")

_UNKNOWN_MM = const(100_000)  # for a fix that does not tell its accuracy
_FAR_M = const(500)  # beyond the accuracies of both fixes: no echo between houses, and six minutes of walking
_AGAIN_S = const(60)  # from one sound to the next
_MOVING_MS = const(900_000)  # the LED, and awake, for so long after each such step
# The access point of the settings counts as the person's place. One that is met at two places travels along, and does
# not: a step, and 30 s at 100 km/h, lie between the place of a step and a contact at most, at both ends.
_FRESH_MS = const(30_000)
_TRAVELLED_M = const(3_000)
_HAND_S = const(1_209_600)  # and no place counts for longer than 14 days without a hand at the button


class Presence:
    """Presence(app, board, sleeps): the keeper calls `tick` once a second and `meet(True)` at the button, the receiver's
    task `accept` with each believed fix outside of every private zone.

    `faults`: a bit of `status` once it has made itself known, until somebody comes.
    """

    def __init__(self, app, board, sleeps):
        self._app = app
        self._board = board
        self._sleeps = sleeps
        record = app.settings.get(_RECORD)
        whole = isinstance(record, list) and len(record) == 4
        if not whole or not all(isinstance(number, int) and number >= 0 for number in record):
            record = (0, 0, 0, 0)
        self._since_s, self._due_s, self._until_s, self._travels = record
        # Where a step began, and where the access point was met: in RAM for a day at most, and never anywhere else.
        self._spot: tuple = None
        self._place: tuple = None
        self._at_s = self._since_s + _SEPARATED_S  # what is in the record was separated
        self._at_ms = time.ticks_ms() if self._since_s else None  # a restart does not end the day of the beacon
        self._step_ms = None
        self._tone_ms = None
        self._beacon_ms = None
        self._sounds = self._quiet_s = 0
        self.faults = 0

    def accept(self, fix: tuple) -> None:
        """A fix of firmware.drivers.gnss; its time is the receiver's, never a server's."""
        self._at_s, self._at_ms = fix[0], time.ticks_ms()
        # 1. Times of the record are no later than they can be [a clock that was fast, settings that were forged].
        if not 0 < self._until_s <= self._at_s + _HAND_S:
            self._until_s = self._at_s + _HAND_S
        if self._since_s > self._at_s:
            self._begin()
        # 2. A step counts from where the last one ended; the first begins what is counted as alone.
        if self._spot is None:
            self._spot = fix[1:4]
        elif _apart(self._spot, fix[1:4], _FAR_M):
            self._spot = fix[1:4]
            self._step()
        self._save()

    def meet(self, by_hand: bool) -> None:
        """Somebody is here who knows of it: by their hand, or at the access point of their place."""
        self._since_s = self._due_s = self._sounds = self._quiet_s = 0
        self._spot = self._step_ms = None
        self.faults = 0
        self._tone(False)
        if by_hand:
            self._until_s = self._travels = 0
            self._place = None
            # A chirp: who presses it in secret is heard.
            self._tone(True, _SOUND_MS - 1_000)
        self._save()

    def tick(self) -> None:
        """LED, sound and beacon, and whether the place is reached."""
        if self._app.safe:  # what crashes may be the radio
            return
        now_ms = time.ticks_ms()
        if self._at_ms is not None and time.ticks_diff(now_ms, self._at_ms) >= _DAY_MS:
            self._at_ms = self._step_ms = self._spot = self._place = None
        if self._tone_ms is not None and time.ticks_diff(now_ms, self._tone_ms) >= _SOUND_MS:
            self._tone(False)
        if self._app.in_contact() and self._board.radio_connected():
            self._at_access_point(now_ms)
        if self.moves():
            self._board.led(time.ticks_diff(now_ms, self._step_ms) // 1000 % 2 == 0)
        self._advertise(now_ms)

    def moves(self) -> bool:
        """True while it makes itself known; then it does not sleep."""
        if not self.faults or self._step_ms is None:
            return False
        return time.ticks_diff(time.ticks_ms(), self._step_ms) < _MOVING_MS

    def keep(self) -> list:
        """Integers for `restore` behind a deep sleep; ages in ms, -1 for none."""
        now_ms = time.ticks_ms()
        ages = [-1 if at is None else time.ticks_diff(now_ms, at) for at in (self._at_ms, self._step_ms)]
        spots = [self._spot, self._place]
        places = [-1 if spot is None else spot[index] for spot in spots for index in (0, 1, 2)]
        flags = self.faults // _FAULT + 2 * int(self._spot is not None) + 4 * int(self._place is not None)
        return [self._since_s, self._due_s, self._at_s, self._sounds, self._quiet_s, flags] + ages + places

    def restore(self, kept: list, asleep_ms: int) -> None:
        """Go on behind it."""
        self._since_s, self._due_s, self._at_s, self._sounds, self._quiet_s, flags = kept[:6]
        now_ms = time.ticks_ms()
        ages = [None if age < 0 else min(age + asleep_ms, _DAY_MS) for age in kept[6:8]]
        self._at_ms, self._step_ms = [None if age is None else time.ticks_add(now_ms, -age) for age in ages]
        self.faults = flags % 2 * _FAULT
        self._spot = tuple(kept[8:11]) if flags & 2 else None
        self._place = tuple(kept[11:14]) if flags & 4 else None

    def _step(self) -> None:
        """It has moved. Once it is due that sounds: at each step, ten times; then for six hours not."""
        self._step_ms = self._at_ms
        if not self._since_s:
            self._begin()
        # Settings may name a later time, not one that holds.
        elif self._at_s >= min(self._due_s, self._since_s + _LEAST_S + _SPREAD_S):
            self.faults = _FAULT
            if not self._at_s < self._quiet_s <= self._at_s + _BACKOFF_S:
                self._sounds = (self._sounds + 1) % _SOUNDS
                self._quiet_s = self._at_s + (_AGAIN_S if self._sounds else _BACKOFF_S)
                self._tone(True)

    def _begin(self) -> None:
        """Alone from now on."""
        self._since_s = self._at_s
        self._due_s = self._at_s + _LEAST_S + int.from_bytes(self._board.random(2), "big") * _SPREAD_S // 65_536

    def _tone(self, on: bool, done_ms: int = 0) -> None:
        self._tone_ms = time.ticks_add(time.ticks_ms(), -done_ms) if on else None
        self._board.sound(on)

    def _at_access_point(self, now_ms) -> None:
        """Its place, or one that travels along? An open network is anywhere."""
        if self._spot is not None and time.ticks_diff(now_ms, self._at_ms) < _FRESH_MS:
            if self._place is None:
                self._place = self._spot
            elif _apart(self._place, self._spot, _TRAVELLED_M):
                self._travels = 1
        if self._travels or self._at_s > self._until_s > 0 or not self._app.settings.get("wifi", {}).get("key"):
            return
        # What it made known is told first, where there is somebody to tell.
        if self._since_s and not (self.faults and self._app.reasons):
            self.meet(False)

    def _advertise(self, now_ms) -> None:
        """From 30 min alone to a day after the last fix; a device that sleeps would change its address at each wake, and
        does it once it stays awake."""
        wanted = False
        if self._since_s and self._at_ms is not None and (self.faults or not self._sleeps):
            wanted = self._at_s - self._since_s + time.ticks_diff(now_ms, self._at_ms) // 1000 >= _SEPARATED_S
        fresh = self._beacon_ms is not None and time.ticks_diff(now_ms, self._beacon_ms) < _DAY_MS
        if wanted == fresh and (wanted or self._beacon_ms is None):
            return
        self._beacon_ms = now_ms if wanted else None
        try:
            self._board.beacon(_PAYLOAD if wanted else None)
        except (OSError, MemoryError) as error:  # the LED and the sound remain
            print("beacon:", error)

    def _save(self) -> None:
        """Into the settings what a restart must not lose: that it is alone, once that has lasted for half an hour."""
        alone = self._since_s and self._at_s - self._since_s >= _SEPARATED_S
        record = [self._since_s, self._due_s] if alone else [0, 0]
        record += [self._until_s, self._travels]
        if record == self._app.settings.get(_RECORD):
            return
        self._app.settings[_RECORD] = record
        try:
            self._board.save_settings(self._app.settings)
        except OSError:  # a restart counts from what was written before
            print("settings: not saved")


def _apart(begin: tuple, end: tuple, metres: int) -> bool:
    """True if two positions (lat_e7, lon_e7, h_acc_mm) are certainly so far from each other."""
    around = (end[1] - begin[1] + 1_800_000_000) % 3_600_000_000 - 1_800_000_000
    east = int(around * cos(radians(end[0] / 1e7))) * 11 // 1000
    north = (end[0] - begin[0]) * 11 // 1000
    far = metres + sum(_UNKNOWN_MM if position[2] < 0 else position[2] for position in (begin, end)) // 1000
    return north * north + east * east > far * far
