"""What a board's program says on its console, and what of it may be shown."""
