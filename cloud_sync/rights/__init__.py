"""Rights of people: cases with a statutory clock, who is who, what each right does, and decisions that rules take."""

from cloud_sync.rights.automated import Automated, Logic
from cloud_sync.rights.carry import Carry
from cloud_sync.rights.desk import Desk, Opened
from cloud_sync.rights.directory import Directory
from cloud_sync.rights.documents import Documents
from cloud_sync.rights.identity import IdentityLinks

__all__ = ["Automated", "Carry", "Desk", "Directory", "Documents", "IdentityLinks", "Logic", "Opened"]
