"""Retention schedules, carried out."""
