"""byleave firmware: the device side, for MicroPython."""
