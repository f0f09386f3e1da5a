"""Enrolment: what a new device begins with, how it reaches the board, and what its server gets."""
