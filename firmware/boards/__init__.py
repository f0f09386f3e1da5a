"""One board, one file."""
