"""One chip, one file."""
