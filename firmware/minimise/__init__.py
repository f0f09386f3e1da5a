"""Minimiser: what is not permitted in a fix is cut here, before anything keeps it.

First what may leave of one fix: position, time and quality no finer than the precision, nothing of a zone. Then which of
these entries leave (`thin`, `places`, `blur`: each imported only when the directive asks for it). All that holds state
sees entries and never a fix, so it tells nothing that the entries without it would not tell; and fixes of a zone change
no state at all, so nothing that leaves depends on them.
"""

from firmware.const import const
from firmware.errors import WireError
from firmware.wire import cells
from firmware.wire.batch import SLACK_S, entry_of
from firmware.wire.directive import GNSS, SPEED_AND_COURSE

# m; a fix that is less accurate than this is not kept. For `exact` a kilometre: it is then no position any more; for a
# cell the power of two at its quality class, about the size of the cell.
_MAX_H_ACC_M = const((1024, 128, 1024, 16_384, 32_768))
_MAX_SPEED_MM_S = const(1_000_000)  # the format's limit; no vehicle on the ground comes near it

_LEAST_SECRET_BYTES = const(16)  # it can be guessed against every point that ever left, for ever


class Minimiser:
    """Minimiser(directive, secret): one for each directive in force (None: nothing is permitted).

    `secret`, at least 16 random bytes of the device that never change, is needed for `blur` alone. `places` knows which of
    them it is inside of; None without them.
    """

    def __init__(self, directive, secret: bytes = b""):
        self._directive = directive
        self._last_s = None
        self._side = directive is not None and directive.fields & SPEED_AND_COURSE != 0
        self.places = self._blur = self._thin = None
        self._max_acc_mm = 0
        if directive is not None:
            self._prepare(directive, secret)

    def _prepare(self, directive, secret):
        """What the directive asks for; modules that it does not ask for stay out of the heap."""
        if directive.precision <= cells.REGION:
            self._max_acc_mm = 1000 * _MAX_H_ACC_M[directive.precision]
        if directive.places:
            from firmware.minimise.places import Places

            self.places = Places(directive)  # type: ignore[assignment]  # its class is loaded late
            self._max_acc_mm = 1000 * min(place[3] for place in directive.places)
        if directive.blur and len(secret) < _LEAST_SECRET_BYTES:
            self._directive = None  # without the secret the grid would be everybody's: nothing leaves
        elif directive.blur:
            from firmware.minimise.blur import Blur

            self._blur = Blur(directive.blur, secret)  # type: ignore[assignment]
        if directive.distance or directive.stay or directive.error:
            from firmware.minimise.thin import Thin

            self._thin = Thin(directive)  # type: ignore[assignment]

    def sensing_at(self, time_s: int) -> bool:
        """False without the sensor, after the lease and in the hours in which nothing is sensed: the receiver stays
        unpowered.
        """
        directive = self._directive
        if directive is None or not directive.permits(GNSS):
            return False
        return time_s < directive.lease_until and not directive.closed_at(time_s)

    def accept(self, fix: tuple, interval_s: int = 0):
        """Entries for the open batch that leave at this fix, in the order of time; often none. Behind a clock that was
        taken back those that were held back come first.

        fix: (time_s, lat_e7, lon_e7, h_acc_mm, speed_mm_s, course_e5, mode, satellites), unknown -1. Entry: (time_s,
        row, col, quality), or with speed and course permitted and known (time_s, row, col, quality, speed_dm_s,
        course_deg); where the directive has places (time_s, place, event). One position for each time step at most.
        interval_s: of fixes at present, where a low battery stretches the directive's.
        """
        if not self.sensing_at(fix[0]) or not self._is_sound(fix):
            return ()
        try:
            # 1. Nothing of a zone leaves, whatever the precision, and nothing here remembers it [in-zone side data
            #    locates a home in ten trips; so would a stay, a line or a distance that goes on from there].
            if self._in_zone(fix[1], fix[2]):
                return ()
            # 2. Where only places are permitted no position goes further than this.
            if self.places:
                return self.places.accept(fix, interval_s)
            # 3. Position, time and quality no finer than permitted; speed and course only with leave.
            entry = entry_of(fix, self._directive.precision, self._side)
            if self._blur:
                entry = self._blur.entry(entry)
        except WireError:
            return ()  # a position that is not on Earth
        # 4. One entry a time step [their number and order would tell the time within it].
        held = ()
        if self._last_s is not None and entry[0] <= self._last_s:
            if fix[0] >= self._last_s - cells.TIME_STEP_S[self._directive.precision] - SLACK_S:
                return ()
            # The clock was fast and is right again: all begins anew [until the old time it would be silent].
            held = self.flush()
            if self._thin:
                self._thin = type(self._thin)(self._directive)
        self._last_s = entry[0]
        # 5. Which of these leave: judged by what would leave, so that the choice tells nothing finer.
        return list(held) + list(self._thin.accept(entry, interval_s) if self._thin else (entry,))

    def flush(self):
        """Entries that were held back and leave now: the day, the leave or the sensing ends. They are held no more."""
        return self._thin.flush() if self._thin else ()

    def inside(self, fix: tuple):
        """True if a fix lies in a private zone, False if outside every one, None if it is too poor to tell."""
        if fix[6] not in (2, 3):
            return None
        try:
            if self._in_zone(fix[1], fix[2]):
                return True
        except WireError:
            return None
        return False if 0 <= fix[3] <= 1000 * _MAX_H_ACC_M[cells.CELL_1KM] else None

    def _is_sound(self, fix):
        """A 2D or 3D fix of some accuracy. An unknown one is let through as quality class 15 [a receiver that never
        tells it must not be silent], but tells of no place [it may be anywhere].
        """
        _, _, _, h_acc_mm, speed_mm_s, course_e5, mode = fix[:7]
        if mode not in (2, 3) or h_acc_mm > self._max_acc_mm or (h_acc_mm < 0 and self.places):
            return False
        return speed_mm_s <= _MAX_SPEED_MM_S and course_e5 < 36_000_000

    def _in_zone(self, lat_e7, lon_e7):
        zones = self._directive.zones
        return bool(zones) and cells.cell_of(lat_e7, lon_e7, cells.CELL_1KM) in zones
