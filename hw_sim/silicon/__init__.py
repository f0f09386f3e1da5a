"""What lies between a program and the chips: flash, pins, buses, serial lines, and what hangs on them."""
