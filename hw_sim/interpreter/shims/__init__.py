"""MicroPython side of the simulator: each module stands where the board's own module of that name would."""
