"""byleave firmware: the device side, for MicroPython."""

VERSION = "0.1.0"
