"""The demonstration: composition root."""
