"""Rights of people: cases with a statutory clock, who is who, and what each right does."""

from cloud_sync.rights.carry import Carry
from cloud_sync.rights.desk import Desk, Opened
from cloud_sync.rights.documents import Documents
from cloud_sync.rights.identity import IdentityLinks

__all__ = ["Carry", "Desk", "Documents", "IdentityLinks", "Opened"]
