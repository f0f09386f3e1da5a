"""Clock: trusted time at the device (wire-format section 8, PROTOCOL rules 6 to 8)."""

from firmware.const import const
from firmware.keystore import FLOOR_MARGIN_S, MAX_JUMP
from firmware.wire.batch import EPOCH_S

_CHALLENGE_BYTES = const(8)
_TOLERANCE_S = const(120)  # PROTOCOL rule 8
PERSIST_S = 3600  # 24 records a day are three erases, and a cut costs the lease at most an hour of its count
_FASTEST = const(1000)  # ticks gain less than 1 s in so many: crystals keep 50 ppm, here is twenty times that
# An RC oscillator counts while the device sleeps deeply: off by less than 1 s in so many. ESP32s are reported 0.3 to 1 %
# fast over hours behind ESP-IDF's calibration, 5 % across all temperatures; what is beyond heals by the server's word.
_ASLEEP = const(32)
_TICKS_MASK = const(2**30 - 1)  # MicroPython's ticks wrap at a power of two, at 2**30 ms at the earliest (12.4 days)


class Challenge:
    """Challenge(rng): `value` of 8 bytes, fresh at each boot and after each use; `rng(n) -> bytes`."""

    def __init__(self, rng):
        self._rng = rng
        self.consume()

    def answers(self, candidate: bytes) -> bool:
        """True if the candidate is the current challenge; changes nothing."""
        return len(candidate) == _CHALLENGE_BYTES and candidate == self.value

    def consume(self):
        """Draw a fresh one, once an answer was used [an answer holds once]."""
        self.value = bytes(self._rng(_CHALLENGE_BYTES))


