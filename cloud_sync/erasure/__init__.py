"""The one path of erasure."""
