"""Start of the device: MicroPython runs this file after boot."""

import gc

# Before the first import: what stays then lies together. Collected only when the heap is full, the longest free piece
# of 74 KB was 4 KB, and a broker's largest packets found no place.
gc.threshold(32 * 1024)

from firmware.app import main  # noqa: E402

main()
