"""Recorded drives that come with the package."""
