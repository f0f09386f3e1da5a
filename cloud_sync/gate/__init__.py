"""The one gate."""

from cloud_sync.gate.decide import Decision, Facts, Request, decide
from cloud_sync.gate.gate import Gate

__all__ = ["Decision", "Facts", "Gate", "Request", "decide"]
