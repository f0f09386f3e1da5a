"""Start of the device: MicroPython runs this file after boot. Built in beside `slots`, and never replaced over the air."""

import gc

# Before the first import: what stays then lies together. Collected only when the heap is full, the longest free piece
# of 74 KB was 4 KB, and a broker's largest packets found no place.
gc.threshold(32 * 1024)

import slots  # type: ignore[import-not-found]  # noqa: E402

slots.run()
