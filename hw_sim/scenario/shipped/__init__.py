"""Scenarios of byleave that come with the package: `byleave sim run --list`."""
