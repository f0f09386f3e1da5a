"""Start of the device: MicroPython runs this file after boot. Built in beside `slots`, and never replaced over the air."""

import gc
import sys

# Before the first import: what stays then lies together. Collected only when the heap is full, the longest free piece
# of 74 KB was 4 KB, and a broker's largest packets found no place.
gc.threshold(32 * 1024)

# No module comes out of the file system [a file by the name of a built-in one would run in its place]. Each import of a built-in
# module looked there first, too: 1,200 reads of flash a start.
sys.path[:] = [place for place in sys.path if place not in ("", "/lib")]

import slots  # type: ignore[import-not-found]  # noqa: E402

slots.run()
