"""Ladder keys, wrapped at rest."""
