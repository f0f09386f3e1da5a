"""The world around a board: its time, where it is, what is around its sensors."""
