"""Releases of the firmware: its modules as bytecode for a board, under shorter names."""
