"""Start of the device: MicroPython runs this file after boot."""

from firmware.app import main

main()
