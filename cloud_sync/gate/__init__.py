"""The one gate."""

from cloud_sync.gate.decide import decide
from cloud_sync.gate.entrance import covers
from cloud_sync.gate.gate import Gate
from cloud_sync.gate.known import Known
from cloud_sync.gate.mail import MailClass
from cloud_sync.gate.question import Decision, Facts, Request
from cloud_sync.model.access import StaffGrant

__all__ = ["Decision", "Facts", "Gate", "Known", "MailClass", "Request", "StaffGrant", "covers", "decide"]
