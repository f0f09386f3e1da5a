"""Runs in the real MicroPython interpreter: a minimiser over fixes that are given; prints what leaves, time and heap.

Arguments: root of the checkout, and a file: first a line of JSON {"directive": wire list without its challenge, "secret": hex},
then a fix a line, its numbers between commas. Prints an entry a line in the same way, and at last the figures as JSON.
"""

import gc
import json
import sys
import time


def free_bytes():
    """Free heap after a collection."""
    gc.collect()
    return gc.mem_free()


def main(file):
    """The run; figures: µs in all, fixes, and the heap that the minimiser takes when it begins and when it has seen all."""
    from firmware.minimise import Minimiser
    from firmware.wire.directive import Directive

    given = json.loads(file.readline())
    directive = Directive.from_wire(given["directive"] + [b""])
    secret = bytes([int(given["secret"][i : i + 2], 16) for i in range(0, len(given["secret"]), 2)])
    before = free_bytes()
    minimiser = Minimiser(directive, secret)
    modules = before - free_bytes()
    us = fixes = 0
    while True:
        line = file.readline()
        if not line:
            break
        fix = tuple([int(number) for number in line.split(",")])
        start = time.ticks_us()
        entries = minimiser.accept(fix)
        us += time.ticks_diff(time.ticks_us(), start)
        fixes += 1
        for entry in entries:
            print(*entry, sep=",")
    line = fix = entries = entry = None
    seen = free_bytes()
    for entry in minimiser.flush():
        print(*entry, sep=",")
    minimiser = entry = None
    objects = free_bytes() - seen
    print(json.dumps({"us": us, "fixes": fixes, "modules_bytes": modules, "objects_bytes": objects}))


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    with open(sys.argv[2]) as content:  # noqa: PTH123 - MicroPython has no pathlib
        main(content)
