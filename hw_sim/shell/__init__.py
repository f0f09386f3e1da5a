"""The prompt of a board on a pseudo-terminal, as mpremote expects it (docs/decisions/0005)."""
