"""Purpose-bound reads."""
