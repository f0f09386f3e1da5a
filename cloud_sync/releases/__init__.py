"""Releases of the firmware: made and signed where the controller keeps the key, kept and offered by the server."""
