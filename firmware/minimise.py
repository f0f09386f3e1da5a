"""Minimiser: what is not permitted in a fix is cut here, before anything keeps it."""

from firmware.const import const
from firmware.errors import WireError
from firmware.wire import cells
from firmware.wire.batch import entry_of
from firmware.wire.directive import GNSS, SPEED_AND_COURSE

# m; a fix that is less accurate than this is not kept. For `exact` a kilometre: it is then no position any more; for a
# cell the power of two at its quality class, about the size of the cell.
_MAX_H_ACC_M = const((1024, 128, 1024, 16_384, 32_768))
_MAX_SPEED_MM_S = const(1_000_000)  # the format's limit; no vehicle on the ground comes near it


class Minimiser:
    """Minimiser(directive): one for each directive in force (None: nothing is permitted); keeps the time of the last
    entry, no fix.
    """

    def __init__(self, directive):
        self._directive = directive
        self._last_s = None
        self._side = directive is not None and directive.fields & SPEED_AND_COURSE != 0

    def sensing_at(self, time_s: int) -> bool:
        """False without the sensor, after the lease and in the hours in which nothing is sensed: the receiver stays
        unpowered.
        """
        directive = self._directive
        if directive is None or not directive.permits(GNSS):
            return False
        return time_s < directive.lease_until and not directive.closed_at(time_s)

    def accept(self, fix: tuple):
        """Entry for batch.pack_location, or None if nothing of the fix may be kept.

        fix: (time_s, lat_e7, lon_e7, h_acc_mm, speed_mm_s, course_e5, mode, satellites), unknown -1. Entry: (time_s,
        row, col, quality), or with speed and course permitted and known (time_s, row, col, quality, speed_dm_s,
        course_deg). One for each time step at most.
        """
        if not self.sensing_at(fix[0]) or not self._is_sound(fix):
            return None
        try:
            # 1. Nothing of a zone leaves, whatever the precision [in-zone side data locates a home in ten trips].
            if self._in_zone(fix[1], fix[2]):
                return None
            # 2. Position, time and quality no finer than permitted; speed and course only with leave.
            entry = entry_of(fix, self._directive.precision, self._side)
        except WireError:
            return None  # a position that is not on Earth
        # 3. One entry a time step [their number and order would tell the time within it].
        if self._last_s is not None and entry[0] <= self._last_s:
            return None
        self._last_s = entry[0]
        return entry

    def inside(self, fix: tuple):
        """True if a fix lies in a private zone, False if outside every one, None if it is too poor to tell."""
        if fix[6] not in (2, 3):
            return None
        try:
            if self._in_zone(fix[1], fix[2]):
                return True
        except WireError:
            return None
        return None if fix[3] > 1000 * _MAX_H_ACC_M[cells.CELL_1KM] else False

    def _is_sound(self, fix):
        """A 2D or 3D fix of some accuracy; an unknown accuracy is let through, as quality class 15."""
        _, _, _, h_acc_mm, speed_mm_s, course_e5, mode = fix[:7]
        if mode not in (2, 3) or h_acc_mm > 1000 * _MAX_H_ACC_M[self._directive.precision]:
            return False
        return speed_mm_s <= _MAX_SPEED_MM_S and course_e5 < 36_000_000

    def _in_zone(self, lat_e7, lon_e7):
        zones = self._directive.zones
        return bool(zones) and cells.cell_of(lat_e7, lon_e7, cells.CELL_1KM) in zones