class Clock:
    """Clock(ticks_ms, keystore, challenge): `ticks_ms` is time.ticks_ms; call now_s() at least once in 12 days.

    `lease_until_s`: of the directive in force, 0 for none; the application sets it. `wants_confirmation`: the
    receiver's time was refused and only the server can say who is right: send a status with reason 4.
    """

    def __init__(self, ticks_ms, keystore, challenge):
        self._ticks_ms = ticks_ms
        self._keystore = keystore
        self._challenge = challenge
        self._last_ticks = ticks_ms()
        self._elapsed_ms = 0
        self._trusted = None  # (Unix s at elapsed 0, confirmed by the server or not)
        self._reckoned_s = keystore.floor_s + keystore.dark_s  # at elapsed 0: a time that is certainly past
        self._confirmed_s = None  # Unix s at elapsed 0 by the server's last word
        self._dark_s = keystore.dark_s  # counted since the floor, up to _dark_from_s
        self._dark_from_s = 0
        self._doubt_ms = 0  # by how much sleeps may have led the trusted time astray
        self._napped_ms = 0  # of light sleep, of which the bounds of time do not know yet
        self.lease_until_s = 0
        self.wants_confirmation = False

    def now_s(self):
        """Trusted Unix time in s, or None."""
        elapsed_s = self._elapsed_s()
        if self._trusted is None:
            return None
        base_s, confirmed = self._trusted
        now_s = base_s + elapsed_s
        if not confirmed and now_s > self._limit_s(elapsed_s):
            # The epoch never passes the lease end on the receiver's word [one report of 2037 must not brick the
            # ladder].
            self.wants_confirmation = True
            return None
        return now_s

    def epoch(self) -> int:
        """Epoch to seal in: that of now_s(), the key store's without trusted time, and never below the key store's."""
        now_s = self.now_s()
        return self._keystore.epoch if now_s is None else max(self._keystore.epoch, now_s // EPOCH_S)

    def day_is_over(self) -> bool:
        """True when epoch() has passed the key store's: seal the open batches, then keystore.advance(clock.epoch(),
        clock.now_s()).
        """
        return self.epoch() > self._keystore.epoch

    def behind_epoch(self) -> bool:
        """True when the time lies more than 120 s before the epoch of the keys: the personal streams stop until it
        heals.
        """
        now_s = self.now_s()
        return now_s is not None and now_s + _TOLERANCE_S < self._keystore.epoch * EPOCH_S

    def lease_over(self) -> bool:
        """True at lease end, by trusted time or by the seconds counted since the floor; also without a lease."""
        return self.counted_s() >= self.lease_until_s

    def counted_s(self) -> int:
        """The last trusted time, else the floor, and the seconds counted since: what waits for a day long past ends by
        it, when now_s() knows nothing.
        """
        if self._trusted is None:
            return self._keystore.floor_s + self._dark_now_s()
        return self._trusted[0] + self._elapsed_s()

    def offer_gnss(self, time_s: int, fix_ok: bool, valid_date: bool, valid_time: bool, fully_resolved: bool) -> bool:
        """Offer the receiver's time; True if it is now the clock's."""
        # 1. The receiver is sure of it (gnssFixOK, validDate, validTime, fullyResolved) [its clock before a fix says
        # anything].
        if not (fix_ok and valid_date and valid_time and fully_resolved):
            return False
        elapsed_s = self._elapsed_s()
        # 2. Not below the floor [a simulator that winds time back to keys of the past], nor behind the ticks counted
        # since [one that holds it still, so that no lease ends].
        # 3. Not a day beyond what was reckoned from the floor; steps below a day do not add up [one that leaps day by
        # day]. 4. Not beyond the lease [the year 2037].
        late = time_s > self._reckoned_s + elapsed_s + EPOCH_S or time_s > self._limit_s(elapsed_s)
        if time_s < max(self._keystore.floor_s, self._least_s(elapsed_s)) or late:
            self.wants_confirmation = True
            return False
        self._trusted = (time_s - elapsed_s, False)
        self._doubt_ms = 0
        self.wants_confirmation = False
        return True

    def offer_server(self, time_s: int, challenge: bytes) -> bool:
        """Offer the time of an opened downlink (kind 3, or issued_at of a directive); True if it is now the clock's.

        A challenge that is answered is consumed, whatever becomes of the time.
        """
        # 1. It answers the current challenge [a time that a broker kept back].
        if not self._challenge.answers(challenge):
            return False
        self._challenge.consume()
        # 2. An epoch that the key store can reach, and no further back than the day before its own.
        if not self._keystore.epoch - 1 <= time_s // EPOCH_S <= self._keystore.epoch + MAX_JUMP:
            return False
        # 3. Below the floor it takes the floor along: a receiver or a server that was fast for a moment has carried it
        # ahead, and who holds the keys may say so. The epoch stays [no key of the past].
        if time_s < self._keystore.floor_s:
            self._keystore.lower_floor(time_s)
        base_s = time_s - self._elapsed_s()
        self._trusted = (base_s, True)
        self._doubt_ms = 0
        self._confirmed_s = self._reckoned_s = base_s
        self.wants_confirmation = False
        return True

    def persist(self):
        """Call every minute or so: persists the floor, or without trusted time the seconds counted, once an hour has
        been added.
        """
        now_s = self.now_s()
        if now_s is None:
            dark_s = self._dark_now_s()
            if dark_s - self._keystore.dark_s >= PERSIST_S:
                self._keystore.count_dark(dark_s)
            return
        self._dark_s, self._dark_from_s = 0, self._elapsed_s()
        if now_s - FLOOR_MARGIN_S - self._keystore.floor_s >= PERSIST_S:
            self._keystore.raise_floor(now_s)

    def nap_ms(self, ms: int) -> bool:
        """Before so long a light sleep, of which an RC oscillator makes the ticks. False: the time would be too doubtful."""
        doubt_ms = self._doubt_ms + ms // _ASLEEP + 1
        if self._trusted is None or 2 * doubt_ms > _TOLERANCE_S * 1000:
            return False
        self._doubt_ms = doubt_ms
        self._napped_ms += ms
        if self._napped_ms >= _ASLEEP * 1000:  # of so much a second may be wrong, either way
            self._napped_ms -= _ASLEEP * 1000
            self._reckoned_s -= 1
            if self._confirmed_s is not None:
                self._confirmed_s += 1
        return True

    def keep(self) -> list:
        """What it knows, as integers for `resume` behind a deep sleep."""
        elapsed_s = self._elapsed_s()
        base_s, confirmed = self._trusted or (0, False)
        time_s = base_s + elapsed_s if self._trusted else 0
        confirmed_s = 0 if self._confirmed_s is None else self._confirmed_s + elapsed_s
        flags = int(confirmed) + 2 * int(self.wants_confirmation)
        rest_ms = self._elapsed_ms % 1000
        known = [time_s, self._reckoned_s + elapsed_s, confirmed_s, self._dark_now_s(), self._doubt_ms, flags, rest_ms]
        return known + [self._napped_ms]

    def resume(self, kept: list, asleep_ms: int) -> None:
        """Go on after so long asleep, as a poorer clock counted it; to be called before anything else is asked.

        Beyond 120 s of doubt the time is no longer trusted: the receiver or the server must tell it anew.
        """
        time_s, reckoned_s, confirmed_s, dark_s, doubt_ms, flags, rest_ms, self._napped_ms = kept
        # What the last second lacked goes on, else a day of many sleeps would lose minutes.
        asleep_s, self._elapsed_ms = divmod(rest_ms + asleep_ms, 1000)
        self._last_ticks = self._ticks_ms()
        astray_s = -(-asleep_s // _ASLEEP)
        self._reckoned_s = reckoned_s + asleep_s - astray_s
        if confirmed_s:
            self._confirmed_s = confirmed_s + asleep_s + astray_s
        self.wants_confirmation = flags & 2 != 0
        self._dark_s = dark_s + asleep_s + astray_s
        doubt_ms += asleep_ms // _ASLEEP + 1
        if time_s and doubt_ms <= _TOLERANCE_S * 1000:
            self._trusted = (time_s + asleep_s, flags & 1 != 0)
            self._doubt_ms = doubt_ms
        elif time_s:  # counted on the long side: a lease ends too early rather than too late
            self._dark_s = max(0, time_s + asleep_s + doubt_ms // 1000 + 1 - self._keystore.floor_s)

    def _least_s(self, elapsed_s):
        """What the time is at least, however fast the oscillator runs."""
        return self._reckoned_s + elapsed_s - elapsed_s // _FASTEST - _TOLERANCE_S

    def _dark_now_s(self):
        return self._dark_s + self._elapsed_s() - self._dark_from_s

    def _limit_s(self, elapsed_s):
        """The latest time that the receiver may say: lease end, or the server's own time."""
        if self._confirmed_s is None:
            return self.lease_until_s
        return max(self.lease_until_s, self._confirmed_s + elapsed_s + _TOLERANCE_S)

    def _elapsed_s(self):
        ticks = self._ticks_ms()
        self._elapsed_ms += (ticks - self._last_ticks) & _TICKS_MASK
        self._last_ticks = ticks
        return self._elapsed_ms // 1000
