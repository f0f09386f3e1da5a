"""The one gate."""

from cloud_sync.gate.decide import covers, decide
from cloud_sync.gate.gate import Gate, Known
from cloud_sync.gate.mail import MailClass
from cloud_sync.gate.question import Decision, Facts, Request
from cloud_sync.model.access import StaffGrant

__all__ = ["Decision", "Facts", "Gate", "Known", "MailClass", "Request", "StaffGrant", "covers", "decide"]
