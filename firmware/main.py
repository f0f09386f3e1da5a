"""Start of the device: MicroPython runs this file after boot. Built in beside `slots`, and never replaced over the air."""

import gc
import sys

# Before the first import: what stays then lies together. Collected only when the heap is full, the longest free piece
# of 74 KB was 4 KB, and a broker's largest packets found no place.
gc.threshold(32 * 1024)

# No module comes out of the file system [a file by the name of a built-in one would run in its place]. Each import of a built-in
# module looked there first, too: 1,200 reads of flash a start. Nor out of the first slot, which MicroPython mounts as /rom and
# puts on the path, whatever is known of it [a release that was taken back].
aside = ("", "/lib", "/rom", "/rom/lib") if "/rom/lib" in sys.path else ("", "/lib")
sys.path[:] = [place for place in sys.path if place not in aside]

try:
    import slots  # type: ignore[import-not-found]
except ImportError:
    # Not built in, but flashed by cable: beside this file, or with a whole release in a folder that `start` names; or copied
    # here with all of it. What is built in still comes first.
    try:
        with open("/start") as file:
            sys.path.append(file.read())
    except OSError:
        sys.path.append("/")
    import os

    import slots

    if sys.path[-1] == "/" and "firmware" not in os.listdir("/"):  # the release lies in a slot
        sys.path.pop()

slots.run()
