"""Flashing: MicroPython itself, and a release of the firmware, onto a board on a cable."""
