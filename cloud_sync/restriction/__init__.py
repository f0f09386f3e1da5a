"""Restrictions of processing, and legal holds: states in which data stays and is not used."""

from cloud_sync.restriction.holds import Holds
from cloud_sync.restriction.restrictions import Restrictions

__all__ = ["Holds", "Restrictions"]
