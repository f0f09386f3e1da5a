"""A fix made coarser for a reader who may know less than the device was allowed to tell."""

from __future__ import annotations

from dataclasses import replace

from cloud_sync.model import Fix, Precision
from cloud_sync.wire import cells
from cloud_sync.wire.batch import LEAST_QUALITY, TIME_STEP_S


def coarsen(fix: Fix, precision: Precision) -> Fix:
    """`fix` at `precision`, or unchanged if it is that coarse already; `precision` must be one that has cells.

    Time and quality coarsen along and the side fields go [side fields undo a coarse position].
    """
    if fix.precision >= precision:
        return fix
    cell = cells.cell_of(fix.lat_e7, fix.lon_e7, precision)
    lat_e7, lon_e7 = cells.centre_e7(*cell, precision)
    return replace(
        fix,
        time=fix.time // TIME_STEP_S[precision] * TIME_STEP_S[precision],
        lat_e7=lat_e7,
        lon_e7=lon_e7,
        precision=precision,
        quality=max(fix.quality, LEAST_QUALITY[precision]),
        speed_dm_s=None,
        course_deg=None,
    )
