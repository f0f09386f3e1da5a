"""Tamper-evident log."""
