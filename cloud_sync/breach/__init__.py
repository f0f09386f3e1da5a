"""Incidents: the record, who is concerned, clocks, letters, and the register of all of them (GDPR Art. 33, 34)."""

from cloud_sync.breach.concerned import Concerned, Finder
from cloud_sync.breach.desk import BreachDesk
from cloud_sync.breach.telling import LettersLeft

__all__ = ["BreachDesk", "Concerned", "Finder", "LettersLeft"]
