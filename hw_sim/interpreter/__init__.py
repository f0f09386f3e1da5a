"""The real interpreter beneath a board: found, fed with its modules, and answered."""
