"""The demo's story: its steps in their order."""

from __future__ import annotations

from hw_sim.demo.steps.acts import consent
from hw_sim.demo.steps.drive import consented_drive, enrolled_without_consent
from hw_sim.demo.steps.outcome import Outcome, Progress
from hw_sim.demo.steps.reading import lawful_read

__all__ = ["STEPS", "Outcome", "Progress", "consent", "consented_drive", "enrolled_without_consent", "lawful_read"]

STEPS = (enrolled_without_consent, consented_drive, lawful_read)
