"""Descriptions of boards, in TOML."""
