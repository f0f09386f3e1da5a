"""The demo's story: its steps in their order."""

from __future__ import annotations

from hw_sim.demo.steps.acts import consent
from hw_sim.demo.steps.crash import power_and_network
from hw_sim.demo.steps.drive import consented_drive, enrolled_without_consent
from hw_sim.demo.steps.erasure import erasure
from hw_sim.demo.steps.expiry import expiry
from hw_sim.demo.steps.outcome import Outcome, Progress
from hw_sim.demo.steps.reading import lawful_read
from hw_sim.demo.steps.seizure import seizure
from hw_sim.demo.steps.withdrawal import withdrawal

__all__ = ["STEPS", "Outcome", "Progress", "consent", "consented_drive", "enrolled_without_consent", "lawful_read"]

STEPS = (
    enrolled_without_consent,
    consented_drive,
    lawful_read,
    power_and_network,
    withdrawal,
    expiry,
    erasure,
    seizure,
)
